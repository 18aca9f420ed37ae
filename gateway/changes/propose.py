"""Propose a change: nothing holds yet, but what is wanted is kept, sealed where it is secret, and never changed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.applications import store as applications
from gateway.applications.model import Application
from gateway.audit.model import AuditEntry
from gateway.changes import rules, store
from gateway.changes.evidence import change_entry, refusals_recorded
from gateway.changes.model import LIFETIME, Change, ChangeKind, ChangeState
from gateway.changes.subjects import SUBJECTS
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.commands import SettingInvalid, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import new_identifier
from gateway.operators.model import Operator
from gateway.operators.use_cases import confirm_operator
from gateway.places import Profile
from gateway.profiles import store as profiles
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Revision, StatedVolume
from gateway.registry.members import ConnectionMembers

Draft = Callable[[Transaction], Awaitable[Mapping[str, Any]]]
"""Keeps what a proposal brings along and returns its document."""


async def propose_revision(
    gateway: Gateway,
    by: Operator,
    profile: Profile,
    members: ConnectionMembers,
    *,
    application: str | None = None,
    issuer_key: str | None = None,
) -> Change:
    """Propose another connection; `application` is the hash of the bundle that the official account was asked with.

    `issuer_key` is the thumbprint of the key that signed what was issued, where that was checked.

    Raises:
        RoleMissing
        RequestInvalid: a member is missing, or leads where the deployment doesn't let the profile connect; or no
            such application was made here, or it is another profile's.
    """
    if missing := members.missing():
        raise RequestInvalid(
            tuple(
                FieldError(field=f"revision.{name}", code="missing", detail="is expected") for name in missing
            )
        )
    now = gateway.parts.clock.now()
    trial = Revision(profile=profile, number=0, members=members, proposed_by=by.name, proposed_at=now)
    await _check_place(gateway, trial)

    async def draft(transaction: Transaction) -> Mapping[str, Any]:
        named = {} if issuer_key is None else {"issuer_key": issuer_key}
        volume = await profiles.find_volume(transaction, profile)
        if application is not None:
            known = await _known(transaction, profile, application)
            named["application"], volume = known.sha256, _stated(known)
        number = await profiles.next_number(transaction, profile)
        revision = replace(trial, number=number, volume=volume)
        await profiles.insert_revision(transaction, revision, master=gateway.vault.master)
        return {"revision": revision.number, **named}

    return await propose(gateway, by, ChangeKind.ACTIVATE_REVISION, profile, draft)


async def propose(
    gateway: Gateway, by: Operator, kind: ChangeKind, profile: Profile | None, draft: Draft
) -> Change:
    """Keep a proposal with its diff.

    Raises:
        RoleMissing, and what the draft raises
        StateWrong: all that it wants is so already.
    """
    made: list[Change] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        made.clear()
        rules.may_propose(by)
        await confirm_operator(transaction, by)
        await gateway.vault.read(transaction)  # the master key of now: another process may have rotated it
        now = gateway.parts.clock.now()
        change = Change(
            id=new_identifier("chg"),
            kind=kind,
            profile=profile,
            state=ChangeState.PROPOSED,
            document=await draft(transaction),
            diff=(),
            proposed_by=by.name,
            proposed_at=now,
            expires_at=now + LIFETIME,
            proposer_admitted_by=by.created_by,
        )
        change = replace(change, diff=await SUBJECTS[kind].diff(transaction, gateway, change))
        if not change.diff:
            raise StateWrong("nothing would become another: it is so already")
        await store.insert_change(transaction, change)
        made.append(change)
        return [change_entry(gateway.parts, change, "change_proposed", actor=by.name)]

    async with refusals_recorded(gateway.parts, by, f"propose:{kind.value}", profile=profile):
        await gateway.parts.audit.commit(decide)
    return made[0]


async def _known(transaction: Transaction, profile: Profile, application: str) -> Application:
    """Return the application whose bundle has this hash, where it was made here for official."""
    found = await applications.find_application(transaction, application)
    if found is None or profile is not Profile.OFFICIAL:
        detail = "the hash of a bundle that was made here, for official"
        raise RequestInvalid((FieldError(field="application", code="unknown", detail=detail),))
    return found


def _stated(application: Application) -> StatedVolume | None:
    """Return the volume that an application stated; None in one of before it was kept."""
    if not application.rate_per_second or not application.rate_per_day:
        return None
    return StatedVolume.of_rate(per_second=application.rate_per_second, per_day=application.rate_per_day)


async def _check_place(gateway: Gateway, revision: Revision) -> None:
    """Say of a member of the revision what is wrong with it, before it is kept."""
    try:
        await gateway.opener.check(gateway.opener.connection(revision))
    except SettingInvalid as error:
        member, _, expected = error.reason.partition(":")
        detail = expected.strip() or error.reason
        raise RequestInvalid(
            (FieldError(field=f"revision.{member}", code="invalid", detail=detail),)
        ) from None
