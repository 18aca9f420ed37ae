"""Erase the entries of old months by policy: what portals did, with pseudonyms, dossiers and officers. The leaves stay.

Entries of operators and of the host stay: they say nothing about citizens. A batch is one commit: the entries go, a row
names their rows and the policy, and rows after it carry on the digests of covered rows that no other entry names any more
(`audit/state.py`). On SQLite deleted content is gone from the disk too (`secure_delete`, and the journal is emptied). On PostgreSQL it
is there until its place is used again, or the table is written anew (docs/decisions/0113).
An entry that was changed stays, so that `audit verify` still names it: to erase it would erase what shows the change.
Source: NĐ 13/2023 Đ3 k7 (no longer than needed), NĐ 47/2020 Đ45.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from gateway.audit.model import LOCAL, AuditEntry, Kind, act_entry, write_ranges
from gateway.audit.month_store import list_older
from gateway.audit.state import State
from gateway.audit.state_check import check_entry
from gateway.audit.state_store import read_digests
from gateway.clock import Period, month_of
from gateway.deployment import require_filled
from gateway.errors.operators import AuditBroken, StateWrong
from gateway.inspection.store import count_erasable, delete_entries, list_erasable, vacuum_entries
from gateway.operators.model import Role
from gateway.operators.sessions import has_operators, operator_of, require_role
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction, open_database

KINDS = (
    Kind.INTENDED,
    Kind.ANSWERED,
    Kind.REUSED,
    Kind.DELIVERED,
    Kind.REFUSED,
    Kind.ENDED,
    Kind.FILED,
    Kind.SHOWN,
    Kind.INSPECTED,
)
"""The kinds whose entries are about citizens."""

CARRIED = "state_carried"
"""The outcome of rows that carry digests on."""

LOCK_SECONDS = 5.0
"""How long PostgreSQL waits for the lock of the table, to free the place of its entries or to write it anew."""

_BATCH = 2_000
_STATE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The number of erased entries; all of them were from before the month.

    `on_disk`: whether the files of the store may still have the content of erased entries. `changed`: the rows whose entries
    stay, since they were changed.
    """

    rows: int
    before: str
    on_disk: bool
    changed: Sequence[int] = ()


async def erase_entries(
    gateway: Gateway,
    *,
    months: int,
    rewrite: bool = False,
    rehearsal: bool = False,
    lock_seconds: float = LOCK_SECONDS,
) -> Erased:
    """Erase the entries that are older than the present month and `months` before it, the oldest first.

    `rewrite`: then let PostgreSQL write the tables of past months anew, beside the enquiries. It also works when nothing is left to
    erase. A `rehearsal` counts the entries that have a row, and erases none.

    Raises:
        SchemaOld: a migration is not complete: old entries then look as if somebody had changed them.
        StateWrong: there are operators, and nobody is signed in here; or the erased entries' table could not be locked.
        RoleMissing: the signed-in operator is neither a data-protection officer nor an admin.
    """
    actor = await _eraser(gateway)
    end = _cutoff(gateway.deps.clock.now(), months)
    before, rows = month_of(end), 0
    async with gateway.deps.database.read() as connection:
        await require_filled(connection)
        if rehearsal:
            rows = await count_erasable(connection, KINDS, Period(None, end))
            return Erased(rows=rows, before=before, on_disk=False)
    if not await gateway.sequencer.run():
        raise StateWrong("another process gives rows their numbers just now: run the command again")

    after, last, changed = 0, 0, list[int]()

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Sequence[_Candidate]]:
        found = await _list_candidates(transaction, Period(None, end), after)
        unchanged = [each for each in found if each.body is not None]
        if not unchanged:
            return (), found
        await delete_entries(transaction, [each.key for each in unchanged])
        now, erased = gateway.deps.clock.now(), write_ranges([each.row for each in unchanged])
        entry = act_entry(f"before:{before}", at=now, actor=actor, kind=Kind.ERASED)
        entry = entry.copy_with(reason=f"retention of {months} months", erased=erased)
        carried = await _carry(transaction, [each.body for each in found if each.body is not None])
        return [entry, *_carry_on(entry, carried)], found

    while found := await gateway.deps.audit.commit(decide):
        after, last = found[-1].row, max(last, *(each.key[0] for each in found))
        left = [each.row for each in found if each.body is None]
        rows, changed = rows + len(found) - len(left), changed + left
    database = gateway.deps.database
    if database.embedded:
        on_disk = not await database.truncate_journal()
    else:
        await _vacuum(gateway, full=rewrite, before=before, erased=last, lock_seconds=lock_seconds)
        on_disk = not rewrite
    return Erased(rows=rows, before=before, on_disk=on_disk, changed=changed)


class _Candidate(NamedTuple):
    """An old entry: its row; its id and month; its body, None if the entry was changed."""

    row: int
    key: tuple[int, str]
    body: Mapping[str, Any] | None


async def _list_candidates(transaction: Transaction, period: Period, after: int) -> list[_Candidate]:
    """Return the next entries after a row."""
    return [
        _Candidate(row, (stored[0], stored[4]), _find_unchanged(leaf, stored))
        for row, leaf, *stored in await list_erasable(transaction, KINDS, period, after=after, most=_BATCH)
    ]


def _find_unchanged(leaf: str, stored: Sequence[Any]) -> Mapping[str, Any] | None:
    """Return the body of an entry whose content and columns are those of its row's leaf, else None."""
    try:
        return check_entry("", stored, leaf=leaf)
    except AuditBroken:
        return None


async def _vacuum(gateway: Gateway, *, full: bool, before: str, erased: int, lock_seconds: float) -> None:
    # Connections of its own: the gateway's end a statement after a few seconds, and a large table takes minutes.
    database = open_database(gateway.settings.database_url)
    try:
        async with database.read() as connection:  # outside a transaction, as VACUUM must be
            tables = await list_older(connection, before=before, erased=erased)
            await vacuum_entries(connection, tables, full=full, lock_seconds=lock_seconds)
    finally:
        await database.close()


async def _eraser(gateway: Gateway) -> str:
    if not await has_operators(gateway.deps):
        return LOCAL
    operator = await operator_of(gateway)
    await require_role(gateway, operator, Role.DATA_PROTECTION, Role.ADMIN)
    return operator.name


def _cutoff(now: datetime, months: int) -> datetime:
    """Return the beginning (UTC) of the first month whose entries stay."""
    count = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1 - months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


async def _carry(transaction: Transaction, bodies: Sequence[Mapping[str, Any]]) -> State:
    """Return the digests that erased entries named last, of the covered rows that still have them."""
    last: dict[str, str | None] = {}
    for body in bodies:
        last |= {name: after for name, (_, after) in body.get("state", {}).items()}
    present = await read_digests(transaction, [name for name, digest in last.items() if digest is not None])
    return {name: (digest, digest) for name, digest in present.items() if last[name] == digest}


def _carry_on(entry: AuditEntry, carried: State) -> list[AuditEntry]:
    names = sorted(carried)
    return [
        replace(
            entry,
            outcome=CARRIED,
            erased=(),
            state={name: carried[name] for name in names[start : start + _STATE]},
        )
        for start in range(0, len(names), _STATE)
    ]
