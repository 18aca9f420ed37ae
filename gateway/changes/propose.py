"""Propose a change: its content is stored, secrets sealed, and never altered; nothing is applied.

A proposal comes from the API's body or a command's file. The settings propose the first revision of an official profile
that can reach more than this machine: the proposer is `local`, so any approver is a second person.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.applications import store as applications
from gateway.audit.model import LOCAL, AuditEntry
from gateway.changes import rules, store
from gateway.changes.account_kinds import (
    AddOfficers,
    ChangeOperator,
    ChangeRights,
    PromoteAccount,
    ResumeAccount,
    RotateAccount,
)
from gateway.changes.kind import KindOfChange
from gateway.changes.model import LIFETIME, Change, ChangeKind, ChangeState, change_entry
from gateway.changes.profile_kinds import ActivateRevision, ResumeProfile, SetPolicy
from gateway.changes.requests import ProposalBody
from gateway.changes.rules import refusals_recorded
from gateway.errors.operators import SettingInvalid, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import Profile, new_identifier
from gateway.operators.model import Operator
from gateway.operators.use_cases import confirm_operator
from gateway.profiles import store as profiles
from gateway.profiles.model import Gateway
from gateway.profiles.places import check_connection
from gateway.profiles.revisions import Revision, StatedVolume
from gateway.registry.connection import ConnectionMembers
from gateway.storage.database import Transaction

KINDS: Mapping[ChangeKind, KindOfChange] = {
    ChangeKind.ACTIVATE_REVISION: ActivateRevision(),
    ChangeKind.SET_POLICY: SetPolicy(),
    ChangeKind.RESUME_PROFILE: ResumeProfile(),
    ChangeKind.OPERATOR: ChangeOperator(),
    ChangeKind.PROMOTE_ACCOUNT: PromoteAccount(),
    ChangeKind.ROTATE_ACCOUNT: RotateAccount(),
    ChangeKind.ACCOUNT_OFFICERS: AddOfficers(),
    ChangeKind.ACCOUNT_RIGHTS: ChangeRights(),
    ChangeKind.RESUME_ACCOUNT: ResumeAccount(),
}

Document = Callable[[Transaction], Awaitable[Mapping[str, Any]]]
"""Stores what belongs to a proposal, such as a revision, and returns the document."""


async def propose_body(gateway: Gateway, by: Operator, body: ProposalBody) -> Change:
    """Propose the change in a body; raises as `propose_revision`, or as the draft of the kind."""
    name, profile = ChangeKind(body.kind), Profile(body.profile) if body.profile else None
    kind = KINDS[name]
    if name is ChangeKind.ACTIVATE_REVISION and profile and body.revision:
        return await propose_revision(gateway, by, profile, body.revision, application=body.application)
    if kind.official:
        profile = Profile.OFFICIAL
    return await _propose(
        gateway, by, name, profile, lambda transaction: kind.draft(transaction, gateway, body)
    )


async def propose_revision(
    gateway: Gateway,
    by: Operator,
    profile: Profile,
    members: ConnectionMembers,
    *,
    application: str | None = None,
    issuer_key: str | None = None,
) -> Change:
    """Propose a new revision. `application` is the hash of the bundle that applied for the official account.

    `issuer_key` is the thumbprint of the key that signed the issued account, if that was checked.

    Raises:
        RoleMissing
        RequestInvalid: a member is missing, or the deployment doesn't allow the endpoint; or no such application was made
            here, or it is of another profile.
    """
    if missing := members.missing():
        errors = (RequestInvalid.about(f"revision.{name}", "this member is required") for name in missing)
        raise RequestInvalid(tuple(errors))
    now = gateway.deps.clock.now()
    wanted = Revision(profile=profile, number=0, members=members, proposed_by=by.name, proposed_at=now)
    try:
        await check_connection(gateway.clients, wanted.connection(gateway.settings))
    except SettingInvalid as error:
        member, _, expected = error.reason.partition(":")
        raise RequestInvalid.of(f"revision.{member}", expected.strip() or error.reason) from None

    async def draft(transaction: Transaction) -> Mapping[str, Any]:
        named = {} if issuer_key is None else {"issuer_key": issuer_key}
        volume = await profiles.find_volume(transaction, profile)
        if application is not None:
            named["application"] = application
            volume = await _find_stated(transaction, profile, application)
        number = await profiles.next_number(transaction, profile)
        revision = replace(wanted, number=number, volume=volume)
        await profiles.insert_revision(transaction, revision, master=gateway.vault.master)
        return {"revision": number, **named}

    return await _propose(gateway, by, ChangeKind.ACTIVATE_REVISION, profile, draft)


async def propose_first(gateway: Gateway, revision: Revision) -> None:
    """Propose a profile's first revision, which comes from its settings."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        kind, document = ChangeKind.ACTIVATE_REVISION, {"revision": revision.number}
        _, entry = await _insert(transaction, gateway, kind, revision.profile, document, proposer=LOCAL)
        return [entry], None

    await gateway.deps.audit.commit(decide)


async def _propose(
    gateway: Gateway, by: Operator, kind: ChangeKind, profile: Profile | None, draft: Document
) -> Change:
    """Store a proposal. Raises `RoleMissing`, `StateWrong` if it would change nothing, and what the draft raises."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Change]:
        rules.may_propose(by)
        await confirm_operator(transaction, by)
        await gateway.vault.read(transaction)  # another process may have rotated the master key
        change, entry = await _insert(
            transaction,
            gateway,
            kind,
            profile,
            await draft(transaction),
            proposer=by.name,
            admitted_by=by.created_by,
        )
        return [entry], change

    async with refusals_recorded(gateway, by, f"propose:{kind.value}", profile=profile):
        return await gateway.deps.audit.commit(decide)


async def _insert(
    transaction: Transaction,
    gateway: Gateway,
    kind: ChangeKind,
    profile: Profile | None,
    document: Mapping[str, Any],
    *,
    proposer: str,
    admitted_by: str | None = None,
) -> tuple[Change, AuditEntry]:
    """Store a proposal and its diff; return both as a change, with the audit row."""
    now = gateway.deps.clock.now()
    change = Change(
        id=new_identifier("chg"),
        kind=kind,
        profile=profile,
        state=ChangeState.PROPOSED,
        document=document,
        diff=(),
        proposed_by=proposer,
        proposed_at=now,
        expires_at=now + LIFETIME,
        proposer_admitted_by=admitted_by,
    )
    change = replace(change, diff=await KINDS[kind].diff(transaction, gateway, change))
    if not change.diff:
        raise StateWrong(_say_nothing_changes(change))
    await store.insert_change(transaction, change)
    return change, change_entry(change, "change_proposed", at=now, actor=proposer)


def _say_nothing_changes(change: Change) -> str:
    if change.kind is ChangeKind.RESUME_PROFILE and change.profile is not None:
        return f"{change.profile} is not suspended: there is nothing to resume"
    return "the proposal would change nothing: all of it is so already"


async def _find_stated(transaction: Transaction, profile: Profile, application: str) -> StatedVolume | None:
    """Return the volume that an application stated; None for an old one without a stored volume.

    Raises:
        RequestInvalid: no application with this hash was made here for official.
    """
    found = await applications.find_application(transaction, application)
    if found is None or profile is not Profile.OFFICIAL:
        raise RequestInvalid.of("application", "the hash of a bundle that was made here, for official")
    if not found.rate_per_second or not found.rate_per_day:
        return None
    return StatedVolume(hour=min(found.rate_per_second * 3600, found.rate_per_day), day=found.rate_per_day)
