"""When a new revision does too badly: counts of one worker since its link was opened, held against the policy's."""

from gateway.profiles.model import Watch
from gateway.registry.model import Registry
from gateway.registry.shelter import ShelteredRegistry

_REJECTED = "registry_credentials_rejected"
_SCHEMA = "registry_answer_invalid"
_FAILED = ("registry_unavailable", "registry_timeout", "registry_refused")


def find_crossing(registry: Registry, watch: Watch) -> str | None:
    """Return which threshold is crossed, in words with its figures; None while it does well.

    Errors and broken answers count only while they are more than half of all.
    """
    if not isinstance(registry, ShelteredRegistry):
        return None
    total = registry.tally.total()
    counts = dict.fromkeys((_REJECTED, _SCHEMA, *_FAILED), 0)
    for (_, outcome), count in registry.tally.items():
        if outcome in counts:
            counts[outcome] += count
    failed = sum(counts[outcome] for outcome in _FAILED)
    if counts[_REJECTED] >= watch.refused_logins:
        return f"{counts[_REJECTED]} logins refused"
    if counts[_SCHEMA] >= watch.invalid_answers and counts[_SCHEMA] * 2 > total:
        return f"{counts[_SCHEMA]} of {total} answers were invalid"
    if failed >= watch.failures and failed * 2 > total:
        return f"{failed} of {total} questions failed"
    return None
