"""What all workers together have seen of a new revision: a threshold is the deployment's, not a worker's.

Each worker writes down what its own link has counted so far, under the link's id, whenever that has moved; whoever
looks adds them up. A worker that ended leaves its counts behind, so a restart forgets nothing.
"""

from dataclasses import astuple, dataclass
from functools import partial

import sqlalchemy as sa

from gateway.database import Transaction, metadata
from gateway.profiles.model import Gateway
from gateway.registry.shelter import ShelteredRegistry

_REJECTED = "registry_credentials_rejected"
_SCHEMA = "registry_answer_invalid"
_FAILED = {"registry_unavailable", "registry_timeout", "registry_refused"}

watch_tallies = sa.Table(
    "watch_tallies",
    metadata,
    sa.Column("change", sa.String(40), primary_key=True),
    sa.Column("link", sa.String(40), primary_key=True),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("refused_logins", sa.Integer, nullable=False),
    sa.Column("invalid_answers", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """Questions under one revision, and how many of them went wrong in which way."""

    asked: int = 0
    refused_logins: int = 0
    invalid_answers: int = 0
    failures: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Add member by member."""
        return Tally(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))


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
        held = await _read(transaction, change)
    if own is None:
        return sum(held.values(), Tally())
    newest = tally_of(own)
    if held.get(own.id, Tally()) != newest:
        # Behind the audit's lock, like all that this room writes.
        await gateway.parts.audit.record(change=partial(_write, change=change, link=own.id, tally=newest))
    return sum((held | {own.id: newest}).values(), Tally())


async def forget(transaction: Transaction, change: str) -> None:
    """Drop what was counted under a change that is watched no longer."""
    await transaction.execute(sa.delete(watch_tallies).where(watch_tallies.c.change == change))


async def _read(transaction: Transaction, change: str) -> dict[str, Tally]:
    rows = await transaction.execute(sa.select(watch_tallies).where(watch_tallies.c.change == change))
    return {row.link: Tally(row.asked, row.refused_logins, row.invalid_answers, row.failures) for row in rows}


async def _write(transaction: Transaction, *, change: str, link: str, tally: Tally) -> None:
    own = (watch_tallies.c.change == change, watch_tallies.c.link == link)
    await transaction.execute(sa.delete(watch_tallies).where(*own))
    await transaction.execute(
        sa.insert(watch_tallies).values(
            change=change,
            link=link,
            asked=tally.asked,
            refused_logins=tally.refused_logins,
            invalid_answers=tally.invalid_answers,
            failures=tally.failures,
        )
    )
