"""What each link has counted under a change that is watched, at rest."""

from dataclasses import astuple, dataclass

import sqlalchemy as sa

from gateway.database import Transaction, metadata

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


async def delete_tallies(transaction: Transaction, change: str) -> None:
    """Drop what was counted under a change that is watched no longer."""
    await transaction.execute(sa.delete(watch_tallies).where(watch_tallies.c.change == change))


async def read_tallies(transaction: Transaction, change: str) -> dict[str, Tally]:
    """Return what each link has counted under a change."""
    rows = await transaction.execute(sa.select(watch_tallies).where(watch_tallies.c.change == change))
    return {row.link: Tally(row.asked, row.refused_logins, row.invalid_answers, row.failures) for row in rows}


async def write_tally(transaction: Transaction, *, change: str, link: str, tally: Tally) -> None:
    """Put what a link has counted in the place of what it had."""
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
