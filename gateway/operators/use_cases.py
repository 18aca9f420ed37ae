"""Make, change, list and end operators; each act leaves an audit row with who did it.

The first admin is made on the host, while there is no operator at all. Later ones by an admin who is signed in; on an
instance with an official connection only until there is a proposer and an approver, and then never again: by a change
that two people make, which calls `admit_operator` and `change_role` in its own transaction. See docs/decisions/0068.
"""

from collections.abc import Sequence
from datetime import datetime

from gateway import deployment
from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.database import Transaction
from gateway.errors.callers import TokenInvalid
from gateway.errors.commands import StateWrong, Unknown
from gateway.identifiers import OperatorName, new_identifier
from gateway.operators import store
from gateway.operators.digests import Kept, digest_of
from gateway.operators.model import CODE_LIFE, Operator, OperatorState, Record, Role
from gateway.operators.sessions import require_role
from gateway.operators.two_people import BOTH, have_both_enrolled, note_two_people, official_is_there
from gateway.parts import Parts
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.profiles.store import read_standing

_BY_CHANGE = (
    "with an official connection an operator is made or changed by a change that a second person approves: "
    "gateway operators propose NAME --role ROLE"
)


async def create_operator(
    gateway: Gateway, name: OperatorName, role: Role, *, by: Operator | None, official_present: bool
) -> str:
    """Invite an operator and return the one-time code, good for 24 hours; `by` None is the host's first admin.

    `official_present` is what `has_official` says.

    Raises:
        RoleMissing: `by` is no admin.
        StateWrong: the operator is active; not the first, or no admin, without `by`; or a change is needed.
    """
    if by is not None:
        await require_role(gateway, by, Role.ADMIN)
        await _settle_two_people(gateway, by)
    codes: list[str] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        codes.clear()
        records = await store.list_records(transaction)
        standing = await read_standing(transaction, Profile.OFFICIAL)
        if by is None:
            _check_first(records, role, two_people=standing.two_people_since is not None)
        else:
            await confirm_operator(transaction, by)
            both = _are_both_there(records, gateway.parts.clock.now())
            if standing.two_people_since is not None or (official_present and both):
                raise StateWrong(_BY_CHANGE)
        actor = LOCAL if by is None else by.name
        codes.append(await admit_operator(transaction, gateway, name, role, by=actor))
        return [operator_entry(gateway.parts, f"operator_admitted:{name}:{role.value}", actor=actor)]

    await gateway.parts.audit.commit(decide)
    return codes[0]


async def _settle_two_people(gateway: Gateway, by: Operator) -> None:
    """Keep that it takes two people where that is due: in a commit of its own, since the act may be refused for it."""

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        return await note_two_people(transaction, gateway, actor=by.name)

    async with gateway.parts.database.read() as transaction:
        due = have_both_enrolled(await store.list_records(transaction))
    if due:
        await gateway.parts.audit.commit(decide)


async def admit_operator(
    transaction: Transaction,
    gateway: Gateway,
    name: OperatorName,
    role: Role,
    *,
    by: str,
    change: str | None = None,
) -> str:
    """Invite a new operator, or a disabled or invited one anew, and return the one-time code.

    The act alone, inside the caller's record of the audit: who may, and the audit row, are the caller's. `by` is who
    sees the code; `change` the change that two people made it by.

    Raises:
        StateWrong: the operator is active.
    """
    now = gateway.parts.clock.now()
    record = await store.find_record(transaction, name)
    if record is not None and record.operator.state is OperatorState.ACTIVE:
        raise StateWrong(f"operator {name} is active: disable them first, or change their role")
    code = new_identifier("otc")
    operator = Operator(
        name=name,
        role=role,
        state=OperatorState.INVITED,
        created_at=now,
        created_by=by,
        admitted_in=change,
    )
    digest = digest_of(gateway, Kept.CODE, code)
    await store.invite(transaction, operator, digest=digest, ends_at=now + CODE_LIFE)
    return code


async def change_role(transaction: Transaction, name: OperatorName, role: Role, *, at: datetime) -> None:
    """Give an active operator another role, which holds from their next call; the act alone, as `admit_operator`.

    Raises:
        Unknown, StateWrong: not active, of that role already, or the last active admin.
    """
    record = await _get_record(transaction, name)
    if record.operator.state is not OperatorState.ACTIVE or record.operator.role is role:
        raise StateWrong(f"operator {name} is {record.operator.state.value} as {record.operator.role.value}")
    await spare_the_last_admin(transaction, record)
    await store.set_role(transaction, name, role, at=at)


async def disable_operator(gateway: Gateway, name: OperatorName, *, by: Operator) -> None:
    """End an operator, whose sessions end with them: one admin's act everywhere, since it only takes away.

    Raises:
        RoleMissing: `by` is no admin.
        Unknown, StateWrong: disabled already, or the last active admin.
    """
    await require_role(gateway, by, Role.ADMIN)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await confirm_operator(transaction, by)
        record = await _get_record(transaction, name)
        if record.operator.state is OperatorState.DISABLED:
            raise StateWrong(f"operator {name} is disabled already")
        await spare_the_last_admin(transaction, record)
        noted = await note_two_people(transaction, gateway, actor=by.name)
        await store.disable(transaction, name)
        return [*noted, operator_entry(gateway.parts, f"operator_disabled:{name}", actor=by.name)]

    await gateway.parts.audit.commit(decide)


async def list_operators(parts: Parts) -> list[Operator]:
    """Return every operator by name."""
    async with parts.database.read() as transaction:
        return [record.operator for record in await store.list_records(transaction)]


async def has_operators(parts: Parts) -> bool:
    """Say whether there is, or was, any operator."""
    async with parts.database.read() as transaction:
        return await deployment.has_operators(transaction)


async def has_official(gateway: Gateway) -> bool:
    """Say whether the official profile has a connection, or ever had a revision of one, active or not."""
    async with gateway.parts.database.read() as transaction:
        return await official_is_there(transaction, gateway)


async def confirm_operator(transaction: Transaction, operator: Operator) -> None:
    """Hold an operator to be what they were when they signed in, inside the transaction of their act.

    Raises:
        TokenInvalid: disabled, or of another role, since.
    """
    record = await store.find_record(transaction, operator.name)
    if record is None or record.operator != operator:
        raise TokenInvalid


async def spare_the_last_admin(transaction: Transaction, record: Record) -> None:
    """Raise `StateWrong` where an operator is the last active admin."""
    admins = [
        other.operator.name
        for other in await store.list_records(transaction)
        if other.operator.role is Role.ADMIN and other.operator.state is OperatorState.ACTIVE
    ]
    if admins == [record.operator.name]:
        raise StateWrong(f"{record.operator.name} is the last active admin: make another first")


def operator_entry(parts: Parts, outcome: str, *, actor: str) -> AuditEntry:
    """Return the audit row of an operator's act, or of one on the host."""
    return AuditEntry(
        at=parts.clock.now(),
        kind=Kind.LOCAL if actor == LOCAL else Kind.OPERATOR,
        profile=None,
        act=new_identifier("act"),
        outcome=outcome,
        actor=actor,
    )


def _check_first(records: Sequence[Record], role: Role, *, two_people: bool) -> None:
    if records or two_people:
        raise StateWrong(
            "there are operators already: let an admin sign in (gateway login NAME) and make more"
        )
    if role is not Role.ADMIN:
        raise StateWrong("the first operator is an admin: --role admin --bootstrap")


def _are_both_there(records: Sequence[Record], now: datetime) -> bool:
    """Say whether a proposer and an approver have enrolled, or still may by their invitation."""
    there = {
        record.operator.role
        for record in records
        if record.operator.role_since is not None or record.is_expected(now)
    }
    return there >= BOTH


async def _get_record(transaction: Transaction, name: OperatorName) -> Record:
    record = await store.find_record(transaction, name)
    if record is None:
        raise Unknown(f"operator {name} does not exist: gateway operators list")
    return record
