"""The table of complete applications: the hash of the bundle and what it asks for; and all SQL on it.

The bundle itself is not stored: it is the applicant's file.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.procedures.model import Operation
from gateway.storage.database import Instant, Transaction, metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A complete bundle, identified by its hash. The preflight of its official account asks for its procedures.

    The stated rate limits what accounts may ask; 0 in rows that are older than the column.
    """

    sha256: str
    made_at: datetime
    made_by: str
    procedures: tuple[str, ...]
    operations: tuple[Operation, ...]
    rate_per_second: int = 0
    rate_per_day: int = 0


applications = sa.Table(
    "applications",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("made_by", sa.String(64), nullable=False),
    sa.Column("procedures", sa.JSON, nullable=False),
    sa.Column("operations", sa.JSON, nullable=False),
    sa.Column("rate_per_second", sa.Integer),
    sa.Column("rate_per_day", sa.Integer),
)


async def insert_application(transaction: Transaction, application: Application) -> None:
    """Add an application."""
    values = asdict(application) | {"operations": [operation.value for operation in application.operations]}
    await transaction.execute(sa.insert(applications).values(values))


async def find_application(transaction: Transaction, sha256: str) -> Application | None:
    """Return the application whose bundle has this hash."""
    query = sa.select(applications).where(applications.c.sha256 == sha256)
    row = (await transaction.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    values = dict(row) | {
        "procedures": tuple(row["procedures"]),
        "operations": tuple(map(Operation, row["operations"])),
        "rate_per_second": row["rate_per_second"] or 0,
        "rate_per_day": row["rate_per_day"] or 0,
    }
    return Application(**values)


async def list_hashes(transaction: Transaction) -> Sequence[str]:
    """Return the hash of every complete application's bundle."""
    return (await transaction.execute(sa.select(applications.c.sha256))).scalars().all()
