"""Invite, enrol, change, disable and list operators; each act has an audit row with its actor.

A command on the host creates the first admin, if there is no operator. Later a signed-in admin creates operators; with
an official connection only until there is a proposer and an approver. From then on two people create them by a change,
which calls `admit_operator` and `change_role` in its own transaction. See docs/decisions/0068.

Official needs two people once a proposer and an approver have enrolled while it has a connection, or once two people
have activated a change of it. The time is stored with the profile and never cleared: one admin still can't create
operators alone after somebody was disabled, got another role or a new invitation, or a setting or a row was removed.

On official a command without a sign-in may do anything while there is no operator, and afterwards only suspend. That is
checked inside the commit, so the same check applies to a command, a script and a test. Root can bypass it by writing to
the database, and the evidence of state shows that. See docs/decisions/0069.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from gateway import deployment
from gateway.audit.model import LOCAL, AuditEntry, Kind, act_entry
from gateway.errors.operators import LoginInvalid, StateWrong, Unknown
from gateway.errors.requests import TokenInvalid
from gateway.identifiers import OperatorName, Profile, new_identifier
from gateway.keys.sealing import seal
from gateway.operators import store
from gateway.operators.credentials import NewPassword, Passwords, find_step, new_secret, to_base32
from gateway.operators.model import (
    CODE_LIFETIME,
    Operator,
    OperatorRecord,
    OperatorState,
    Role,
    operator_entry,
)
from gateway.operators.sessions import (
    SecretKind,
    digest_secret,
    has_operators,
    possible_digests,
    require_role,
)
from gateway.profiles.model import Dependencies, Gateway
from gateway.profiles.store import list_revisions, read_state, require_two_people
from gateway.storage.database import Transaction

WORKING_ROLES = tuple(role for role in Role if role is not Role.VIEWER)
"""Each of these roles may remove a right on official, without a second person."""

_BOTH = frozenset({Role.PROPOSER, Role.APPROVER})
"""The roles that two people need."""

_BY_CHANGE = (
    "with an official connection, an operator is created or changed by a change that a second person approves: "
    "gateway operators propose NAME --role ROLE"
)


async def create_operator(gateway: Gateway, name: OperatorName, role: Role, *, by: Operator | None) -> str:
    """Invite an operator and return the one-time code, valid for 24 hours; `by` None creates the first admin.

    Raises:
        RoleMissing: `by` is no admin.
        StateWrong: the operator is active, or the act needs a change; without `by`: there is an operator, or `role` is
            not admin.
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
            both = _have_both(records, gateway.deps.clock.now())
            if two_people or (both and await _official_exists(transaction, gateway)):
                raise StateWrong(_BY_CHANGE)
        code = await admit_operator(transaction, gateway, name, role, by=actor)
        outcome = f"operator_admitted:{name}:{role.value}"
        return (operator_entry(gateway.deps, outcome, actor=actor),), code

    return await gateway.deps.audit.commit(decide)


async def _store_two_people(gateway: Gateway, by: Operator) -> None:
    """Store that official needs two people, if that begins now, in a commit of its own: the next act may be refused."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        return await record_two_people(transaction, gateway, actor=by.name), None

    async with gateway.deps.database.read() as transaction:
        due = _have_both_enrolled(await store.list_records(transaction))
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
    """Make an invited operator active, and return the TOTP secret in base32, which is shown once. Only a command calls it.

    `secret` is one that the caller has made and may have shown already. `totp` is a code that the authenticator shows for
    the secret; without it nobody knows whether the secret has reached the authenticator.

    Raises:
        StateWrong: `totp` is not a present code of the secret; nothing changes, and the one-time code stays valid.
        LoginInvalid: `code` is wrong, used or expired, or the name is unknown; the error doesn't say which.
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

    The caller checks who may do it, and records it. `by` is who sees the code; `change` is the id of the change by which
    two people invite the operator, None if one person does.

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
        Unknown: there is no such operator.
        StateWrong: the operator is not active, has that role already, or is the last active admin.
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
        Unknown: there is no such operator.
        StateWrong: the operator is disabled already, or is the last active admin.
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


async def require_admin(gateway: Gateway, by: Operator | None) -> None:
    """Raise `RoleMissing` for an operator who is no admin, and record it. Call it outside of a transaction."""
    if by is not None:
        await require_role(gateway, by, Role.ADMIN)


async def check_host_act(deps: Dependencies, by: Operator | None, *, tried: str, remedy: str) -> None:
    """Refuse, before the commit and with an audit row, an act on official that needs an operator.

    Raises:
        StateWrong: there are operators, and no `by`.
    """
    if by is not None or not await has_operators(deps):
        return
    outcome, now = f"state_wrong:{tried}", deps.clock.now()
    entry = act_entry(outcome, at=now, actor=LOCAL, profile=Profile.OFFICIAL, kind=Kind.REFUSED)
    await deps.audit.record(entry)
    raise StateWrong(remedy)


async def actor_of(transaction: Transaction, by: Operator | None, *, remedy: str) -> str:
    """Return who acts on official, inside the commit: `by`, unchanged since the sign-in, or `local` while there is no operator.

    Raises:
        StateWrong: there are operators, and no `by`.
        TokenInvalid: `by` was disabled, or has another role, since.
    """
    if by is not None:
        await confirm_operator(transaction, by)
        return by.name
    if await deployment.has_operators(transaction):
        raise StateWrong(remedy)
    return LOCAL


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
    return may_enrol | enrolled >= _BOTH


async def _get_record(transaction: Transaction, name: OperatorName) -> OperatorRecord:
    record = await store.find_record(transaction, name)
    if record is None:
        raise Unknown(f"operator {name} does not exist: gateway operators list")
    return record


async def _official_exists(transaction: Transaction, gateway: Gateway) -> bool:
    """Return whether official has a connection, or ever had a revision, active or not.

    A connection in the settings counts too, since the next `gateway serve` makes it the first revision.
    """
    if gateway.settings.of(Profile.OFFICIAL).registry_url is not None:
        return True
    return bool(await list_revisions(transaction, Profile.OFFICIAL))


async def record_two_people(
    transaction: Transaction, gateway: Gateway, *, actor: str, acted: bool = False
) -> Sequence[AuditEntry]:
    """Store that official needs two people, if that begins now; return its audit row, or none.

    Callers await it before an act that removes a role. `acted`: two people have just activated a change.
    """
    if (await read_state(transaction, Profile.OFFICIAL)).two_people_since is not None:
        return ()
    if not acted:
        both = _have_both_enrolled(await store.list_records(transaction))
        if not both or not await _official_exists(transaction, gateway):
            return ()
    entry = operator_entry(gateway.deps, "two_people_required", actor=actor, profile=Profile.OFFICIAL)
    await require_two_people(transaction, Profile.OFFICIAL, since=entry.at)
    return (entry,)


def _have_both_enrolled(records: Sequence[OperatorRecord]) -> bool:
    """Return whether a proposer and an approver have enrolled, even if they are disabled now."""
    return {each.operator.role for each in records if each.operator.role_since is not None} >= _BOTH
