"""Traces of prefills and discrepancies in the database, without any value of the registry."""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.store import accounts
from gateway.audit.state import State, row_digest, row_name
from gateway.enquiries.model import Discrepancy, DiscrepancyPage, DiscrepancyState, Page, Trace
from gateway.enquiries.person_store import Person
from gateway.enquiries.store import verifications
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import Profile, VerificationId
from gateway.storage.database import Instant, metadata
from gateway.storage.driver import DriverTransaction, Reader
from gateway.storage.statements import HotStatement, is_one_of

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
    sa.Column("resolved_at", Instant),
    sa.Column("resolved_by", sa.String(64)),
    sa.Column("reason_vi", sa.String(500)),
    sa.Column("reason", sa.String(500)),
    sa.Index(None, "client_id", "subject"),
    sa.Index(None, "profile", "client_id", "filed_at"),
)


_INSERT = HotStatement(sa.insert(prefills))


async def insert_traces(transaction: DriverTransaction, traces: Sequence[Trace]) -> list[State]:
    """Add the traces of prefills; return what each changed, for its evidence."""
    rows = [_members(prefills, trace) | {"fields": list(trace.fields)} for trace in traces]
    await transaction.run(_INSERT, rows)
    return [{row_name("prefills", (row["id"],)): (None, row_digest("prefills", row))} for row in rows]


async def find_trace(
    connection: AsyncConnection, prefill_id: str, *, profile: Profile, client_id: str
) -> Trace | None:
    """Return the account's own prefill."""
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


async def find_open_discrepancy(connection: AsyncConnection, like: Discrepancy) -> Discrepancy | None:
    """Return the account's first open discrepancy about the same field of the same prefill or citizen."""
    table = discrepancies.c
    query = (
        sa.select(discrepancies)
        .where(
            table.profile == like.profile.value,
            table.client_id == like.client_id,
            table.field == like.field,
            sa.or_(table.prefill == like.prefill, table.subject == like.subject),
            table.state == DiscrepancyState.OPEN.value,
        )
        .order_by(table.filed_at)
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None else _discrepancy(row)


async def find_discrepancy(connection: AsyncConnection, discrepancy_id: str) -> Discrepancy | None:
    """Return the discrepancy with an id, of any account and profile."""
    query = sa.select(discrepancies).where(discrepancies.c.id == discrepancy_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _discrepancy(row)


async def list_discrepancy_ids(connection: AsyncConnection, beginning: str) -> Sequence[str]:
    """Return the ids of all discrepancies that begin with a text."""
    query = sa.select(discrepancies.c.id).where(discrepancies.c.id.startswith(beginning, autoescape=True))
    return (await connection.execute(query)).scalars().all()


async def list_discrepancies(
    connection: AsyncConnection, page: Page, *, profile: Profile | None = None, client_id: str | None = None
) -> DiscrepancyPage:
    """Return one page of the discrepancies of a profile and an account (None: of all).

    Raises:
        RequestInvalid: `after` is none of them.
    """
    table, wanted = discrepancies.c, []
    if profile is not None:
        wanted.append(table.profile == profile.value)
    if client_id is not None:
        wanted.append(table.client_id == client_id)
    if page.after is not None:
        known = sa.select(table.filed_at).where(table.id == page.after, *wanted)
        at = (await connection.execute(known)).scalar_one_or_none()
        if at is None:
            raise RequestInvalid.of("after", "the id of the last discrepancy of the page before")
        older = sa.and_(table.filed_at == at, table.id < page.after)
        wanted.append(sa.or_(table.filed_at < at, older))
    if page.state is not None:
        wanted.append(table.state == page.state.value)
    order = (table.filed_at.desc(), table.id.desc())
    query = sa.select(discrepancies).where(*wanted).order_by(*order).limit(page.limit + 1)
    rows = [_discrepancy(row) for row in await connection.execute(query)]
    found = tuple(rows[: page.limit])
    return DiscrepancyPage(found=found, next=found[-1].id if len(rows) > page.limit else None)


async def list_disputed(
    connection: AsyncConnection, *, profile: Profile, organisation: str, subjects: Collection[str]
) -> list[Discrepancy]:
    """Return the discrepancies about a person that an organisation filed, in any state, oldest first.

    `subjects` are the person's pseudonyms. The index has the account before them.
    """
    table = discrepancies.c
    own = sa.select(accounts.c.client_id).where(
        accounts.c.profile == profile.value, accounts.c.organisation == organisation
    )
    query = sa.select(discrepancies).where(table.client_id.in_(own), table.subject.in_(sorted(subjects)))
    return [_discrepancy(row) for row in await connection.execute(query.order_by(table.filed_at, table.id))]


async def resolve_discrepancy(connection: AsyncConnection, resolved: Discrepancy) -> None:
    """Store how an operator resolved a discrepancy, and delete its note."""
    members = {
        "state": resolved.state.value,
        "resolved_at": resolved.resolved_at,
        "resolved_by": resolved.resolved_by,
        "reason_vi": resolved.reason_vi,
        "reason": resolved.reason,
        "sealed_note": b"",
        "wrapped_key": b"",
    }
    await connection.execute(
        sa.update(discrepancies).where(discrepancies.c.id == resolved.id).values(members)
    )


def _discrepancy(row: sa.Row[Any]) -> Discrepancy:
    members = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public way to a row's names
    members |= {"profile": Profile(row.profile), "state": DiscrepancyState(row.state)}
    return Discrepancy(**members)


def about_person(person: Person) -> sa.ColumnElement[bool]:
    """Return the SQL condition that a verification is certainly about this person."""
    return sa.or_(
        verifications.c.subject.in_(person.whole),
        # A holder belongs to one number, so number and holder need no comparison in pairs.
        sa.and_(
            verifications.c.subject.in_(frozenset(person.held)),
            verifications.c.holder.in_(frozenset(person.held.values())),
        ),
    )


_OPEN_FIELDS = HotStatement(
    sa.select(discrepancies.c.field)
    .join(prefills, prefills.c.id == discrepancies.c.prefill)
    .join(verifications, verifications.c.id == prefills.c.verification)
    .where(
        discrepancies.c.profile == sa.bindparam("profile"),
        discrepancies.c.client_id == sa.bindparam("client_id"),
        discrepancies.c.state == sa.literal_column(f"'{DiscrepancyState.OPEN.value}'"),
        is_one_of(discrepancies.c.subject, "subjects"),
        sa.or_(
            # As `about_person`; a verification that was stored before holders were is found by its claim.
            is_one_of(verifications.c.subject, "whole"),
            sa.and_(is_one_of(verifications.c.subject, "held"), is_one_of(verifications.c.holder, "holders")),
            sa.and_(verifications.c.holder.is_(None), verifications.c.claim_key == sa.bindparam("claim_key")),
        ),
    )
)


async def list_open_fields(
    reader: Reader, *, profile: Profile, client_id: str, person: Person, claim_key: str
) -> frozenset[str]:
    """Return the fields of a citizen on which this account has an open discrepancy."""
    members = {
        "profile": profile.value,
        "client_id": client_id,
        "subjects": person.pseudonyms,
        "whole": person.whole,
        "held": person.held,
        "holders": person.held.values(),
        "claim_key": claim_key,
    }
    return frozenset(row[0] for row in await reader.fetch(_OPEN_FIELDS, members))


def _members(table: sa.Table, value: Trace | Discrepancy) -> dict[str, Any]:
    members = {column.name: getattr(value, column.name) for column in table.columns}
    return members | {"profile": value.profile.value}
