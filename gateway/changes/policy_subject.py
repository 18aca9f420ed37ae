"""The change of a profile's policy: how far a verification reaches, and how many wrong claims a caller has."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine, compare
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.requests import RequestInvalid
from gateway.operators.model import Operator
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight
from gateway.profiles.revisions import PolicyChange
from gateway.profiles.switching import set_policy


def draft_policy(profile: Profile, wanted: PolicyChange) -> dict[str, Any]:
    """Return the document of a policy that may be proposed.

    Raises:
        RequestInvalid: `account` on official without its legal basis (NĐ 69/2024 Đ19 k4).
    """
    if profile is Profile.OFFICIAL and wanted.reuse == "account" and not wanted.legal_basis:
        detail = "reuse across dossiers on official cites its legal basis"
        raise RequestInvalid((FieldError(field="policy.legal_basis", code="missing", detail=detail),))
    return {"policy": {name: value for name, value in asdict(wanted).items() if value}}


async def diff(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Compare the wanted policy with the one in force."""
    profile = change.place
    standing = await store.read_standing(transaction, profile)
    before = gateway.opener.policy(profile, standing.policy)
    after = gateway.opener.policy(profile, _laid_over(standing.policy, change))
    return compare(asdict(before), asdict(after))


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
    return replace(before, **change.document["policy"])
