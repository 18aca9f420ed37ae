"""Verifications at rest. All SQL of this room; ending one deletes its data key in the same statement."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.model import AccountState
from gateway.accounts.store import account_officers, accounts
from gateway.database import Instant, metadata
from gateway.identifiers import VerificationId
from gateway.oauth.store import revoked_tokens
from gateway.places import Profile
from gateway.profiles.store import standings
from gateway.verifications.claim_keys import ClaimKeys
from gateway.verifications.model import Origin, Verdict, Verification, VerificationState

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
    sa.Column("sealed_claim", sa.LargeBinary),
    sa.Column("wrapped_key", sa.LargeBinary),
    sa.Index(None, "profile", "client_id", "claim_key"),
    sa.Index(None, "derived_from"),
    sa.Index(None, "expires_at"),
    sa.Index(None, "profile", "organisation", "subject", "holder"),
    sa.Index(
        "ix_verifications_wrong_claims",
        "profile",
        "client_id",
        "verified_at",
        "claim_key",
        sqlite_where=sa.text("verdict = 'not_confirmed'"),
        postgresql_where=sa.text("verdict = 'not_confirmed'"),
    ),
)

WRONG = verifications.c.verdict == sa.literal_column(f"'{Verdict.NOT_CONFIRMED.value}'")
"""What was not confirmed. Written out, not bound: only so may a database use the index of these alone."""

# Made once: to build a statement, and its key in SQLAlchemy's cache, costs more than to run it.
_INSERT = sa.insert(verifications)
_ROOT = verifications.alias("root")
_ROOT_LIVES = sa.exists().where(
    _ROOT.c.id == verifications.c.derived_from, _ROOT.c.state == VerificationState.LIVE.value
)
_SAME_DOSSIER = verifications.c.dossier == sa.bindparam("dossier")
_REUSABLE = (
    sa.select(verifications)
    .where(
        verifications.c.profile == sa.bindparam("profile"),
        verifications.c.client_id == sa.bindparam("client_id"),
        verifications.c.claim_key.in_(sa.bindparam("claim_keys", expanding=True)),
        verifications.c.verdict == Verdict.CONFIRMED.value,
        verifications.c.state == VerificationState.LIVE.value,
        verifications.c.expires_at > sa.bindparam("now"),
        sa.or_(sa.bindparam("any_dossier", type_=sa.Boolean), _SAME_DOSSIER),
        sa.or_(verifications.c.derived_from.is_(None), _ROOT_LIVES),
    )
    .order_by(
        sa.and_(
            _SAME_DOSSIER,
            verifications.c.procedure == sa.bindparam("procedure"),
            verifications.c.subject_role == sa.bindparam("subject_role"),
        ).desc(),
        verifications.c.verified_at.desc(),
        verifications.c.derived_from.is_not(None),
    )
    .limit(1)
)

_STANDING = (
    sa.select(
        accounts.c.state.label("account"),
        accounts.c.grant_epoch,
        standings.c.suspended_at,
        verifications.c.state.label("verification"),
        verifications.c.expires_at,
        sa.exists().where(revoked_tokens.c.jti == sa.bindparam("token_id")).label("is_token_revoked"),
        sa.exists()
        .where(
            account_officers.c.client_id == accounts.c.client_id,
            account_officers.c.officer == sa.bindparam("officer"),
            account_officers.c.disabled_at.is_(None),
        )
        .label("has_officer"),
    )
    .select_from(
        accounts.outerjoin(standings, standings.c.profile == sa.bindparam("profile")).outerjoin(
            verifications,
            sa.and_(
                verifications.c.id == sa.bindparam("verification"),
                verifications.c.client_id == accounts.c.client_id,
            ),
        )
    )
    .where(accounts.c.client_id == sa.bindparam("client_id"))
)

_WITHOUT_CLAIM = {"sealed_claim": None, "wrapped_key": None}


async def insert_verification(connection: AsyncConnection, verification: Verification) -> None:
    """Add a verification."""
    members = {column.name: getattr(verification, column.name) for column in verifications.columns}
    for name in ("profile", "verdict", "origin", "state"):
        members[name] = members[name].value
    await connection.execute(_INSERT, members)


async def find_verification(
    connection: AsyncConnection, verification_id: str, *, profile: Profile, client_id: str
) -> Verification | None:
    """Return an account's own verification, whatever its state."""
    query = sa.select(verifications).where(
        verifications.c.id == verification_id,
        verifications.c.profile == profile.value,
        verifications.c.client_id == client_id,
    )
    row = (await connection.execute(query)).first()
    return _verification(row) if row else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an account, its token, an officer, its profile and one verification stand.

    The verification's members are None where none was named or is left.
    """

    account: AccountState
    grant_epoch: int
    is_token_revoked: bool
    has_officer: bool
    is_profile_suspended: bool
    verification: VerificationState | None
    expires_at: datetime | None


async def find_standing(
    connection: AsyncConnection,
    client_id: str,
    profile: Profile,
    verification: VerificationId | None,
    *,
    token_id: str,
    officer: str | None,
) -> Standing | None:
    """Return how what a call hangs on stands now, in one statement; None where there is no such account."""
    members = {
        "client_id": client_id,
        "profile": profile.value,
        "verification": verification,
        "token_id": token_id,
        "officer": officer,
    }
    row = (await connection.execute(_STANDING, members)).first()
    if row is None:
        return None
    return Standing(
        account=AccountState(row.account),
        grant_epoch=row.grant_epoch,
        is_token_revoked=bool(row.is_token_revoked),
        has_officer=bool(row.has_officer),
        is_profile_suspended=row.suspended_at is not None,
        verification=None if row.verification is None else VerificationState(row.verification),
        expires_at=row.expires_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a live verification is wanted for, and whether one of another dossier of the claim will do."""

    procedure: str
    dossier: str
    subject_role: str
    any_dossier: bool


async def find_reusable(
    connection: AsyncConnection,
    reach: Reach,
    *,
    profile: Profile,
    client_id: str,
    claim_keys: Sequence[str],
    now: datetime,
) -> Verification | None:
    """Return an account's live confirmed verification of a claim: the one for this very act, else the latest asked."""
    members = {"profile": profile.value, "client_id": client_id, "claim_keys": list(claim_keys), "now": now}
    row = (await connection.execute(_REUSABLE, members | asdict(reach))).first()
    return _verification(row) if row else None


async def revoke_one(connection: AsyncConnection, verification_id: VerificationId) -> None:
    """Revoke one that was not confirmed: it has no family, nothing was ever derived of it."""
    await connection.execute(
        sa.update(verifications)
        .where(verifications.c.id == verification_id, verifications.c.state == VerificationState.LIVE.value)
        .values(state=VerificationState.REVOKED.value, **_WITHOUT_CLAIM)
    )


async def revoke_claim(
    connection: AsyncConnection, member: Verification, claim_keys: Collection[str], *, now: datetime
) -> int:
    """Revoke a confirmed one's family, and whatever else of the account on the same claim is live: reuse would serve it."""
    own = verifications.c.claim_key.in_(claim_keys)
    lives = verifications.c.expires_at > now
    return await _end(connection, member, sa.and_(own, lives), VerificationState.REVOKED)


async def invalidate_claim(
    connection: AsyncConnection, member: Verification, claim_keys: Sequence[str]
) -> int:
    """End every live verification of the account on the same claim, whatever root or look-up key it came from.

    The registry's word was on the claim, so a second root is no truer than this one.
    """
    own = {member.claim_key, *claim_keys}
    return await _end(connection, member, verifications.c.claim_key.in_(own), VerificationState.INVALIDATED)


async def invalidate_person(
    connection: AsyncConnection, member: Verification, about: sa.ColumnElement[bool]
) -> int:
    """End every live verification of the account that is `about` the person, by whichever number: they live no more."""
    return await _end(connection, member, about, VerificationState.INVALIDATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What tells whose a verification by nine digits is."""

    confirmed: bool
    holder: str | None
    claim_key: str


async def list_marks(connection: AsyncConnection, names: Sequence[str]) -> dict[str, Mark]:
    """Return the marks of verifications, by their ids."""
    columns = (verifications.c.id, verifications.c.verdict, verifications.c.holder, verifications.c.claim_key)
    rows = await connection.execute(sa.select(*columns).where(verifications.c.id.in_(names)))
    return {
        row.id: Mark(
            confirmed=row.verdict == Verdict.CONFIRMED.value, holder=row.holder, claim_key=row.claim_key
        )
        for row in rows
    }


async def unite_claim(connection: AsyncConnection, claim: ClaimKeys) -> None:
    """Bring an organisation's rows of one claim, kept under other look-up keys, under the serving one."""
    await connection.execute(
        sa.update(verifications)
        .where(
            verifications.c.profile == claim.profile.value,
            verifications.c.organisation == claim.organisation,
            verifications.c.subject == claim.subject,
            verifications.c.claim_key.in_(claim.others),
        )
        .values(claim_key=claim.current, claim_key_id=claim.key_id)
    )


async def _end(
    connection: AsyncConnection,
    member: Verification,
    which: sa.ColumnElement[bool],
    state: VerificationState,
) -> int:
    """End a family and its likes, and delete their data keys; return how many were live."""
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
    """Mark what has expired and delete its data keys; return how many there were.

    Rows that another transaction is ending are left to it: waiting for it with others locked could be a deadlock.
    """
    expired = (
        sa.select(verifications.c.id)
        .where(verifications.c.expires_at <= now, verifications.c.state == VerificationState.LIVE.value)
        .with_for_update(skip_locked=True)
    )
    result = await connection.execute(
        sa.update(verifications)
        .where(verifications.c.id.in_(expired))
        .values(state=VerificationState.EXPIRED.value, **_WITHOUT_CLAIM)
        .execution_options(
            unrecorded="`expires_at` says so already; the state in evidence has one digest for both"
        )
    )
    return int(result.rowcount)


def _verification(row: sa.Row[tuple[Any, ...]]) -> Verification:
    members = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return Verification(
        **members
        | {
            "profile": Profile(row.profile),
            "verdict": Verdict(row.verdict),
            "origin": Origin(row.origin),
            "state": VerificationState(row.state),
        }
    )
