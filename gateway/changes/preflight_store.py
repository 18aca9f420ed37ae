"""Preflights at rest, as long as they count: when each began, and how many questions about a test identity it put."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.database import Instant, Transaction, metadata
from gateway.places import Profile

preflight_runs = sa.Table(
    "preflight_runs",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("change", sa.String(40), nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("begun_at", Instant, nullable=False, index=True),
    sa.Column("asked_at", Instant),
    sa.Column("questions", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One preflight of a change; `questions` about its test identity were put from `asked_at` on."""

    id: str
    change: str
    profile: Profile | None
    begun_at: datetime
    asked_at: datetime | None = None
    questions: int = 0


async def insert_run(transaction: Transaction, run: Run) -> None:
    """Add a preflight that begins."""
    await transaction.execute(sa.insert(preflight_runs).values(asdict(run)))


async def charge_run(transaction: Transaction, run: str, *, questions: int, at: datetime) -> bool:
    """Note what a preflight is about to ask; say whether it is there to be charged."""
    change = sa.update(preflight_runs).where(preflight_runs.c.id == run, preflight_runs.c.asked_at.is_(None))
    return bool((await transaction.execute(change.values(questions=questions, asked_at=at))).rowcount)


async def list_begun(transaction: Transaction, *, change: str, since: datetime) -> list[datetime]:
    """Return when a change's preflights since then began, the oldest first."""
    query = sa.select(preflight_runs.c.begun_at).where(
        preflight_runs.c.change == change, preflight_runs.c.begun_at > since
    )
    return sorted((await transaction.execute(query)).scalars())


async def list_asked(
    transaction: Transaction, *, profile: Profile, since: datetime
) -> list[tuple[datetime, int]]:
    """Return when, and how much, was asked about test identities of a profile since then, the oldest first."""
    query = sa.select(preflight_runs.c.asked_at, preflight_runs.c.questions).where(
        preflight_runs.c.profile == profile.value, preflight_runs.c.asked_at > since
    )
    return sorted((row.asked_at, row.questions) for row in await transaction.execute(query))


async def delete_runs(transaction: Transaction, *, before: datetime) -> None:
    """Drop what began before then and counts no more."""
    await transaction.execute(sa.delete(preflight_runs).where(preflight_runs.c.begun_at < before))
