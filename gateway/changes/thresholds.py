"""When a new revision does too badly: what all workers have counted, held against the policy's thresholds."""

from gateway.changes.tally_store import Tally
from gateway.profiles.model import Watch


def find_crossing(tally: Tally, watch: Watch) -> str | None:
    """Return which threshold is crossed, in words with its figures; None while it does well.

    Errors and broken answers count only while they are more than half of all.
    """
    if tally.refused_logins >= watch.refused_logins:
        return f"{tally.refused_logins} logins refused"
    if tally.invalid_answers >= watch.invalid_answers and tally.invalid_answers * 2 > tally.asked:
        return f"{tally.invalid_answers} of {tally.asked} answers were invalid"
    if tally.failures >= watch.failures and tally.failures * 2 > tally.asked:
        return f"{tally.failures} of {tally.asked} questions failed"
    return None
