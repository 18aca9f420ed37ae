"""What all workers together have seen of a new revision: a threshold is the deployment's, not a worker's.

Each worker writes down what its own link has counted so far, under the link's id, whenever that has moved; whoever
looks adds them up. A worker that ended leaves its counts behind, so a restart forgets nothing.
"""

from functools import partial

from gateway.changes.tally_store import Tally, read_tallies, write_tally
from gateway.profiles.model import Gateway
from gateway.registry.shelter import ShelteredRegistry

_REJECTED = "registry_credentials_rejected"
_SCHEMA = "registry_answer_invalid"
_FAILED = {"registry_unavailable", "registry_timeout", "registry_refused"}


def tally_of(registry: ShelteredRegistry) -> Tally:
    """Return what one link has counted since it was opened."""
    counts: dict[str, int] = {}
    for (_, outcome), count in registry.tally.items():
        counts[outcome] = counts.get(outcome, 0) + count
    return Tally(
        asked=sum(counts.values()),
        refused_logins=counts.get(_REJECTED, 0),
        invalid_answers=counts.get(_SCHEMA, 0),
        failures=sum(count for outcome, count in counts.items() if outcome in _FAILED),
    )


async def gather(gateway: Gateway, change: str, own: ShelteredRegistry | None) -> Tally:
    """Return what all workers have counted under a change's revision, this one's newest among it."""
    async with gateway.parts.database.read() as transaction:
        held = await read_tallies(transaction, change)
    if own is None:
        return sum(held.values(), Tally())
    newest = tally_of(own)
    if held.get(own.id, Tally()) != newest:
        # Behind the audit's lock, like all that this room writes.
        await gateway.parts.audit.record(
            change=partial(write_tally, change=change, link=own.id, tally=newest)
        )
    return sum((held | {own.id: newest}).values(), Tally())
