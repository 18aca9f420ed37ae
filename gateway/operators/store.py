"""The tables of operators and their sessions, and all SQL on them.

A password is stored as an argon2id hash, codes and tokens as keyed HMACs; a TOTP secret is sealed under the master key
and bound to its operator.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.keys.sealing import seal, unseal
from gateway.operators.model import Operator, OperatorRecord, OperatorState, Role, StoredSession
from gateway.storage.database import Instant, Transaction, metadata
from gateway.storage.driver import reading_row, refuse_bytes

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


def totp_location(name: str) -> str:
    """Return the location of a TOTP secret, the associated data of its seal, which binds it to its operator."""
    return f"operator/{name}/totp"


async def list_records(transaction: Transaction) -> list[OperatorRecord]:
    """Return every operator by name."""
    with reading_row("operators"):
        rows = (await transaction.execute(sa.select(operators).order_by(operators.c.name))).all()
    return [_record(row) for row in rows]


async def find_record(transaction: Transaction, name: str) -> OperatorRecord | None:
    """Return an operator by name."""
    with reading_row(f"operators/{name}"):
        row = (await transaction.execute(sa.select(operators).where(operators.c.name == name))).first()
    return _record(row) if row else None


async def invite(transaction: Transaction, operator: Operator, *, digest: str, ends_at: datetime) -> None:
    """Add an operator, or invite an existing one again, which deletes their former credentials."""
    values = asdict(operator) | {
        "role": operator.role.value,
        "state": operator.state.value,
        "password_hash": None,
        "sealed_totp": None,
        "last_step": None,
        "code_digest": digest,
        "code_ends_at": ends_at,
    }
    del values["name"]
    change = sa.update(operators).where(operators.c.name == operator.name).values(values)
    if not (await transaction.execute(change)).rowcount:
        await transaction.execute(sa.insert(operators).values(name=operator.name, **values))


async def enrol(
    transaction: Transaction, name: str, *, password_hash: str, sealed_totp: bytes, at: datetime
) -> None:
    """Make an invited operator active and delete the one-time code."""
    await _update(
        transaction,
        name,
        state=OperatorState.ACTIVE.value,
        password_hash=password_hash,
        sealed_totp=sealed_totp,
        code_digest=None,
        code_ends_at=None,
        role_since=at,
    )


async def set_last_step(transaction: Transaction, name: str, step: int) -> None:
    """Set the time step of the last TOTP code used."""
    await _update(transaction, name, last_step=step)


async def set_role(transaction: Transaction, name: str, role: Role, *, at: datetime) -> None:
    """Give an operator another role."""
    await _update(transaction, name, role=role.value, role_since=at)


async def disable(transaction: Transaction, name: str) -> None:
    """Disable an operator; delete their sessions and credentials."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.operator == name))
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
        secret = unseal(former, row.sealed_totp, location=totp_location(row.name))
        await _update(
            transaction, row.name, sealed_totp=seal(master, secret, location=totp_location(row.name))
        )
    return len(found)


async def insert_session(
    transaction: Transaction, name: str, *, digest: str, at: datetime, ends_at: datetime
) -> None:
    """Add a session, and delete sessions that are past their end."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.ends_at <= at))
    await transaction.execute(
        sa.insert(operator_sessions).values(
            digest=digest, operator=name, made_at=at, used_at=at, ends_at=ends_at
        )
    )


async def find_session(transaction: Transaction, digests: Sequence[str]) -> StoredSession | None:
    """Return the session that has one of these digests."""
    query = _FIND_SESSION.where(operator_sessions.c.digest.in_(digests))
    with reading_row("operator_sessions, or its operator"):
        row = (await transaction.execute(query)).first()
    if row is None:
        return None
    return StoredSession(digest=row.digest, operator=_operator(row), used_at=row.used_at, ends_at=row.ends_at)


async def touch_session(transaction: Transaction, digest: str, *, at: datetime) -> None:
    """Set when a session was last used, unless the stored time is later."""
    table = operator_sessions
    await transaction.execute(
        sa.update(table)
        .where(table.c.digest == digest, table.c.used_at < at)
        .values(used_at=at)
        .execution_options(unrecorded="a counter, which the state in evidence leaves out")
    )


async def delete_session(transaction: Transaction, digests: Sequence[str]) -> None:
    """End the session that has one of these digests."""
    await transaction.execute(sa.delete(operator_sessions).where(operator_sessions.c.digest.in_(digests)))


async def _update(transaction: Transaction, name: str, **values: Any) -> None:
    await transaction.execute(sa.update(operators).where(operators.c.name == name).values(values))


def _operator(row: sa.Row[Any]) -> Operator:
    members = {each.name: getattr(row, each.name) for each in fields(Operator)}
    with reading_row(f"operators/{row.name}"):
        refuse_bytes(members.values())
        return Operator(**members | {"role": Role(row.role), "state": OperatorState(row.state)})


def _record(row: sa.Row[Any]) -> OperatorRecord:
    kept = {each.name: getattr(row, each.name) for each in fields(OperatorRecord) if each.name != "operator"}
    return OperatorRecord(operator=_operator(row), **kept)
