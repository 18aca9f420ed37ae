"""Applications at rest: which bundles were made to be sent, by their hash, and what they ask for. All SQL of this room.

The bundle itself is not kept: it is a file of whoever applies, and its hash tells it from any other.
"""

import sqlalchemy as sa

from gateway.applications.model import Application
from gateway.database import Instant, Transaction, metadata
from gateway.procedures.fields import Operation

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
    values = {
        "sha256": application.sha256,
        "made_at": application.made_at,
        "made_by": application.made_by,
        "procedures": list(application.procedures),
        "operations": [operation.value for operation in application.operations],
        "rate_per_second": application.rate_per_second,
        "rate_per_day": application.rate_per_day,
    }
    await transaction.execute(sa.insert(applications).values(values))


async def find_application(transaction: Transaction, sha256: str) -> Application | None:
    """Return the application whose bundle has this hash."""
    query = sa.select(applications).where(applications.c.sha256 == sha256)
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    return Application(
        sha256=row.sha256,
        made_at=row.made_at,
        made_by=row.made_by,
        procedures=tuple(row.procedures),
        operations=tuple(Operation(operation) for operation in row.operations),
        rate_per_second=row.rate_per_second or 0,
        rate_per_day=row.rate_per_day or 0,
    )
