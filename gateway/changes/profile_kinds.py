"""Changes of a profile: another connection, another policy, the end of a suspension.

A revision is compared with the other profile's connections twice: before a preflight sends anything, and in the commit
that activates it. The preflight is not enough: the same credential could be proposed at both profiles, and both
preflights could pass before either revision is active (docs/decisions/0057).

A policy has the scope of reuse, and the limits of wrong claims and of answers. The limits of answered enquiries, which
prevent harvesting, are changed only with a reason. A suspension ends only after the active revision has passed a new
preflight.
"""

from collections.abc import Collection
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from gateway.accounts import store as accounts
from gateway.applications import store as applications
from gateway.applications.store import Application
from gateway.changes.kind import KindOfChange, PreflightOptions, one_check
from gateway.changes.model import OPEN, Change, ChangeState, DiffLine, compare
from gateway.changes.requests import PolicyBody, ProposalBody
from gateway.changes.rules import charge_questions, require_questions
from gateway.changes.store import list_changes
from gateway.clock import rfc3339
from gateway.errors import FieldError
from gateway.errors.operators import PreflightFailed, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.identifiers import Profile, other_than
from gateway.operators.model import Operator
from gateway.preflight.candidate import OtherProfile, as_other_profile, find_shared_members, read_other
from gateway.preflight.report import Preflight
from gateway.procedures.model import Operation
from gateway.profiles import store
from gateway.profiles.model import Gateway, Policy
from gateway.profiles.places import policy_of
from gateway.profiles.revisions import MASK, PolicyChange, Revision, list_secrets, masked
from gateway.profiles.store import activate_revision, resume, set_policy
from gateway.storage.database import Transaction

READY = (ChangeState.PREFLIGHTED, ChangeState.APPROVED)
_OTHER_MASK = "(sealed, another)"
"""Shown in a diff for a secret that differs."""

_IDENTITY = "test_identity"


async def find_other_profile(gateway: Gateway, revision: Revision) -> OtherProfile:
    """Return the other profile's active, former and proposed connections, with which a revision must share nothing.

    A proposal of the other profile that shares something with this profile's present connections is left out: the mistake
    is there, and must not block this profile.
    """
    profile = revision.profile
    async with gateway.deps.database.read() as transaction:
        proposed = await _numbers(transaction, other_than(profile), OPEN)
        found = await read_other(transaction, gateway, profile, proposed=proposed)
        own = await read_other(transaction, gateway, other_than(profile))
    kept = [
        each
        for each in found.connections
        if each.revision not in proposed or not find_shared_members(each, own)
    ]
    return replace(found, connections=tuple(kept))


async def check_cross_profile(transaction: Transaction, gateway: Gateway, revision: Revision) -> None:
    """Refuse a revision that shares something with the other profile: with its connections, or a ready proposal.

    Raises:
        PreflightFailed: it does, or the other profile's secrets can't be unsealed for the comparison.
    """
    name = other_than(revision.profile).value
    ready = await _numbers(transaction, other_than(revision.profile), READY)
    other = await read_other(transaction, gateway, revision.profile, proposed=ready)
    for number in other.sealed:
        raise _shared_with_other(f"revision {number} of {name} can't be unsealed to compare")
    candidate = revision.connection(gateway.settings)
    for each in other.connections:
        if shared := find_shared_members(candidate, as_other_profile(each)):
            detail = (
                f"revision {each.revision} of {name} has the same {', '.join(shared)}: reject one of them"
            )
            raise _shared_with_other(detail)


async def _numbers(
    transaction: Transaction, profile: Profile, states: Collection[ChangeState]
) -> list[int | None]:
    """Return the numbers of the revisions of a profile's changes in some states."""
    found = await list_changes(transaction, profile=profile, states=states)
    return [change.revision for change in found]


def _shared_with_other(detail: str) -> PreflightFailed:
    return PreflightFailed(
        (FieldError(field="not_the_other_profile", code="preflight_failed", detail=detail),)
    )


async def preflight_revision(
    gateway: Gateway, change: Change, revision: Revision, options: PreflightOptions
) -> Preflight:
    """Run a preflight of a revision, for what its application asked for, or for everything without an application.

    Raises:
        PreflightBudgetSpent: the hour's questions about the test identity are used up; nothing was sent.
    """
    # They load the libraries for HTTP and XML, which other acts on a change don't need.
    from gateway.preflight.recorder import AuditRecorder  # noqa: PLC0415 - as said
    from gateway.preflight.run import FIRST_PROCEDURE, run_preflight  # noqa: PLC0415 - as said

    deps, profile, claim = gateway.deps, revision.profile, revision.test_claim
    applied = await _find_application(gateway, revision)
    operations = tuple(Operation) if applied is None else applied.operations
    if claim is not None and not options.login_only:
        wanted = {Operation.AUTHENTICATE, *operations}
        async with deps.database.read() as transaction:
            await require_questions(transaction, profile, len(wanted), deps.clock.now())
    recorder = AuditRecorder(
        deps=deps,
        act=change.id,
        actor=options.actor,
        keys=gateway.places[profile].keys,
        spend=partial(charge_questions, deps, profile, options.run),
    )
    return await run_preflight(
        revision.connection(gateway.settings),
        other=await find_other_profile(gateway, revision),
        catalogue=deps.catalogue,
        preflight_network=options.preflight_network,
        clock=deps.clock,
        recorder=recorder,
        expires_on=revision.members.expires_on,
        procedures=(FIRST_PROCEDURE,) if applied is None else applied.procedures,
        operations=operations,
        test_identity=None if options.login_only else claim,
        login_only=options.login_only,
    )


async def _find_application(gateway: Gateway, revision: Revision) -> Application | None:
    """Return the application that a revision's change names; None without one."""
    async with gateway.deps.database.read() as transaction:
        for change in await list_changes(transaction, profile=revision.profile):
            named = change.document.get("application")
            if change.revision == revision.number and isinstance(named, str):
                found = await applications.find_application(transaction, named)
                if found is not None:
                    return found
    return None


class ActivateRevision(KindOfChange):
    """A new revision as the active one; `propose_revision` drafts it, since it checks the connection before the transaction."""

    watched = True

    async def diff(self, transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the revision with the active one; for a secret only whether it differs.

        A test identity is always listed, without whether it is the active one's: else a proposer could guess it by trying.
        """
        proposed = await get_revision(transaction, gateway, change)
        number = (await store.read_state(transaction, proposed.profile)).active
        active = None
        if number is not None:
            active = await store.open_revision_or_sealed(
                transaction, proposed.profile, number, master=gateway.vault.master
            )
        named = [
            DiffLine(member=member, before=None, after=change.document[member])
            for member in ("application", "issuer_key")
            if member in change.document
        ]
        if proposed.members.test_identity is not None:
            before = MASK if active is not None and active.members.test_identity is not None else None
            named.append(DiffLine(member=_IDENTITY, before=before, after=MASK))
        lines = compare(_flatten_revision(active, None), _flatten_revision(proposed, active))
        kept = [line for line in lines if line.member != _IDENTITY or line.after is None]
        return (*kept, *named)

    async def check(self, gateway: Gateway, change: Change, options: PreflightOptions) -> Preflight:
        """Run a preflight of the revision; every question has audit rows."""
        async with gateway.deps.database.read() as transaction:
            revision = await get_revision(transaction, gateway, change)
        return await preflight_revision(gateway, change, revision, options)

    async def apply(self, transaction: Transaction, gateway: Gateway, change: Change, _by: Operator) -> None:
        """Activate the revision. Raises `PreflightFailed` if it shares something with the other profile."""
        revision = await get_revision(transaction, gateway, change)
        await check_cross_profile(transaction, gateway, revision)
        await activate_revision(transaction, revision.profile, revision.number)


async def get_revision(transaction: Transaction, gateway: Gateway, change: Change) -> Revision:
    """Return the revision of a change with its secrets. Raises `StateWrong` if there is none, or they can't be unsealed."""
    if change.revision is None:
        raise StateWrong(f"change {change.id} names no revision")
    return await store.open_revision(
        transaction, change.required_profile, change.revision, master=gateway.vault.master
    )


def _flatten_revision(revision: Revision | None, active: Revision | None) -> dict[str, Any]:
    """Return a revision's members; a secret is shown only as equal to the active one's or different."""
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
    if active is not None:
        kept = list_secrets(active.members)
        for name, secret in list_secrets(revision.members).items():
            flat[name] = MASK if kept.get(name) == secret else _OTHER_MASK
    return flat


class SetPolicy(KindOfChange):
    """Another policy of a profile."""

    async def draft(self, transaction: Transaction, _gateway: Gateway, body: ProposalBody) -> dict[str, Any]:
        """Return the document of a policy.

        Raises:
            RequestInvalid: `account` reuse on official without its legal basis (NĐ 69/2024 Đ19 k4), changed budgets of answers
                without a reason, or an account that this profile doesn't have.
        """
        wanted = (body.policy or PolicyBody()).parse()
        profile = Profile(body.profile or "")
        if profile is Profile.OFFICIAL and wanted.reuse == "account" and not wanted.legal_basis:
            detail = "reuse across dossiers on official needs its legal basis"
            raise RequestInvalid.of("policy.legal_basis", detail)
        if (wanted.confirmed_hour or wanted.confirmed_day or wanted.accounts) and not wanted.reason:
            raise RequestInvalid.of(
                "policy.reason",
                "a change of the budgets of answered enquiries needs a reason",
            )
        for client_id, limits in wanted.accounts.items():
            account = await accounts.find_account(transaction, client_id)
            if account is None or account.profile is not profile or limits == {}:
                detail = f"an account of {profile.value}, with confirmed_hour, confirmed_day or null"
                raise RequestInvalid.of("policy.budgets.accounts", detail)
        return {"policy": {name: value for name, value in asdict(wanted).items() if value}}

    async def diff(self, transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the proposed policy with the present one."""
        profile = change.required_profile
        state = await store.read_state(transaction, profile)
        # Not that of the place: this worker may not have followed a switch yet.
        volume = await store.find_volume(transaction, profile)
        before = policy_of(gateway.settings, profile, state.policy, volume)
        after = policy_of(gateway.settings, profile, _override(state.policy, change), volume)
        return compare(_flatten_policy(before), _flatten_policy(after))

    async def check(self, _gateway: Gateway, _change: Change, _options: PreflightOptions) -> Preflight:
        """Pass: the policy was checked with its proposal, and depends on no other system."""
        return one_check("policy", "the policy is consistent", "Chính sách hợp lệ")

    async def apply(self, transaction: Transaction, _gateway: Gateway, change: Change, _by: Operator) -> None:
        """Put the policy in force."""
        state = await store.read_state(transaction, change.required_profile)
        await set_policy(transaction, change.required_profile, _override(state.policy, change))


def _flatten_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy's members as one level; the limits of each account are one member."""
    members = asdict(policy)
    own = members.pop("accounts")
    return members | {f"accounts.{name}": limits for name, limits in own.items()}


def _override(before: PolicyChange, change: Change) -> PolicyChange:
    wanted = dict(change.document["policy"])
    own = {**before.accounts, **wanted.pop("accounts", {})}
    limits = {name: limits for name, limits in own.items() if limits is not None}
    return replace(before, **wanted, accounts=limits)


class ResumeProfile(KindOfChange):
    """The end of a profile's suspension; the change needs only its profile."""

    async def diff(self, transaction: Transaction, _gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Return since when the profile is suspended, and why; no lines if it isn't."""
        state = await store.read_state(transaction, change.required_profile)
        suspension = state.suspension
        if suspension is None:
            return ()
        before = {"at": rfc3339(suspension.at), "reason": suspension.reason}
        return (
            DiffLine(member="suspended", before=before, after=None),
            DiffLine(member="revision", before=state.active, after=state.active),
        )

    async def check(self, gateway: Gateway, change: Change, options: PreflightOptions) -> Preflight:
        """Run a preflight of the active revision."""
        # Not the revision of this process's place: a server of the other profile has its secrets sealed.
        profile = change.required_profile
        async with gateway.deps.database.read() as transaction:
            found = await store.read_states(transaction, master=gateway.vault.master, opened=[profile])
        _, revision = found[profile]
        if revision is None:
            return one_check(
                "active_revision",
                "no revision is active, or its secrets can't be unsealed here",
                "Phiên bản kết nối đang dùng",
                passed=False,
                remedy="propose a revision: gateway profiles propose",
            )
        return await preflight_revision(gateway, change, revision, options)

    async def apply(self, transaction: Transaction, _gateway: Gateway, change: Change, _by: Operator) -> None:
        """End the suspension. Raises `StateWrong` without one."""
        await resume(transaction, change.required_profile)
