"""Audit entries in the database: how they are appended, and what reads them.

An entry has an id that keeps causal order (who has read a committed entry appends with a higher id) and has gaps. It waits in
`audit_waiting` until the sequencer gives it a row (`tree_store.py`). The members that queries use are also columns;
`audit verify` compares them. An entry can be dropped by month, its row stays. See docs/decisions/0027 and 0078.
"""

import secrets
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.audit.model import AuditEntry, EntryMacs, Kind, find_members, leaf_hash
from gateway.clock import month_of
from gateway.errors.operators import AuditBroken
from gateway.identifiers import Profile
from gateway.storage.database import Database, Instant, RowNumber, metadata
from gateway.storage.driver import DriverTransaction, any_text, escape_surrogates, fetch_plain
from gateway.storage.statements import HotStatement, is_one_of

log = structlog.get_logger("gateway.audit")

INDEXED = ("profile", "organisation", "citizen", "kind", "request_code", "client_id", "request_id")

_LEDGER_KINDS = (
    Kind.ANSWERED,
    Kind.REUSED,
    Kind.DELIVERED,
    Kind.REFUSED,
    Kind.SHOWN,
    Kind.INSPECTED,
)

LEDGER_MOST = 500
"""Limit of one answer: a portal can cause any number of entries without a question to the registry."""

BEFORE_ALL = -(2**63)
"""Below every id and row number, also those that somebody inserted, but this one itself (`refuse_lowest`)."""

ID_END = 2**62
"""Above every id of a gateway, and on SQLite below every text."""

audit_entries = sa.Table(
    "audit_entries",
    metadata,
    sa.Column("id", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("month", sa.String(7), primary_key=True),  # PostgreSQL partitions only by columns of the key
    sa.Column("salt", sa.String(32)),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("profile", sa.String(16)),
    sa.Column("organisation", sa.String(64)),
    sa.Column("citizen", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("request_code", sa.String(40)),
    sa.Column("client_id", sa.String(40)),
    sa.Column("request_id", sa.String(64)),
    sa.Column("leaf", sa.String(64)),  # none in entries older than schema 0017
    sa.Column("mac", sa.String(80)),  # none in rows older than the mark (`model.py`)
    sa.Index(None, "organisation", "citizen", "id"),
    sa.Index(None, "request_code"),
    sa.Index(None, "client_id", "id"),
    sa.Index(None, "request_id"),
)
audit_waiting = sa.Table(
    "audit_waiting",
    metadata,
    sa.Column("entry", RowNumber, primary_key=True, autoincrement=False),
)
audit_rows = sa.Table(
    "audit_rows",
    metadata,
    sa.Column("row", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("previous", sa.String(64)),  # previous, hash and digest: only in rows older than schema 0017
    sa.Column("hash", sa.String(64)),
    sa.Column("digest", sa.String(64)),
    sa.Column("entry", RowNumber, nullable=False, unique=True),
    sa.Column("leaf", sa.String(64), nullable=False),
)
audit_promises = sa.Table(
    "audit_promises",
    metadata,
    sa.Column("verification", sa.String(40), primary_key=True),
    sa.Column("entry", RowNumber, nullable=False),
    sa.Column("leaf", sa.String(64), nullable=False),
)
audit_checkpoints = sa.Table(
    "audit_checkpoints",
    metadata,
    sa.Column("size", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("root", sa.String(64), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("frontier", sa.Text),  # only the last one's is kept
    sa.Column("at", Instant, nullable=False),
)
audit_subtrees = sa.Table(
    "audit_subtrees",
    metadata,
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", RowNumber, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
)


def _is_in_audit(entries: sa.FromClause) -> sa.ColumnElement[bool]:
    numbers = (audit_rows.c.entry, audit_waiting.c.entry)
    return sa.or_(*(sa.exists().where(number == entries.c.id).correlate(entries) for number in numbers))


IN_AUDIT = _is_in_audit(audit_entries)
"""The condition that an entry has a row or waits for one. Every reader has it, as it shows only what `audit verify` checks."""

PROMISED = (Kind.ANSWERED.value, Kind.REUSED.value)
"""The kinds of entries that record a verification."""

# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_INSERT_ENTRIES, _INSERT_WAITING, _INSERT_PROMISES = (
    HotStatement(sa.insert(audit_entries)),
    HotStatement(sa.insert(audit_waiting)),
    HotStatement(sa.insert(audit_promises)),
)
# SQLite stores any type there: a text is above every number. The number is `ID_END`.
_LAST_ID = sa.text(
    "SELECT CAST(max(coalesce((SELECT max(id) FROM audit_entries WHERE id < 4611686018427387904), 0), "
    "coalesce((SELECT max(entry) FROM audit_rows WHERE entry < 4611686018427387904), 0)) AS INTEGER)"
)
_NEXT_IDS = sa.text("SELECT nextval('audit_entry_ids') FROM generate_series(1, CAST(:count AS INTEGER))")
_PROMISES = sa.select(audit_promises).where(is_one_of(audit_promises.c.verification, "some"))
_IDS = HotStatement(_LAST_ID, postgresql=_NEXT_IDS)

ADVISORY_LOCK = 0x6175646974  # "audit"
"""The lock of PostgreSQL that a cold change takes alone, and hot groups share."""


async def append(
    transaction: DriverTransaction, entries: Sequence[AuditEntry], macs: EntryMacs | None, *, after: int = 0
) -> list[tuple[int, str]]:
    """Append entries in the caller's write transaction, as the last of its writes. Return id and leaf hash of each.

    Without `macs` they have none: only before the store's first evidence key, which adopts them.

    Ids come after the writes of covered tables: whoever waits for a changed row appends with a higher id. They are above
    those of every committed entry; on SQLite there is one writer, on PostgreSQL a sequence. On SQLite they are also above
    `after`, the last one that the caller was given: the id of an entry that was deleted since is not given again.
    """
    if not entries:
        return []
    ids = [row[0] for row in await transaction.fetch(_IDS, {"count": len(entries)})]
    if transaction.embedded:
        first = max(ids[0], after) + 1
        ids = list(range(first, first + len(entries)))
    rows = [entry_values(number, entry, macs) for number, entry in zip(ids, entries, strict=True)]
    await transaction.run(_INSERT_ENTRIES, rows)
    await transaction.run(_INSERT_WAITING, [{"entry": number} for number in ids])
    promises = []
    for entry, row in zip(entries, rows, strict=True):
        if entry.promise is not None:
            entry.promise.leaf = row["leaf"]
            promises.append({"verification": entry.verification, "entry": row["id"], "leaf": row["leaf"]})
    await transaction.run(_INSERT_PROMISES, promises)
    return [(row["id"], row["leaf"]) for row in rows]


def entry_values(number: int, entry: AuditEntry, macs: EntryMacs | None) -> dict[str, Any]:
    """Return every column of a new entry, with a new salt."""
    salt, body, month = secrets.token_hex(16), entry.canonical(), month_of(entry.at)
    leaf = leaf_hash(salt=salt, body=body)
    return {
        "id": number,
        "month": month,
        "salt": salt,
        "body": body,
        "profile": entry.profile.value if entry.profile else None,
        "organisation": entry.organisation,
        "citizen": entry.citizen,
        "kind": entry.kind.value,
        "request_code": entry.request_code,
        "leaf": leaf,
        "mac": None if macs is None else macs.make(entry=number, month=month, leaf=leaf),
        "client_id": entry.client_id,
        "request_id": entry.request_id,
    }


Rows = Sequence[Sequence[Any]]


async def lock(connection: AsyncConnection) -> None:
    """Take the audit's lock until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})


async def refuse_lowest(connection: AsyncConnection) -> None:
    """Raise `AuditBroken` for a number below 1 that reads of what comes after `BEFORE_ALL` or after row 0 leave out."""
    for column, most, reason in (
        (audit_rows.c.row, BEFORE_ALL, f"row {BEFORE_ALL}: rows count from 1"),
        (audit_waiting.c.entry, BEFORE_ALL, f"waiting entry {BEFORE_ALL}: ids count from 1"),
        (audit_checkpoints.c.size, 0, "row 1: a checkpoint is stored of a tree without rows"),
    ):
        if (await connection.execute(sa.select(column).where(column <= most).limit(1))).first() is not None:
            raise AuditBroken(reason)


async def find_leaf(connection: AsyncConnection, row: int | None = None) -> tuple[int, str] | None:
    """Return a row's number and leaf hash, of the last row without `row`; None if there is no such row."""
    query = sa.select(audit_rows.c.row, audit_rows.c.leaf).order_by(audit_rows.c.row.desc()).limit(1)
    found = await fetch_plain(connection, query if row is None else query.where(audit_rows.c.row == row))
    return (found[0][0], found[0][1]) if found else None


_INSERTED = ('"verifications/', '":[null,')
"""What is before and after a verification's id in the body of the entry that inserted it."""


async def find_false_promise(connection: AsyncConnection) -> str | None:
    """Return the first verification whose promise is not the leaf of the entry that recorded it, None if there is none."""
    # Its state says that it inserted the verification. An entry of a further reuse, or of a delivery, only names it.
    recorded_it = audit_entries.c.kind.in_(PROMISED) & audit_entries.c.body.contains(
        sa.literal(_INSERTED[0]) + audit_promises.c.verification + sa.literal(_INSERTED[1])
    )
    leaf = sa.func.coalesce(audit_entries.c.leaf, audit_rows.c.leaf)  # an entry can be dropped, its row stays
    query = (
        sa.select(audit_promises.c.verification)
        .outerjoin_from(audit_promises, audit_entries, audit_entries.c.id == audit_promises.c.entry)
        .outerjoin(audit_rows, audit_rows.c.entry == audit_promises.c.entry)
        .where(sa.or_(leaf.is_distinct_from(audit_promises.c.leaf), ~recorded_it))
        .order_by(audit_promises.c.verification)
        .limit(1)
    )
    found = await fetch_plain(connection, query)
    return escape_surrogates(str(found[0][0])) if found else None


def recorded_text(verification: str) -> str:
    """Return what the body of an entry contains if the entry inserted this verification."""
    return verification.join(_INSERTED)


async def list_promises(connection: AsyncConnection, verifications: Sequence[str]) -> Rows:
    """Return verification, entry and leaf of the promises of these verifications."""
    return await fetch_plain(connection, _PROMISES, {"some": verifications})


async def find_promised_row(connection: AsyncConnection, verification: str) -> int | None:
    """Return the row of the entry that records a verification; None while it waits for its row."""
    query = sa.select(audit_rows.c.row).join_from(
        audit_promises, audit_rows, audit_rows.c.entry == audit_promises.c.entry
    )
    found = await connection.execute(query.where(audit_promises.c.verification == verification))
    return found.scalar_one_or_none()


async def count_rows(connection: AsyncConnection, table: sa.Table) -> int:
    """Return the number of a table's rows."""
    return int((await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())


async def stream_bodies(
    connection: AsyncConnection, *conditions: sa.ColumnElement[bool], months: Collection[str] | None = None
) -> AsyncIterator[str]:
    """Yield the body of every entry under these conditions, oldest first; of some months (`month_of`), if they are given."""
    query = sa.select(audit_entries.c.body).where(IN_AUDIT, *conditions).order_by(audit_entries.c.id)
    if months is not None:
        query = query.where(audit_entries.c.month.in_(sorted(months)))
    async with any_text(connection):
        async for (body,) in await connection.stream(query):
            yield body


async def list_erasures(connection: AsyncConnection) -> list[Mapping[str, Any]]:
    """Return the body of every erasure. A check must check each of these entries too, by its row or as a waiting one.

    What is no body is left out: that check finds it.
    """
    # The erasures first: without this PostgreSQL looks for the rows of all entries, once for each partition.
    erasures = sa.select(*audit_entries.c["id", "body"]).where(audit_entries.c.kind == Kind.ERASED.value)
    first = erasures.cte("erasures").prefix_with("MATERIALIZED", dialect="postgresql")
    query = sa.select(first.c.body).where(_is_in_audit(first))
    found: list[Any] = []
    for (body,) in await fetch_plain(connection, query):
        with suppress(ValueError, TypeError):
            found.append(from_json(body))
    return [each for each in found if isinstance(each, dict)]


async def has_state(connection: AsyncConnection) -> bool:
    """Return whether any entry has `state`. Reads every body."""
    # The text of a member's name: in a value the quotes would be escaped.
    query = sa.select(audit_entries.c.id).where(audit_entries.c.body.contains(',"state":{')).limit(1)
    return (await connection.execute(query)).first() is not None


async def list_bodies(
    connection: AsyncConnection,
    *,
    profile: Profile,
    organisation: str,
    citizens: Sequence[str],
    kinds: Iterable[Kind],
    most: int,
) -> list[str]:
    """Return the bodies of an organisation's latest entries on one citizen (any of their pseudonyms), oldest first."""
    query = (
        sa.select(audit_entries.c.id, audit_entries.c.body)
        .where(audit_entries.c.profile == profile.value)
        .where(audit_entries.c.organisation == organisation)
        .where(audit_entries.c.citizen == sa.bindparam("one"))
        .where(audit_entries.c.kind.in_([kind.value for kind in kinds]), IN_AUDIT)
        .order_by(audit_entries.c.id.desc())
        .limit(most)
    )
    # One query for each pseudonym: the index has its latest entries in order; with several, all would be sorted.
    found = [row for one in citizens for row in await fetch_plain(connection, query, {"one": one})]
    return [body for _, body in sorted(found, key=itemgetter(0))[-most:]]


async def list_enquiries(
    database: Database,
    *,
    profile: Profile,
    organisation: str,
    citizens: Sequence[str],
    most: int = LEDGER_MOST,
) -> tuple[list[dict[str, object]], bool]:
    """Return an organisation's latest enquiries on one citizen, oldest first, and whether there are earlier ones.

    What is no entry any more is left out, and the log says so.
    """
    async with database.read() as connection:
        bodies = await list_bodies(
            connection,
            profile=profile,
            organisation=organisation,
            citizens=citizens,
            kinds=_LEDGER_KINDS,
            most=most + 1,
        )
    found = [find_members(body) for body in bodies[-most:]]
    entries = [members for members in found if members is not None and "citizen" in members]
    if len(entries) < len(found):
        log.error("audit_entries_unreadable", entries=len(found) - len(entries))
    return entries, len(bodies) > most


def _is_after(entry: int) -> sa.ColumnElement[bool]:
    """Return the condition of a later id of a gateway. It is in the statement's text, so that no plan has the partitions before it."""
    number = audit_entries.c.id
    return (number > sa.bindparam(None, entry, number.type, literal_execute=True)) & (number < ID_END)


async def list_answered(connection: AsyncConnection, request_codes: Sequence[str], *, after: int) -> set[str]:
    """Return the codes that have an answer's entry after this one, as the answers of its question and later ones are."""
    query = sa.select(audit_entries.c.request_code).where(
        _is_after(after),
        audit_entries.c.request_code.in_(request_codes),
        audit_entries.c.kind == Kind.ANSWERED.value,
        IN_AUDIT,
    )
    return {str(code) for code in (await connection.execute(query)).scalars()}


async def list_intended(
    connection: AsyncConnection, macs: EntryMacs, *, after: int, limit: int, now: datetime
) -> tuple[list[tuple[int, str]], int | None]:
    """Return id and body of the next intended questions after an entry, in order, and the last id if there may be more.

    An entry that waits without a right MAC, under a key that is accepted `now`, is left out: an answer would be evidence of
    a question that nobody asked.
    """
    query = (
        sa.select(
            audit_entries.c.id,
            audit_entries.c.month,
            audit_entries.c.leaf,
            audit_entries.c.mac,
            audit_entries.c.body,
            audit_rows.c.row,
        )
        .outerjoin_from(audit_entries, audit_rows, audit_rows.c.entry == audit_entries.c.id)
        .where(_is_after(after), audit_entries.c.kind == Kind.INTENDED.value, IN_AUDIT)
        .order_by(audit_entries.c.id)
        .limit(limit)
    )
    found = await fetch_plain(connection, query)
    genuine = [
        (entry, body)
        for entry, month, leaf, mac, body, row in found
        if row is not None or macs.is_right(mac, entry=entry, month=month, leaf=leaf or "", now=now)
    ]
    return genuine, found[-1][0] if len(found) == limit else None
