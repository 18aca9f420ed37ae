"""Make an application: find the wanted rights, gather the evidence, sign; a complete one is stored by its hash.

The wanted rights on official are those of one organisation's sandbox accounts, field by field.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

from gateway.accounts import store as accounts_store
from gateway.accounts.model import Account, AccountState, Organisation
from gateway.applications import store
from gateway.applications.document import Bundle, BundleContent, sign_document, write_document, write_page
from gateway.applications.readiness import (
    Wanted,
    WantedProcedure,
    WantedRole,
    find_missing,
    gather_evidence,
)
from gateway.applications.statement import Statement
from gateway.applications.store import Application
from gateway.audit.model import Kind, act_entry
from gateway.clock import today
from gateway.errors.operators import Unknown
from gateway.identifiers import Profile, new_identifier
from gateway.preflight.recorder import AuditRecorder, PreflightNetwork
from gateway.preflight.run import FIRST_PROCEDURE
from gateway.procedures.model import FormField, Operation, Procedure, SubjectRole
from gateway.profiles.model import Gateway
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES, ConnectionMembers, Dialect
from gateway.storage.database import Transaction


async def make_application(
    gateway: Gateway,
    stated: Statement,
    *,
    by: str,
    organisation: str | None = None,
    preflight_network: PreflightNetwork | None = None,
) -> Bundle:
    """Return the bundle, a draft if something is missing; only a complete one is stored, by its hash.

    `by` is an operator's name, or `local`. Without `preflight_network` no preflight of the sandbox runs, so the bundle is
    a draft.

    Raises:
        Unknown: no such organisation, or several have accounts and none is given.
    """
    async with gateway.deps.database.read() as transaction:
        wanted = await _find_wanted(transaction, gateway, organisation)
    # A preflight asks with the first procedure, whose code is known.
    found = (each.procedure.slug for each in wanted.procedures)
    slugs = tuple(sorted(found, key=lambda slug: slug != FIRST_PROCEDURE))
    act = new_identifier("act")
    evidence = await gather_evidence(
        gateway,
        slugs[:1],
        wanted.operations,
        preflight_network=preflight_network,
        recorder=AuditRecorder(
            deps=gateway.deps, act=act, actor=by, keys=gateway.places[Profile.SANDBOX].keys
        ),
    )
    missing = find_missing(stated, wanted, evidence)
    official, sandbox = gateway.places[Profile.OFFICIAL], gateway.places[Profile.SANDBOX].revision
    content = BundleContent(
        stated=stated,
        wanted=wanted,
        evidence=evidence,
        made_at=gateway.deps.clock.now(),
        draft=bool(missing),
        issuer=official.issuer,
        dialect=(Dialect.SOAP if sandbox is None else sandbox.members.dialect).value,
    )
    text = sign_document(write_document(content, official.keys), official.keys)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if not missing:
        application = Application(
            sha256=sha256,
            made_at=content.made_at,
            made_by=by,
            procedures=slugs,
            operations=tuple(wanted.operations),
            rate_per_second=stated.rate.per_second,
            rate_per_day=stated.rate.per_day,
        )
        await _store(gateway, application, act=act)
    page = write_page(content, official.keys, sha256=sha256)
    return Bundle(text=text, page=page, sha256=sha256, draft=content.draft, missing=missing)


async def _store(gateway: Gateway, application: Application, *, act: str) -> None:
    outcome, at, by = f"application_made:{application.sha256}", application.made_at, application.made_by
    entry = act_entry(outcome, at=at, actor=by, profile=Profile.OFFICIAL, kind=Kind.LOCAL, act=act)
    insert = partial(store.insert_application, application=application)
    await gateway.deps.audit.record(entry, change=insert)


async def _find_wanted(transaction: Transaction, gateway: Gateway, organisation: str | None) -> Wanted:
    """Return the rights of the active sandbox accounts of an organisation, by default of the only one with accounts.

    Only granted fields that a form has are asked for (NĐ 13/2023 Đ3: no more than the purpose needs). The operations
    follow from the fields; if there is any field, `AUTHENTICATE` (the verdict) is among them.

    Raises:
        Unknown: no such organisation, or none is given and several have accounts.
    """
    found = [
        account
        for account in await accounts_store.list_accounts(transaction)
        if account.profile is Profile.SANDBOX and account.state is AccountState.ACTIVE
    ]
    chosen = await _choose(transaction, found, organisation)
    accounts = [account for account in found if chosen is not None and account.organisation == chosen.id]
    revision = gateway.places[Profile.SANDBOX].revision
    members = ConnectionMembers() if revision is None else revision.members
    day = today(gateway.deps.clock)
    wanted = [_want(each, accounts, members, day) for each in gateway.deps.catalogue.procedures]
    procedures = tuple(each for each in wanted if each is not None)
    officers = await accounts_store.list_officers(transaction, [account.client_id for account in accounts])
    return Wanted(
        organisation=chosen,
        accounts=len(accounts),
        procedures=procedures,
        operations=_operations(procedures, members.integration_codes),
        officers=tuple(officers),
    )


async def _choose(
    transaction: Transaction, accounts: Sequence[Account], named: str | None
) -> Organisation | None:
    if named is not None:
        found = await accounts_store.find_organisation(transaction, named)
        if found is None:
            raise Unknown("--organisation: no such organisation; see gateway organisations list")
        return found
    ids = {account.organisation for account in accounts}
    if len(ids) > 1:
        raise Unknown(f"{len(ids)} organisations have sandbox accounts: name one by --organisation ID")
    return await accounts_store.find_organisation(transaction, ids.pop()) if ids else None


def _want(
    procedure: Procedure, accounts: Sequence[Account], members: ConnectionMembers, day: date
) -> WantedProcedure | None:
    roles = tuple(
        WantedRole(name=role.name, fields=fields)
        for role in procedure.roles
        if (fields := _granted_fields(procedure, role, accounts))
    )
    if not roles:
        return None
    return WantedProcedure(
        procedure=procedure,
        code=procedure.code_on(day),
        service_code=members.service_codes.get(procedure.slug, procedure.service_code),
        roles=roles,
    )


def _granted_fields(
    procedure: Procedure, role: SubjectRole, accounts: Sequence[Account]
) -> tuple[FormField, ...]:
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
