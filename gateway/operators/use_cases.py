"""Invite, enrol, change, disable and list operators; each act has an audit row with its actor.

A command on the host creates the first admin, if there is no operator. Later a signed-in admin creates operators; with an
official connection only until there is a proposer and an approver. From then on two people create them by a change, which
calls `admit_operator` and `change_role` in its own transaction. See docs/decisions/0068.

A permit allows an operator with a role an act on official; it is checked before the commit and inside it.
"""

import hmac
from collections.abc import Collection, Sequence
from datetime import datetime

from gateway import deployment
from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.errors.operators import LoginInvalid, RoleMissing, StateWrong, Unknown
from gateway.errors.requests import TokenInvalid
from gateway.identifiers import OperatorName, Profile, new_identifier
from gateway.keys.sealing import seal
from gateway.operators import store
from gateway.operators.model import (
    CODE_LIFETIME,
    Operator,
    OperatorRecord,
    OperatorState,
    Role,
    operator_entry,
)
from gateway.operators.passwords import NewPassword, Passwords
from gateway.operators.sessions import SecretKind, digest_secret, possible_digests, require_role
from gateway.operators.totp import find_step, new_secret, to_base32
from gateway.operators.two_people import BOTH, have_both_enrolled, official_exists, record_two_people
from gateway.profiles.model import Gateway
from gateway.profiles.store import read_state
from gateway.profiles.switching import Permit
from gateway.storage.database import Transaction

WORKING_ROLES = tuple(role for role in Role if role is not Role.VIEWER)
"""Each of these roles may remove a right on official, without a second person."""

_BY_CHANGE = (
    "with an official connection, an operator is created or changed by a change that a second person approves: "
    "gateway operators propose NAME --role ROLE"
)


async def create_operator(
    gateway: Gateway, name: OperatorName, role: Role, *, by: Operator | None, official_present: bool
) -> str:
    """Invite an operator and return the one-time code, valid for 24 hours; `by` None creates the first admin.

    `official_present` is the result of `has_official`.

    Raises:
        RoleMissing: `by` is no admin.
        StateWrong: the operator is active; without `by`: not the first, or no admin; or it needs a change.
    """
    if by is not None:
        await require_role(gateway, by, Role.ADMIN)
        await _store_two_people(gateway, by)
    actor = LOCAL if by is None else by.name

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], str]:
        records = await store.list_records(transaction)
        two_people = (await read_state(transaction, Profile.OFFICIAL)).two_people_since is not None
        if by is None:
            _check_first(records, role, two_people=two_people)
        else:
            await confirm_operator(transaction, by)
            if two_people or (official_present and _have_both(records, gateway.deps.clock.now())):
                raise StateWrong(_BY_CHANGE)
        code = await admit_operator(transaction, gateway, name, role, by=actor)
        outcome = f"operator_admitted:{name}:{role.value}"
        return (operator_entry(gateway.deps, outcome, actor=actor),), code

    return await gateway.deps.audit.commit(decide)


async def _store_two_people(gateway: Gateway, by: Operator) -> None:
    """Store that official needs two people, if it does, in a separate commit, since the following act may be refused."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        return await record_two_people(transaction, gateway, actor=by.name), None

    async with gateway.deps.database.read() as transaction:
        due = have_both_enrolled(await store.list_records(transaction))
    if due:
        await gateway.deps.audit.commit(decide)


async def enrol(
    gateway: Gateway,
    passwords: Passwords,
    name: OperatorName,
    *,
    code: str,
    password: NewPassword,
    secret: bytes | None = None,
    totp: str | None = None,
) -> str:
    """Make an invited operator active, and return the TOTP secret in base32, which is shown once. A command only.

    `secret`: made by the caller, who has shown it already. `totp`: a code that the authenticator shows for the secret; without one, whether the secret arrived isn't known.

    Raises:
        StateWrong: `totp` is not a present code of the secret; nothing changes, and the one-time code stays valid.
        LoginInvalid: the code is wrong, used or expired, or the name is unknown; doesn't say which.
        MasterKeyWrong: the master key was rotated meanwhile.
    """
    secret, step = secret or new_secret(), None
    if totp is not None:
        step = find_step(secret, totp, now=gateway.deps.clock.now(), after=None)
        if step is None:
            raise StateWrong(
                "the TOTP code is not a present one of the new secret: check this machine's clock and the authenticator's; "
                "nothing is changed, and the one-time code is still valid"
            )
    hashed = await passwords.hash(password)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], bool]:
        record = await store.find_record(transaction, name)
        if not _is_code_of(gateway, record, code):
            actor = None if record is None else name  # an unknown name is not recorded
            return (operator_entry(gateway.deps, "login_invalid", actor=actor, kind=Kind.REFUSED),), False
        await gateway.vault.read(transaction)  # a secret sealed under a former master key could not be opened
        sealed = seal(gateway.vault.master, secret, location=store.totp_location(name))
        now = gateway.deps.clock.now()
        await store.enrol(transaction, name, password_hash=hashed, sealed_totp=sealed, at=now)
        if step is not None:  # the code is used
            await store.set_last_step(transaction, name, step)
        noted = await record_two_people(transaction, gateway, actor=name)
        return (operator_entry(gateway.deps, "operator_enrolled", actor=name), *noted), True

    if not await gateway.deps.audit.commit(decide):
        raise LoginInvalid
    return to_base32(secret)


def _is_code_of(gateway: Gateway, record: OperatorRecord | None, code: str) -> bool:
    digests = possible_digests(gateway, SecretKind.CODE, code)
    if record is None or not record.may_enrol(gateway.deps.clock.now()):
        return False
    return any(hmac.compare_digest(digest, record.code_digest or "") for digest in digests)


async def admit_operator(
    transaction: Transaction,
    gateway: Gateway,
    name: OperatorName,
    role: Role,
    *,
    by: str,
    change: str | None = None,
) -> str:
    """Invite a new operator, or a disabled or invited one again, and return the one-time code.

    The caller checks who may do it, and records it. `by` is who sees the code; `change` is the id of the change by which two
    people do it.

    Raises:
        StateWrong: the operator is active.
    """
    now = gateway.deps.clock.now()
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
    digest = digest_secret(gateway, SecretKind.CODE, code)
    await store.invite(transaction, operator, digest=digest, ends_at=now + CODE_LIFETIME)
    return code


async def change_role(transaction: Transaction, name: OperatorName, role: Role, *, at: datetime) -> None:
    """Give an active operator another role, with effect from the next call. The caller checks and records it.

    Raises:
        Unknown, StateWrong: not active, has that role already, or the last active admin.
    """
    record = await _get_record(transaction, name)
    if record.operator.state is not OperatorState.ACTIVE or record.operator.role is role:
        raise StateWrong(f"operator {name} is {record.operator.state.value} as {record.operator.role.value}")
    await require_another_admin(transaction, record)
    await store.set_role(transaction, name, role, at=at)


async def disable_operator(gateway: Gateway, name: OperatorName, *, by: Operator) -> None:
    """Disable an operator and end their sessions. One admin may always do it, since it only removes rights.

    Raises:
        RoleMissing: `by` is no admin.
        Unknown, StateWrong: disabled already, or the last active admin.
    """
    await require_role(gateway, by, Role.ADMIN)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await confirm_operator(transaction, by)
        record = await _get_record(transaction, name)
        if record.operator.state is OperatorState.DISABLED:
            raise StateWrong(f"operator {name} is disabled already")
        await require_another_admin(transaction, record)
        noted = await record_two_people(transaction, gateway, actor=by.name)
        await store.disable(transaction, name)
        return (*noted, operator_entry(gateway.deps, f"operator_disabled:{name}", actor=by.name)), None

    await gateway.deps.audit.commit(decide)


async def list_operators(deps: Dependencies) -> list[Operator]:
    """Return every operator by name."""
    async with deps.database.read() as transaction:
        return [record.operator for record in await store.list_records(transaction)]


async def has_operators(deps: Dependencies) -> bool:
    """Return whether there is, or was, an operator."""
    async with deps.database.read() as transaction:
        return await deployment.has_operators(transaction)


async def has_official(gateway: Gateway) -> bool:
    """Return whether official has a connection, or ever had a revision, active or not."""
    async with gateway.deps.database.read() as transaction:
        return await official_exists(transaction, gateway)


async def confirm_operator(transaction: Transaction, operator: Operator) -> None:
    """Check inside an act's transaction that the operator is unchanged since the sign-in.

    Raises:
        TokenInvalid: the operator was disabled, or has another role.
    """
    record = await store.find_record(transaction, operator.name)
    if record is None or record.operator != operator:
        raise TokenInvalid


async def require_another_admin(transaction: Transaction, record: OperatorRecord) -> None:
    """Raise `StateWrong` if an operator is the last active admin."""
    admins = [
        other.operator.name
        for other in await store.list_records(transaction)
        if other.operator.role is Role.ADMIN and other.operator.state is OperatorState.ACTIVE
    ]
    if admins == [record.operator.name]:
        raise StateWrong(f"{record.operator.name} is the last active admin: create another first")


def permit_of(by: Operator | None, roles: Collection[Role]) -> Permit | None:
    """Return the permit of an operator with one of these roles; None without an operator."""
    if by is None:
        return None

    async def permit(transaction: Transaction) -> str:
        if by.role not in roles:
            raise RoleMissing(tuple(role.value for role in roles))
        await confirm_operator(transaction, by)
        return by.name

    return permit


async def permit_admin(gateway: Gateway, by: Operator | None) -> Permit | None:
    """Return an admin's permit; None without an operator. Raises `RoleMissing`, and records it."""
    if by is not None:
        await require_role(gateway, by, Role.ADMIN)
    return permit_of(by, (Role.ADMIN,))


def _check_first(records: Sequence[OperatorRecord], role: Role, *, two_people: bool) -> None:
    if records or two_people:
        raise StateWrong(
            "there are operators already: an admin signs in (gateway login NAME) and creates more"
        )
    if role is not Role.ADMIN:
        raise StateWrong("the first operator is an admin: --role admin --bootstrap")


def _have_both(records: Sequence[OperatorRecord], now: datetime) -> bool:
    """Return whether there is a proposer and an approver, each enrolled or with a valid one-time code."""
    may_enrol = {each.operator.role for each in records if each.may_enrol(now)}
    enrolled = {each.operator.role for each in records if each.operator.role_since is not None}
    return may_enrol | enrolled >= BOTH


async def _get_record(transaction: Transaction, name: OperatorName) -> OperatorRecord:
    record = await store.find_record(transaction, name)
    if record is None:
        raise Unknown(f"operator {name} does not exist: gateway operators list")
    return record
