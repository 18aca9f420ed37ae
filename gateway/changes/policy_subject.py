"""The change of a profile's policy: how far a verification reaches, how many wrong claims and answers a caller has.

What bounds harvesting (answered enquiries, of all accounts or of one) is changed with a reason only.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from gateway.accounts import store as accounts
from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.requests import RequestInvalid
from gateway.operators.model import Operator
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.model import Gateway, Policy
from gateway.profiles.preflight import Preflight
from gateway.profiles.revisions import PolicyChange
from gateway.profiles.switching import set_policy


async def draft_policy(transaction: Transaction, profile: Profile, wanted: PolicyChange) -> dict[str, Any]:
    """Return the document of a policy that may be proposed.

    Raises:
        RequestInvalid: `account` on official without its legal basis (NĐ 69/2024 Đ19 k4), another volume without a
            reason, or one of an account that this profile doesn't have.
    """
    if profile is Profile.OFFICIAL and wanted.reuse == "account" and not wanted.legal_basis:
        detail = "reuse across dossiers on official cites its legal basis"
        raise RequestInvalid((FieldError(field="policy.legal_basis", code="missing", detail=detail),))
    if (wanted.confirmed_hour or wanted.confirmed_day or wanted.accounts) and not wanted.reason:
        detail = "another number of answered enquiries says why"
        raise RequestInvalid((FieldError(field="policy.reason", code="missing", detail=detail),))
    for client_id, limits in wanted.accounts.items():
        account = await accounts.find_account(transaction, client_id)
        if account is None or account.profile is not profile or limits == {}:
            detail = f"an account of {profile.value}, with confirmed_hour, confirmed_day or null"
            raise RequestInvalid(
                (FieldError(field="policy.budgets.accounts", code="unknown", detail=detail),)
            )
    return {"policy": {name: value for name, value in asdict(wanted).items() if value}}


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Compare the wanted policy with the one in force."""
    profile = change.place
    standing = await store.read_standing(transaction, profile)
    revision = gateway.places[profile].revision
    volume = None if revision is None else revision.volume
    before = gateway.opener.policy(profile, standing.policy, volume)
    after = gateway.opener.policy(profile, _laid_over(standing.policy, change), volume)
    return compare(_flat(before), _flat(after))


def _flat(policy: Policy) -> dict[str, Any]:
    """Return a policy's members, each account's own as one."""
    members = asdict(policy)
    own = members.pop("accounts")
    return members | {f"accounts.{name}": limits for name, limits in own.items()}


async def check(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Say that nothing outside hangs on it: what is wanted was judged when it was proposed."""
    del gateway, change, trial
    return one_check("policy", "the policy holds together", "Chính sách hợp lệ")


async def happen(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """Put the policy in force."""
    del gateway, by
    profile = change.place
    standing = await store.read_standing(transaction, profile)
    await set_policy(transaction, profile, _laid_over(standing.policy, change))
    return {}


def _laid_over(before: PolicyChange, change: Change) -> PolicyChange:
    wanted = dict(change.document["policy"])
    own = {**before.accounts, **wanted.pop("accounts", {})}
    return replace(
        before, **wanted, accounts={name: limits for name, limits in own.items() if limits is not None}
    )
