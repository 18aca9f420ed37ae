"""What is wanted of the official account: what the sandbox's accounts of one organisation may do, field by field.

Of a grant only what some form holds is asked for (NĐ 13/2023 Đ3: no more than the purpose needs); operations follow
from the fields, and the yes or no of XacThuc always belongs to them.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from gateway.accounts import store
from gateway.accounts.model import Account, AccountState, Organisation
from gateway.applications.model import Wanted, WantedProcedure, WantedRole
from gateway.clock import today
from gateway.database import Transaction
from gateway.errors.commands import Unknown
from gateway.places import Profile
from gateway.procedures.fields import Operation
from gateway.procedures.model import FormField, Procedure, Role
from gateway.profiles.model import Gateway
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES
from gateway.registry.members import ConnectionMembers


async def find_wanted(transaction: Transaction, gateway: Gateway, organisation: str | None) -> Wanted:
    """Return what the active sandbox accounts may do, of this organisation or of the only one that has some.

    Raises:
        Unknown: no such organisation, or none is named and several have accounts.
    """
    found = [account for account in await store.list_accounts(transaction) if _counts(account)]
    chosen = await _choose(transaction, found, organisation)
    accounts = [account for account in found if chosen is not None and account.organisation == chosen.id]
    revision = gateway.places[Profile.SANDBOX].revision
    members = ConnectionMembers() if revision is None else revision.members
    day = today(gateway.parts.clock)
    wanted = [_want(each, accounts, members, day) for each in gateway.parts.catalogue.procedures]
    procedures = tuple(each for each in wanted if each is not None)
    officers = await store.list_officers(transaction, [account.client_id for account in accounts])
    return Wanted(
        organisation=chosen,
        accounts=len(accounts),
        procedures=procedures,
        operations=_operations(procedures, members.integration_codes),
        officers=tuple(officers),
    )


def _counts(account: Account) -> bool:
    return account.profile is Profile.SANDBOX and account.state is AccountState.ACTIVE


async def _choose(
    transaction: Transaction, accounts: Sequence[Account], named: str | None
) -> Organisation | None:
    if named is not None:
        found = await store.find_organisation(transaction, named)
        if found is None:
            raise Unknown("--organisation: no such organisation; see gateway organisations list")
        return found
    ids = {account.organisation for account in accounts}
    if len(ids) > 1:
        raise Unknown(f"{len(ids)} organisations have sandbox accounts: name one by --organisation ID")
    return await store.find_organisation(transaction, ids.pop()) if ids else None


def _want(
    procedure: Procedure, accounts: Sequence[Account], members: ConnectionMembers, day: date
) -> WantedProcedure | None:
    roles = tuple(
        WantedRole(name=role.name, fields=fields)
        for role in procedure.roles
        if (fields := _fields(procedure, role, accounts))
    )
    if not roles:
        return None
    service_code = members.service_codes.get(procedure.slug, procedure.service_code)
    return WantedProcedure(
        procedure=procedure, code=procedure.code_on(day), service_code=service_code, roles=roles
    )


def _fields(procedure: Procedure, role: Role, accounts: Sequence[Account]) -> tuple[FormField, ...]:
    return tuple(
        each
        for each in role.fields
        if each.from_registry
        and any(
            account.grants.allows_field(procedure.slug, role.name, each.name)
            and (not each.sensitive or "prefill.sensitive" in account.scopes)
            for account in accounts
        )
    )


def _operations(
    procedures: Sequence[WantedProcedure], codes: Mapping[Operation, str]
) -> Mapping[Operation, str]:
    if not procedures:
        return {}
    needed = {each.operation for wanted in procedures for role in wanted.roles for each in role.fields}
    known = {**DEFAULT_INTEGRATION_CODES, **codes}
    return {
        operation: known[operation]
        for operation in Operation
        if operation is Operation.AUTHENTICATE or operation in needed
    }
