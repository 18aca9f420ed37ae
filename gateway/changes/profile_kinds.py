"""Changes of a profile's policy, and the end of a suspension.

A policy has the scope of reuse, and the limits of wrong claims and of answers. The limits of answered enquiries, which
prevent harvesting, are changed only with a reason. A suspension ends only after the active revision has passed a new
preflight.
"""

from dataclasses import asdict, replace
from typing import Any

from gateway.accounts import store as accounts
from gateway.changes.kind import KindOfChange, PreflightOptions, one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.requests import PolicyBody, ProposalBody
from gateway.changes.revision_kind import preflight_revision
from gateway.changes.rules import invalid_member
from gateway.clock import rfc3339
from gateway.identifiers import Profile
from gateway.operators.model import Operator
from gateway.preflight.report import Preflight
from gateway.profiles import store
from gateway.profiles.connections import policy_of
from gateway.profiles.model import Gateway, Policy
from gateway.profiles.revisions import PolicyChange
from gateway.profiles.switching import resume, set_policy
from gateway.storage.database import Transaction


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
            raise invalid_member("policy.legal_basis", detail, code="missing")
        if (wanted.confirmed_hour or wanted.confirmed_day or wanted.accounts) and not wanted.reason:
            raise invalid_member(
                "policy.reason",
                "a change of the budgets of answered enquiries needs a reason",
                code="missing",
            )
        for client_id, limits in wanted.accounts.items():
            account = await accounts.find_account(transaction, client_id)
            if account is None or account.profile is not profile or limits == {}:
                detail = f"an account of {profile.value}, with confirmed_hour, confirmed_day or null"
                raise invalid_member("policy.budgets.accounts", detail, code="unknown")
        return {"policy": {name: value for name, value in asdict(wanted).items() if value}}

    async def diff(self, transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
        """Compare the proposed policy with the present one."""
        profile = change.required_profile
        state = await store.read_state(transaction, profile)
        revision = gateway.places[profile].revision
        volume = None if revision is None else revision.volume
        before = policy_of(gateway.settings, profile, state.policy, volume)
        after = policy_of(gateway.settings, profile, _override(state.policy, change), volume)
        return compare(_flatten(before), _flatten(after))

    async def check(self, _gateway: Gateway, _change: Change, _options: PreflightOptions) -> Preflight:
        """Pass: the policy was checked with its proposal, and depends on no other system."""
        return one_check("policy", "the policy is consistent", "Chính sách hợp lệ")

    async def apply(self, transaction: Transaction, _gateway: Gateway, change: Change, _by: Operator) -> None:
        """Put the policy in force."""
        state = await store.read_state(transaction, change.required_profile)
        await set_policy(transaction, change.required_profile, _override(state.policy, change))


def _flatten(policy: Policy) -> dict[str, Any]:
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
        if (revision := found.active.get(profile)) is None:
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
