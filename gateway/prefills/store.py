"""Traces of prefills and discrepancies at rest. All SQL of this room; no value of the registry is ever here."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.database import Instant, metadata
from gateway.identifiers import VerificationId
from gateway.places import Profile
from gateway.prefills.model import Discrepancy, DiscrepancyState, Trace
from gateway.verifications.persons_store import Person, is_about
from gateway.verifications.store import verifications

prefills = sa.Table(
    "prefills",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), nullable=False),
    sa.Column("verification", sa.ForeignKey("verifications.id"), nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Index(None, "verification"),
)

discrepancies = sa.Table(
    "discrepancies",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("prefill", sa.ForeignKey("prefills.id"), nullable=False),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("subject_key", sa.String(40), nullable=False),
    sa.Column("field", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("filed_at", Instant, nullable=False),
    sa.Column("sealed_note", sa.LargeBinary, nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Index(None, "client_id", "subject"),
)


async def insert_trace(connection: AsyncConnection, trace: Trace) -> None:
    """Remember a prefill."""
    members = _members(prefills, trace) | {"fields": list(trace.fields)}
    await connection.execute(sa.insert(prefills), members)


async def find_trace(
    connection: AsyncConnection, prefill_id: str, *, profile: Profile, client_id: str
) -> Trace | None:
    """Return an account's own prefill."""
    query = sa.select(prefills).where(
        prefills.c.id == prefill_id,
        prefills.c.profile == profile.value,
        prefills.c.client_id == client_id,
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return Trace(
        id=row.id,
        profile=Profile(row.profile),
        client_id=row.client_id,
        verification=VerificationId(row.verification),
        fields=tuple(row.fields),
        made_at=row.made_at,
    )


async def insert_discrepancy(connection: AsyncConnection, discrepancy: Discrepancy) -> None:
    """Add a discrepancy."""
    members = _members(discrepancies, discrepancy) | {"state": discrepancy.state.value}
    await connection.execute(sa.insert(discrepancies), members)


async def list_open_fields(
    connection: AsyncConnection, *, profile: Profile, client_id: str, person: Person, claim_key: str
) -> frozenset[str]:
    """Return the fields of a citizen that this account has an open discrepancy on.

    One of before holders were kept is told by its claim.
    """
    unmarked = sa.and_(verifications.c.holder.is_(None), verifications.c.claim_key == claim_key)
    query = (
        sa.select(discrepancies.c.field)
        .join(prefills, prefills.c.id == discrepancies.c.prefill)
        .join(verifications, verifications.c.id == prefills.c.verification)
        .where(
            discrepancies.c.profile == profile.value,
            discrepancies.c.client_id == client_id,
            discrepancies.c.subject.in_(person.pseudonyms),
            sa.or_(is_about(person), unmarked),
            discrepancies.c.state == DiscrepancyState.OPEN.value,
        )
    )
    return frozenset((await connection.execute(query)).scalars())


def _members(table: sa.Table, value: Trace | Discrepancy) -> dict[str, Any]:
    members = {column.name: getattr(value, column.name) for column in table.columns}
    return members | {"profile": value.profile.value}
