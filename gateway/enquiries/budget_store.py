"""Questions under way and the budgets that they count in: leases, reservations, counts; all their SQL.

A lease is a row for each claim, kept for a short time after its question's end. Wrong claims are stored verifications.
Answered enquiries are stored per account and five minutes, so that a window is the sum of 289 rows at most for each worker.
`budgets.py` has the rules.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.enquiries.claim import ClaimKeys
from gateway.enquiries.store import WRONG, verifications
from gateway.identifiers import Profile
from gateway.profiles.model import Dependencies
from gateway.profiles.store import WINDOWS
from gateway.storage.database import Instant, metadata
from gateway.storage.driver import DriverTransaction, Reader
from gateway.storage.statements import HotStatement, is_one_of

Account = tuple[str, str]
"""Profile and client id."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

reservations = sa.Table(
    "reservations",
    metadata,
    sa.Column("act", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("client_id", sa.String(40), nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("claim_key", sa.String(64), nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
    sa.Column("own_login", sa.Boolean(create_constraint=False)),
)


def members_of(value: Any) -> dict[str, Any]:
    """Return the members of a dataclass with slots by name. `dataclasses.asdict` would copy each value."""
    return {name: getattr(value, name) for name in value.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A question under way, counted in the budgets until `ends_at` at the latest, even if its worker dies.

    A prefill makes no claim: its `subject` and `claim_key` are empty, and it counts in no budget of wrong claims. `own_login`:
    True if the claimed person has signed in themselves, else None.
    """

    act: str
    profile: str
    client_id: str
    organisation: str
    subject: str
    claim_key: str
    ends_at: datetime
    own_login: bool | None = None


async def rekey_claim(connection: AsyncConnection, claim: ClaimKeys) -> None:
    """Rekey an organisation's verifications and reservations of one claim from other look-up keys to the serving one."""
    for table, values in ((verifications, {"claim_key_id": claim.key_id}), (reservations, {})):
        found = (
            table.c.profile == claim.profile.value,
            table.c.organisation == claim.organisation,
            table.c.subject == claim.subject,
            table.c.claim_key.in_(claim.others),
        )
        await connection.execute(sa.update(table).where(*found).values(claim_key=claim.current, **values))


async def delete_ended(connection: AsyncConnection, *, now: datetime) -> None:
    """Delete reservations that were never released; also one whose end is of a clock that has been set back since."""
    ends_at = reservations.c.ends_at
    await connection.execute(sa.delete(reservations).where(sa.or_(ends_at < now, ends_at > now + DAY)))


def _wrong_claims(conditions: Callable[[sa.Table], Sequence[Any]], *columns: str) -> HotStatement:
    """Return a statement: the claims that were wrong in a window or are under way, with `columns` and their times.

    The times are the first one in the window, and the last one in as long before it. A claim under way has the end of its
    reservation: it can't be answered later. A time that is further ahead than the window is long doesn't count: the clock was
    wrong then.
    """
    since: sa.BindParameter[datetime] = sa.bindparam("since", type_=Instant())
    at, ends_at = verifications.c.verified_at, reservations.c.ends_at
    of_wrong, of_reserved = (
        [*(table.c[name] for name in columns), table.c.claim_key] for table in (verifications, reservations)
    )
    wrong = (
        sa.select(
            *of_wrong,
            sa.func.min(at).filter(at > since).label("first"),
            sa.func.max(at).filter(at <= since).label("before"),
        )
        .where(WRONG, at > sa.bindparam("before"), at <= sa.bindparam("ahead"), *conditions(verifications))
        .group_by(*of_wrong)
        .having(sa.func.max(at) > since)
    )
    reserved = (
        sa.select(*of_reserved, sa.func.max(ends_at), sa.literal_column("NULL", Instant()))
        .where(
            ends_at >= sa.bindparam("now"),
            ends_at <= sa.bindparam("ahead"),
            _MAKES_CLAIM,
            *conditions(reservations),
        )
        .group_by(*of_reserved)
    )
    return HotStatement(sa.union_all(wrong, reserved))


def _is_of_account(table: sa.Table) -> list[Any]:
    return [table.c[name] == sa.bindparam(name) for name in ("profile", "client_id")]


def _is_strangers(table: sa.Table) -> list[Any]:
    return [*_is_of_account(table), table.c.own_login.is_(None)]


def _is_of_subjects(table: sa.Table) -> Sequence[Any]:
    names = ("profile", "organisation", "subject")
    return [is_one_of(table.c[name], f"{name}s") for name in names]


RESERVE = HotStatement(sa.insert(reservations))
_RELEASE = HotStatement(sa.delete(reservations).where(reservations.c.act == sa.bindparam("own_act")))
_MAKES_CLAIM = reservations.c.claim_key != sa.literal_column("''")
_WRONG_OF_ACCOUNT = _wrong_claims(_is_strangers)
_WRONG_OF_SUBJECTS = _wrong_claims(_is_of_subjects, "profile", "organisation", "subject", "own_login")

Subject = tuple[str, str, str, bool]
"""Profile, organisation, pseudonym of a number, and whether the claims came with the person's own login."""

Counted = dict[str, datetime | None]
"""The claims of one budget, each with the time from which it counts; None: it counts no more, and its retry is free."""


def count_claim(claims: Counted, claim_key: str, at: datetime | None) -> None:
    """Add a claim, or the time of one that is there: the earlier counts."""
    former = claims.setdefault(claim_key, at)
    claims[claim_key] = None if former is None or at is None else min(former, at)


async def read_claims_of_account(reader: Reader, account: Account, *, now: datetime) -> Counted:
    """Return the claims of an account that were wrong in the last hour or are under way, without own logins' claims."""
    members = {"profile": account[0], "client_id": account[1]} | _window(HOUR, now)
    found: Counted = {}
    for claim_key, first, before in await reader.fetch(_WRONG_OF_ACCOUNT, members):
        count_claim(found, claim_key, _counts_from(first, before, HOUR))
    return found


async def read_claims_of_subjects(
    reader: Reader,
    *,
    profiles: Collection[str],
    organisations: Collection[str],
    subjects: Collection[str],
    now: datetime,
) -> defaultdict[Subject, Counted]:
    """Return the claims about citizens that were wrong in the last day or are under way."""
    members = {"profiles": profiles, "organisations": organisations, "subjects": subjects}
    found: defaultdict[Subject, Counted] = defaultdict(dict)
    rows = await reader.fetch(_WRONG_OF_SUBJECTS, members | _window(DAY, now))
    for profile, organisation, subject, own_login, claim_key, first, before in rows:
        whose = (profile, organisation, subject, bool(own_login))
        count_claim(found[whose], claim_key, _counts_from(first, before, DAY))
    return found


def _window(length: timedelta, now: datetime) -> dict[str, datetime]:
    return {"now": now, "since": now - length, "before": now - 2 * length, "ahead": now + length}


def _counts_from(first: datetime, before: datetime | None, window: timedelta) -> datetime | None:
    """Return the time from which a claim counts for a window's length; a retry within that doesn't make it count longer."""
    return first if before is None or first - before >= window else None


SPAN = timedelta(minutes=5)
"""The length of one count. A count leaves a window only as a whole, so that no window is too short."""

enquiry_counts = sa.Table(
    "enquiry_counts",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("since", Instant, primary_key=True, index=True),
    sa.Column("answered", sa.Integer, nullable=False),
)


@dataclass(slots=True, kw_only=True)
class Volume:
    """One budget of answered enquiries: its count, the use with questions under way, and when the oldest count leaves it."""

    answered: int
    used: int
    frees_at: datetime | None


_HOUR = sa.and_(
    enquiry_counts.c.since > sa.bindparam("counts_hour"), enquiry_counts.c.since <= sa.bindparam("ahead_hour")
)
_UNDER_WAY = (
    reservations.c.ends_at.between(sa.bindparam("now"), sa.bindparam("ahead_hour")),
    *_is_of_account(reservations),
)
_IN_FLIGHT = sa.select(sa.func.count()).select_from(reservations).where(*_UNDER_WAY).scalar_subquery()
_VOLUMES = sa.select(
    sa.func.coalesce(sa.func.sum(enquiry_counts.c.answered).filter(_HOUR), 0).label("confirmed_hour"),
    sa.func.coalesce(sa.func.sum(enquiry_counts.c.answered), 0).label("confirmed_day"),
    sa.func.min(enquiry_counts.c.since).filter(_HOUR).label("first_confirmed_hour"),
    sa.func.min(enquiry_counts.c.since).label("first_confirmed_day"),
    _IN_FLIGHT.label("reserved"),
).where(*_is_of_account(enquiry_counts), enquiry_counts.c.since > sa.bindparam("counts_day"))
_WRONG_IN_HOUR = sa.union_all(
    sa.select(verifications.c.claim_key).where(
        WRONG, verifications.c.verified_at > sa.bindparam("hour"), *_is_of_account(verifications)
    ),
    sa.select(reservations.c.claim_key).where(_MAKES_CLAIM, *_UNDER_WAY),
).subquery()
_WRONG_COUNT = sa.select(sa.func.count(_WRONG_IN_HOUR.c.claim_key.distinct()).label("wrong")).subquery()
_ANSWERED = _VOLUMES.subquery()
_SPENT_ROW = sa.select(_WRONG_COUNT, _ANSWERED).select_from(_WRONG_COUNT.join(_ANSWERED, sa.true()))
SPENT, SPENT_COLUMNS = HotStatement(_SPENT_ROW), _SPENT_ROW.selected_columns.keys()


def _count_answered(insert: Any) -> Any:
    added = insert(enquiry_counts)
    return added.on_conflict_do_update(
        index_elements=["profile", "client_id", "since"],
        set_={"answered": enquiry_counts.c.answered + added.excluded.answered},
    )


_ADD_ANSWERED = HotStatement(from_insert=_count_answered)


async def read_volumes(
    connection: AsyncConnection, *, profile: Profile, client_id: str, now: datetime
) -> dict[str, Volume]:
    """Return the budgets of an account's answered enquiries, by name."""
    members = {"profile": profile.value, "client_id": client_id} | volume_windows(now)
    return to_volumes((await connection.execute(_VOLUMES, members)).mappings().one())


def volume_windows(now: datetime) -> dict[str, datetime]:
    """Return the parameters of the windows of answered enquiries."""
    return {
        "now": now,
        "counts_hour": now - WINDOWS["confirmed_hour"] - SPAN,
        "ahead_hour": now + WINDOWS["confirmed_hour"],
        "counts_day": now - WINDOWS["confirmed_day"] - SPAN,
    }


def to_volumes(found: Mapping[Any, Any]) -> dict[str, Volume]:
    """Return the budgets of answered enquiries from a row of counts."""
    return {
        budget: Volume(
            answered=int(found[budget]),
            used=int(found[budget]) + int(found["reserved"]),
            frees_at=None if found[f"first_{budget}"] is None else found[f"first_{budget}"] + SPAN + window,
        )
        for budget, window in WINDOWS.items()
    }


async def add_answered(
    transaction: DriverTransaction, deps: Dependencies, answered: Counter[Account], *, now: datetime
) -> None:
    """Count answered enquiries of accounts. On PostgreSQL each worker has its own counts, so that none waits for another."""
    slot = timedelta(0) if deps.database.embedded else deps.slot
    since = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % SPAN + slot
    rows = [
        {"profile": profile, "client_id": client_id, "since": since, "answered": count}
        for (profile, client_id), count in sorted(answered.items())
    ]
    await transaction.run(_ADD_ANSWERED, rows)


async def delete_past(connection: AsyncConnection, *, now: datetime) -> None:
    """Delete the counts that have left every window, and those of a clock that has been set back since."""
    before, after = now - max(WINDOWS.values()) - 2 * SPAN, now + max(WINDOWS.values())
    since = enquiry_counts.c.since
    await connection.execute(sa.delete(enquiry_counts).where(sa.or_(since < before, since > after)))


async def release(transaction: DriverTransaction, acts: Sequence[str]) -> None:
    """Delete the reservations of these enquiries; a claim that was not confirmed now counts by its verification."""
    await transaction.run(_RELEASE, [{"own_act": act} for act in acts])


leases = sa.Table(
    "flights",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("act", sa.String(40), nullable=False),
    sa.Column("lease_ends_at", Instant, nullable=False, index=True),
    sa.Column("landed_at", Instant),
    sa.Column("verification", sa.String(40)),
    sa.Column("failure", sa.String(64)),
    sa.Column("registry_code", sa.String(64)),
)


_FIND = HotStatement(sa.select(leases).where(is_one_of(leases.c.key, "keys")))
_VALUES = [column.name for column in leases.columns if column.name != "key"]


def _upsert(insert: Any) -> Any:
    return insert(leases).on_conflict_do_update(
        index_elements=["key"], set_={name: insert(leases).excluded[name] for name in _VALUES}
    )


_UPSERT = HotStatement(from_insert=_upsert)
_ENDED = ("landed_at", "verification", "failure", "registry_code")
_END = HotStatement(
    sa.update(leases)
    .where(leases.c.key == sa.bindparam("own_key"), leases.c.act == sa.bindparam("own_act"))
    .values({name: sa.bindparam(name) for name in _ENDED})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionLease:
    """The lease of one question of an enquiry (`act`). `landed_at` is None until the question is answered or has failed.

    An ended lease has a verification or a failure: a problem's code, and the registry's own code if there is one.
    """

    key: str
    act: str
    lease_ends_at: datetime
    landed_at: datetime | None = None
    verification: str | None = None
    failure: str | None = None
    registry_code: str | None = None


async def find_leases(reader: Reader, keys: Collection[str]) -> dict[str, QuestionLease]:
    """Return the leases of the latest questions of these claims, by key."""
    rows = await reader.fetch(_FIND, {"keys": keys})
    return {row[0]: QuestionLease(**dict(zip(leases.columns.keys(), row, strict=True))) for row in rows}


async def upsert_leases(transaction: DriverTransaction, taken: Sequence[QuestionLease]) -> None:
    """Insert leases, or replace the former ones of their keys. The caller has the locks of their citizens."""
    await transaction.run(_UPSERT, [members_of(lease) for lease in taken])


async def end_leases(transaction: DriverTransaction, ended: Sequence[QuestionLease]) -> None:
    """Store how questions ended, each unless its lease was lost or released."""
    rows = [
        {name: getattr(lease, name) for name in _ENDED} | {"own_key": lease.key, "own_act": lease.act}
        for lease in ended
    ]
    await transaction.run(_END, rows)


async def release_lease(
    connection: AsyncConnection, *, profile: str, client_id: str, claim_keys: Collection[str]
) -> None:
    """Delete an account's leases of questions under way about a claim: their answers are not kept or shared."""
    on_their_way = sa.select(reservations.c.act).where(
        reservations.c.profile == profile,
        reservations.c.client_id == client_id,
        reservations.c.claim_key.in_(claim_keys),
    )
    await connection.execute(
        sa.delete(leases).where(leases.c.landed_at.is_(None), leases.c.act.in_(on_their_way))
    )


async def release_unended(connection: AsyncConnection, key: str, act: str) -> None:
    """Delete the lease of a question whose end was not recorded, unless another one has replaced it."""
    own = (leases.c.key == key, leases.c.act == act, leases.c.landed_at.is_(None))
    await connection.execute(sa.delete(leases).where(*own))


async def delete_ended_leases(connection: AsyncConnection, *, before: datetime) -> None:
    """Delete the leases that ended before then; also one whose end is of a clock that has been set back since."""
    ends_at = leases.c.lease_ends_at
    await connection.execute(sa.delete(leases).where(sa.or_(ends_at < before, ends_at > before + DAY)))
