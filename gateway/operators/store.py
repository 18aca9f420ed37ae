"""Operators and their sessions at rest. All SQL of this room.

Of a password there is its argon2id hash, of codes and tokens a keyed HMAC, and the TOTP secret is sealed under the
master key, bound to its operator.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.database import Instant, Transaction, metadata
from gateway.identifiers import OperatorName
from gateway.keys.sealing import seal, unseal
from gateway.operators.model import Operator, OperatorState, Record, Role, StoredSession

operators = sa.Table(
    "operators",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("password_hash", sa.String(200)),
    sa.Column("sealed_totp", sa.LargeBinary),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("code_digest", sa.String(64)),
    sa.Column("code_ends_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(64), nullable=False),
    sa.Column("admitted_in", sa.String(40)),
    sa.Column("role_since", Instant),
)
operator_sessions = sa.Table(
    "operator_sessions",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("operator", sa.ForeignKey("operators.name"), nullable=False, index=True),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("used_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False, index=True),
)
_FIND_SESSION = sa.select(
    operators, operator_sessions.c.used_at, operator_sessions.c.ends_at, operator_sessions.c.digest
).join(operator_sessions, operator_sessions.c.operator == operators.c.name)


def totp_place(name: str) -> str:
    """Return what binds a sealed TOTP secret to its operator."""
    return f"operator/{name}/totp"


async def list_records(transaction: Transaction) -> list[Record]:
    """Return every operator by name."""
    rows = await transaction.execute(sa.select(operators).order_by(operators.c.name))
    return [_record(row) for row in rows]


async def find_record(transaction: Transaction, name: str) -> Record | None:
    """Return an operator by name."""
    row = (await transaction.execute(sa.select(operators).where(operators.c.name == name))).first()
    return _record(row) if row else None


async def invite(transaction: Transaction, operator: Operator, *, digest: str, ends_at: datetime) -> None:
    """Add an operator, or invite a present one anew: whatever proved them before is gone."""
    values = {
        "role": operator.role.value,
        "state": OperatorState.INVITED.value,
        "password_hash": None,
        "sealed_totp": None,
        "last_step": None,
        "code_digest": digest,
        "code_ends_at": ends_at,
        "created_at": operator.created_at,
        "created_by": operator.created_by,
        "admitted_in": operator.admitted_in,
        "role_since": None,
    }
    change = sa.update(operators).where(operators.c.name == operator.name).values(values)
    if not (await transaction.execute(change)).rowcount:
        await transaction.execute(sa.insert(operators).values(name=operator.name, **values))


async def enrol(
    transaction: Transaction,
    name: str,
    *,
    password_hash: str,
    totp_secret: bytes,
    master: bytes,
    at: datetime,
) -> None:
    """Make an invited operator active; the one-time code is spent."""
    await _update(
        transaction,
        name,
        state=OperatorState.ACTIVE.value,
        password_hash=password_hash,
        sealed_totp=seal(master, totp_secret, place=totp_place(name)),
        code_digest=None,
        code_ends_at=None,
        role_since=at,
    )


async def set_last_step(transaction: Transaction, name: str, step: int) -> None:
    """Remember the step of the last TOTP code used."""
    await _update(transaction, name, last_step=step)


async def set_role(transaction: Transaction, name: str, role: Role, *, at: datetime) -> None:
    """Give an operator another role."""
    await _update(transaction, name, role=role.value, role_since=at)


async def disable(transaction: Transaction, name: str) -> None:
    """End an operator: sessions and whatever proved them are gone."""
    await delete_sessions(transaction, name)
    await _update(
        transaction,
        name,
        state=OperatorState.DISABLED.value,
        password_hash=None,
        sealed_totp=None,
        code_digest=None,
        code_ends_at=None,
    )


async def reseal_totp_secrets(transaction: Transaction, *, former: bytes, master: bytes) -> int:
    """Seal every TOTP secret under another master key; return how many. Raises `SealBroken`."""
    query = sa.select(operators.c.name, operators.c.sealed_totp).where(operators.c.sealed_totp.is_not(None))
    found = (await transaction.execute(query)).all()
    for row in found:
        secret = unseal(former, row.sealed_totp, place=totp_place(row.name))
        await _update(transaction, row.name, sealed_totp=seal(master, secret, place=totp_place(row.name)))
    return len(found)


async def insert_session(
    transaction: Transaction, name: str, *, digest: str, at: datetime, ends_at: datetime
) -> None:
    """Add a session."""
    await transaction.execute(
        sa.insert(operator_sessions).values(
            digest=digest, operator=name, made_at=at, used_at=at, ends_at=ends_at
        )
    )


async def find_session(
    transaction: Transaction, digests: Sequence[str]
) -> tuple[str, StoredSession] | tuple[None, None]:
    """Return the session of a token's digests, and under which of them it stands."""
    query = _FIND_SESSION.where(operator_sessions.c.digest.in_(digests))
    row = (await transaction.execute(query)).first()
    if row is None:
        return None, None
    return row.digest, StoredSession(operator=_operator(row), used_at=row.used_at, ends_at=row.ends_at)


async def touch_session(transaction: Transaction, digest: str, *, at: datetime) -> None:
    """Remember when a session was used; never an earlier time than known."""
    table = operator_sessions
    await transaction.execute(
        sa.update(table)
        .where(table.c.digest == digest, table.c.used_at < at)
        .values(used_at=at)
        .execution_options(unrecorded="a counter, which the state in evidence leaves out")
    )


async def delete_session(transaction: Transaction, digest: str) -> None:
    """End one session."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.digest == digest))


async def delete_sessions(transaction: Transaction, name: str) -> None:
    """End every session of an operator."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.operator == name))


async def delete_ended_sessions(transaction: Transaction, *, at: datetime) -> None:
    """Forget sessions whose longest time is over."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.ends_at <= at))


async def _update(transaction: Transaction, name: str, **values: Any) -> None:
    await transaction.execute(sa.update(operators).where(operators.c.name == name).values(values))


def _operator(row: sa.Row[Any]) -> Operator:
    return Operator(
        name=OperatorName(row.name),
        role=Role(row.role),
        state=OperatorState(row.state),
        created_at=row.created_at,
        created_by=row.created_by,
        admitted_in=row.admitted_in,
        role_since=row.role_since,
    )


def _record(row: sa.Row[Any]) -> Record:
    return Record(
        operator=_operator(row),
        password_hash=row.password_hash,
        sealed_totp=row.sealed_totp,
        last_step=row.last_step,
        code_digest=row.code_digest,
        code_ends_at=row.code_ends_at,
    )
