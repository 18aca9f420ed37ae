"""Verifications in the database. A statement that ends one also deletes its data key."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.model import AccountState
from gateway.accounts.store import account_officers, accounts
from gateway.audit.model import Promise
from gateway.audit.state import State, row_digest, row_name
from gateway.audit.store import audit_promises
from gateway.clock import AHEAD
from gateway.enquiries.model import Origin, Verdict, Verification, VerificationState
from gateway.identifiers import Profile, VerificationId
from gateway.oauth.store import revoked_tokens
from gateway.profiles.store import profile_states
from gateway.storage.database import Instant, metadata
from gateway.storage.driver import DriverTransaction, Reader
from gateway.storage.statements import HotStatement, Row, is_one_of

verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("profile", sa.String(16), nullable=False),
    sa.Column("client_id", sa.ForeignKey("accounts.client_id"), nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("procedure", sa.String(64), nullable=False),
    sa.Column("procedure_code", sa.String(32)),
    sa.Column("dossier", sa.String(64), nullable=False),
    sa.Column("subject_role", sa.String(32), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("derived_from", sa.String(40)),
    sa.Column("verified_at", Instant, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False),
    sa.Column("subject_key", sa.String(40), nullable=False),
    sa.Column("claim_key", sa.String(64), nullable=False),
    sa.Column("claim_key_id", sa.String(40), nullable=False),
    sa.Column("holder", sa.String(64)),
    sa.Column("own_login", sa.Boolean(create_constraint=False)),
    sa.Column("sealed_claim", sa.LargeBinary),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Index(None, "claim_key", "dossier"),
    # Three indexes are partial (migrations 0011 and 0024): naming `sqlite_where` and `postgresql_where` here would load both
    # dialects in every process.
    sa.Index("ix_verifications_roots", "claim_key"),
    sa.Index("ix_verifications_derived_from", "derived_from"),
    sa.Index(None, "expires_at"),
    sa.Index(None, "profile", "organisation", "subject", "holder"),
    sa.Index("ix_verifications_wrong_claims", "profile", "client_id", "verified_at", "claim_key"),
)

_COLUMNS = tuple(column.name for column in verifications.columns)

WRONG = verifications.c.verdict == sa.literal_column(f"'{Verdict.NOT_CONFIRMED.value}'")
"""The condition that a claim was not confirmed: a literal, since with a bound value the partial index is not used."""

_INSERT = HotStatement(sa.insert(verifications))
_ROOT = verifications.alias("root")
_LIVE = sa.and_(
    is_one_of(verifications.c.claim_key, "claim_keys"),
    verifications.c.verdict == sa.literal_column(f"'{Verdict.CONFIRMED.value}'"),
    verifications.c.state == sa.literal_column(f"'{VerificationState.LIVE.value}'"),
    verifications.c.expires_at > sa.bindparam("now"),
)
_WITH_PROMISE = sa.select(verifications, audit_promises.c.leaf).outerjoin_from(
    verifications, audit_promises, audit_promises.c.verification == verifications.c.id
)
_OWN = HotStatement(
    _WITH_PROMISE.where(
        verifications.c.id == sa.bindparam("own_id"),
        verifications.c.profile == sa.bindparam("profile"),
        verifications.c.client_id == sa.bindparam("client_id"),
    )
)
# Two parts, each with an index of its own: a claim has few roots, and any number of derived verifications.
REUSABLE = HotStatement(
    sa.union_all(
        _WITH_PROMISE.where(_LIVE, verifications.c.derived_from.is_(None)),
        _WITH_PROMISE.join(_ROOT, _ROOT.c.id == verifications.c.derived_from).where(
            _LIVE,
            is_one_of(verifications.c.dossier, "dossiers"),
            _ROOT.c.state == sa.literal_column(f"'{VerificationState.LIVE.value}'"),
        ),
    )
)
_CONFIRMED = HotStatement(
    sa.select(verifications.c.client_id, verifications.c.claim_key).where(_LIVE).distinct()
)


def _known_as(what: str, *columns: Any) -> sa.Select[Any]:
    return sa.select(sa.literal_column(f"'{what}'"), *columns)


_NOTHING, _ZERO = sa.literal_column("''", sa.String), sa.literal_column("0", sa.Integer)
_RIGHTS = HotStatement(
    sa.union_all(
        _known_as("account", accounts.c.client_id, accounts.c.state, accounts.c.grant_epoch).where(
            is_one_of(accounts.c.client_id, "clients")
        ),
        _known_as("token", revoked_tokens.c.jti, _NOTHING, _ZERO).where(
            is_one_of(revoked_tokens.c.jti, "tokens")
        ),
        _known_as("profile", profile_states.c.profile, _NOTHING, _ZERO).where(
            profile_states.c.suspended_at.is_not(None)
        ),
        _known_as("officer", account_officers.c.client_id, account_officers.c.officer, _ZERO).where(
            is_one_of(account_officers.c.client_id, "clients"),
            is_one_of(account_officers.c.officer, "officers"),
            account_officers.c.disabled_at.is_(None),
        ),
    )
)
_STATES = HotStatement(
    sa.select(
        verifications.c.id, verifications.c.client_id, verifications.c.state, verifications.c.expires_at
    ).where(is_one_of(verifications.c.id, "ids"))
)

_WITHOUT_CLAIM = {"sealed_claim": None, "wrapped_key": None}


async def insert_verifications(transaction: DriverTransaction, added: Sequence[Verification]) -> list[State]:
    """Add verifications; return what each changed, for its evidence."""
    rows = []
    for verification in added:
        members = {name: getattr(verification, name) for name in _COLUMNS}
        for name in _ENUMS:
            members[name] = members[name].value
        rows.append(members)
    await transaction.run(_INSERT, rows)
    return [
        {row_name("verifications", (row["id"],)): (None, row_digest("verifications", row))} for row in rows
    ]


async def find_verification(
    reader: Reader, verification_id: str, *, profile: Profile, client_id: str
) -> Verification | None:
    """Return an account's own verification, in any state."""
    members = {"own_id": verification_id, "profile": profile.value, "client_id": client_id}
    rows = await reader.fetch(_OWN, members)
    return _read_row(rows[0]) if rows else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsNow:
    """The present state of what the rights of several calls depend on.

    `accounts`: state and grant epoch by client id. `tokens`: revoked ones. `profiles`: suspended ones. `officers`: pairs of
    client id and officer. `verifications`: client id, state and end by id.
    """

    accounts: Mapping[str, tuple[AccountState, int]]
    tokens: frozenset[str]
    profiles: frozenset[str]
    officers: frozenset[tuple[str, str]]
    verifications: Mapping[str, tuple[str, VerificationState, datetime | None]]


async def read_rights(
    reader: Reader,
    *,
    clients: Collection[str],
    tokens: Collection[str],
    officers: Collection[str],
    ids: Collection[str],
) -> RightsNow:
    """Return the present state of these accounts, tokens, officers and verifications, and of all profiles."""
    members = {"clients": clients, "tokens": tokens, "officers": officers}
    found = await reader.fetch(_RIGHTS, members)
    states = await reader.fetch(_STATES, {"ids": ids}) if ids else ()
    return RightsNow(
        accounts={row[1]: (AccountState(row[2]), row[3]) for row in found if row[0] == "account"},
        tokens=frozenset(row[1] for row in found if row[0] == "token"),
        profiles=frozenset(row[1] for row in found if row[0] == "profile"),
        officers=frozenset((row[1], row[2]) for row in found if row[0] == "officer"),
        verifications={row[0]: (row[1], VerificationState(row[2]), row[3]) for row in states},
    )


async def list_reusable(
    transaction: DriverTransaction,
    *,
    claim_keys: Collection[str],
    dossiers: Collection[str],
    now: datetime,
) -> list[Verification]:
    """Return the live confirmed verifications of any of these claims, of any account: roots, and derived for these dossiers."""
    members = {
        "claim_keys": claim_keys,
        "dossiers": dossiers,
        "now": now,
    }
    rows = await transaction.fetch(REUSABLE, members)
    return [_read_row(row) for row in rows]


async def list_confirmed(
    transaction: DriverTransaction,
    *,
    claim_keys: Collection[str],
    now: datetime,
) -> set[tuple[str, str]]:
    """Return client id and claim key of the live confirmed verifications of any of these claims."""
    members = {"claim_keys": claim_keys, "now": now}
    return {(row[0], row[1]) for row in await transaction.fetch(_CONFIRMED, members)}


async def revoke_one(connection: AsyncConnection, verification_id: VerificationId) -> None:
    """Revoke a verification that was not confirmed, from which no other derives."""
    await connection.execute(
        sa.update(verifications)
        .where(verifications.c.id == verification_id, verifications.c.state == VerificationState.LIVE.value)
        .values(state=VerificationState.REVOKED.value, **_WITHOUT_CLAIM)
    )


async def revoke_claim(
    connection: AsyncConnection, member: Verification, claim_keys: Collection[str], *, now: datetime
) -> int:
    """Revoke a verification's family and each live verification of the account on the same claim: reuse would return it."""
    own = verifications.c.claim_key.in_(claim_keys)
    lives = verifications.c.expires_at > now
    return await _end(connection, member, sa.and_(own, lives), VerificationState.REVOKED)


async def invalidate_claim(
    connection: AsyncConnection, member: Verification, claim_keys: Sequence[str]
) -> int:
    """Invalidate every live verification of the account on the same claim, of any root and look-up key."""
    own = {member.claim_key, *claim_keys}
    return await _end(connection, member, verifications.c.claim_key.in_(own), VerificationState.INVALIDATED)


async def invalidate_person(
    connection: AsyncConnection, member: Verification, about: sa.ColumnElement[bool]
) -> int:
    """Invalidate every live verification of the account that is `about` the person, who has died, by either number."""
    return await _end(connection, member, about, VerificationState.INVALIDATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What identifies the person of a verification by a nine-digit number."""

    confirmed: bool
    holder: str | None
    claim_key: str


_NAMES = 10_000
"""Ids of one statement; both databases limit its parameters, to 32,766 at least."""


async def list_marks(connection: AsyncConnection, names: Sequence[str]) -> dict[str, Mark]:
    """Return the marks of verifications, by their ids."""
    columns = (verifications.c.id, verifications.c.verdict, verifications.c.holder, verifications.c.claim_key)
    rows: list[sa.Row[Any]] = []
    for start in range(0, len(names), _NAMES):
        wanted = verifications.c.id.in_(names[start : start + _NAMES])
        rows += await connection.execute(sa.select(*columns).where(wanted))
    return {
        row.id: Mark(
            confirmed=row.verdict == Verdict.CONFIRMED.value, holder=row.holder, claim_key=row.claim_key
        )
        for row in rows
    }


async def _end(
    connection: AsyncConnection,
    member: Verification,
    which: sa.ColumnElement[bool],
    state: VerificationState,
) -> int:
    """End a family and the account's verifications in `which`, delete their data keys, and return how many were live."""
    family = sa.or_(verifications.c.id == member.root, verifications.c.derived_from == member.root)
    own = sa.and_(
        verifications.c.profile == member.profile.value,
        verifications.c.client_id == member.client_id,
        which,
    )
    result = await connection.execute(
        sa.update(verifications)
        .where(sa.or_(family, own), verifications.c.state == VerificationState.LIVE.value)
        .where(verifications.c.verdict == Verdict.CONFIRMED.value)
        .values(state=state.value, **_WITHOUT_CLAIM)
    )
    return int(result.rowcount)


async def delete_expired_keys(connection: AsyncConnection, *, now: datetime) -> int:
    """Mark expired verifications, delete their data keys, and return their number.

    Skips rows that another transaction has locked: waiting for them could cause a deadlock.
    """
    return await _expire(connection, verifications.c.expires_at <= now)


async def end_future_ones(connection: AsyncConnection, *, now: datetime) -> int:
    """Expire, as `delete_expired_keys` does, what was verified by a clock that has been set back since."""
    later = verifications.c.expires_at > now + AHEAD  # it has an index
    return await _expire(connection, sa.and_(later, verifications.c.verified_at > now + AHEAD))


async def _expire(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> int:
    expired = (
        sa.select(verifications.c.id)
        .where(which, verifications.c.state == VerificationState.LIVE.value)
        .with_for_update(skip_locked=True)
    )
    result = await connection.execute(
        sa.update(verifications)
        .where(verifications.c.id.in_(expired))
        .values(state=VerificationState.EXPIRED.value, **_WITHOUT_CLAIM)
        .execution_options(
            unrecorded="`expires_at` says the same; the state in evidence has one digest for both"
        )
    )
    return int(result.rowcount)


def _read_row(row: Row) -> Verification:
    """Return the verification of a row of `_WITH_PROMISE`."""
    *values, leaf = row
    members = dict(zip(_COLUMNS, values, strict=True))
    for name, read in _ENUMS.items():
        members[name] = read(members[name])
    return Verification(**members, promise=Promise(leaf=leaf))


_ENUMS = {"profile": Profile, "verdict": Verdict, "origin": Origin, "state": VerificationState}
