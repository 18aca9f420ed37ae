"""The change of a profile's connection: another revision becomes the active one."""

from collections.abc import Mapping
from functools import partial
from typing import Any, TypedDict

from gateway.applications import store as applications
from gateway.changes import store as changes
from gateway.changes.fence import find_other, hold_fence
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.preflight_budget import charge_run, require_room
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors.commands import StateWrong
from gateway.operators.model import Operator
from gateway.procedures.fields import Operation
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.opening import open_or_show, open_revision
from gateway.profiles.preflight import Preflight, run_preflight
from gateway.profiles.revision_rows import MASK, list_secrets, masked
from gateway.profiles.revisions import Revision
from gateway.profiles.switching import activate_revision
from gateway.profiles.witness import AuditWitness, subject_of

OTHER = "(sealed, another)"
"""What a diff shows of a secret that differs."""

_IDENTITY = "test_identity"


class _Wanted(TypedDict, total=False):
    """What a preflight is told to ask for."""

    procedures: tuple[str, ...]
    operations: tuple[Operation, ...]


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Compare the revision with the one that is active now; a secret is only said to be another.

    A test identity is always shown, and never whether it is the active one's: that would tell who guesses at it.
    """
    proposed = await get_revision(transaction, gateway, change)
    standing = await store.read_standing(transaction, proposed.profile)
    active = None
    if standing.active is not None:
        active = await open_or_show(transaction, gateway, proposed.profile, standing.active)
    named = [
        DiffLine(member=member, before=None, after=change.document[member])
        for member in ("application", "issuer_key")
        if member in change.document
    ]
    if proposed.members.test_identity is not None:
        before = MASK if active is not None and active.members.test_identity is not None else None
        named.append(DiffLine(member=_IDENTITY, before=before, after=MASK))
    lines = compare(_shown(active, None), _shown(proposed, active))
    kept = [line for line in lines if line.member != _IDENTITY or line.after is None]
    return (*kept, *named)


async def check(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Try the revision outside of service, every packet of it in evidence."""
    async with gateway.parts.database.read() as transaction:
        revision = await get_revision(transaction, gateway, change)
    return await try_revision(gateway, change, revision, trial)


async def try_revision(gateway: Gateway, change: Change, revision: Revision, trial: Trial) -> Preflight:
    """Run a preflight of any revision: of what its account was applied for, or of all where that isn't known.

    Raises:
        PreflightBudgetSpent: its test identity can't be asked about within this hour; nothing was sent.
    """
    applied = await _applied_for(gateway, revision)
    claim = None if trial.login_only else revision.test_claim
    if claim is not None:
        wanted = {Operation.AUTHENTICATE, *applied.get("operations", Operation)}
        await require_room(gateway.parts, revision.profile, len(wanted))
    return await run_preflight(
        gateway.opener.connection(revision),
        other=await find_other(gateway, revision),
        catalogue=gateway.parts.catalogue,
        way_out=trial.way_out,
        clock=gateway.parts.clock,
        witness=_witness(gateway, change, revision, trial),
        expires_on=revision.members.expires_on,
        **applied,
        test_identity=claim,
        login_only=trial.login_only,
    )


def _witness(gateway: Gateway, change: Change, revision: Revision, trial: Trial) -> AuditWitness:
    claim = revision.test_claim
    keys = gateway.places[revision.profile].keys
    return AuditWitness(
        parts=gateway.parts,
        act=change.id,
        actor=trial.actor,
        spend=partial(charge_run, gateway.parts, revision.profile, trial.run),
        subject=None if claim is None else subject_of(keys, claim),
    )


async def _applied_for(gateway: Gateway, revision: Revision) -> _Wanted:
    """Return what the application named that brought this revision's account; nothing where none is named."""
    async with gateway.parts.database.read() as transaction:
        for change in await changes.list_changes(transaction, profile=revision.profile):
            named = change.document.get("application")
            if change.revision == revision.number and isinstance(named, str):
                found = await applications.find_application(transaction, named)
                if found is not None:
                    return {"procedures": found.procedures, "operations": found.operations}
    return {}


async def happen(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """Make the revision the active one. Raises `PreflightFailed` where it is the other profile's by now."""
    del by
    revision = await get_revision(transaction, gateway, change)
    await hold_fence(transaction, gateway, revision)
    await activate_revision(transaction, revision.profile, revision.number)
    return {}


async def get_revision(transaction: Transaction, gateway: Gateway, change: Change) -> Revision:
    """Return the revision that a change is about, its secrets unsealed.

    Raises:
        StateWrong: there is none, or its secrets don't open.
    """
    if change.revision is None:
        raise StateWrong(f"change {change.id} names no revision")
    return await open_revision(transaction, gateway, change.place, change.revision)


def _shown(revision: Revision | None, beside: Revision | None) -> dict[str, Any]:
    """Return a revision's members, a secret as whether it is another than the one `beside`."""
    if revision is None:
        return {}
    flat: dict[str, Any] = {"revision": revision.number}
    if revision.volume is not None:
        flat |= {"stated_hour": revision.volume.hour, "stated_day": revision.volume.day}
    for name, value in masked(revision.members).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    if beside is not None:
        kept = list_secrets(beside.members)
        for name, secret in list_secrets(revision.members).items():
            flat[name] = MASK if kept.get(name) == secret else OTHER
    return flat
