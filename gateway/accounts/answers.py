"""What `GET /me` says: the account, what it may do, what it has used."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from gateway.accounts.model import Account, AccountState
from gateway.clock import rfc3339
from gateway.edge.answers import Answer
from gateway.edge.forms import Instant
from gateway.profiles.model import Policy


class GrantAnswer(Answer):
    """One entry of `authorization_details` (RFC 9396)."""

    type: Literal["citizen_enquiry"]
    procedures: list[str]
    subject_roles: list[str]
    fields: list[str]


class AccountHour(Answer):
    """Distinct claims of the last hour that were not confirmed."""

    limit: int
    used: int


class SubjectDay(Answer):
    """Distinct wrong claims about one person in a day, for the whole organisation."""

    limit: int


class Confirmed(Answer):
    """Answered enquiries of the last hour or day: confirmed verifications that were asked, and prefills."""

    limit: int
    used: int


class Budgets(Answer):
    """How many wrong claims and answered enquiries the caller has."""

    account_hour: AccountHour
    subject_day: SubjectDay
    confirmed_hour: Confirmed
    confirmed_day: Confirmed


class CredentialAnswer(Answer):
    """A live credential's kind and end; never the credential."""

    kind: Literal["private_key_jwt", "client_secret"]
    expires_at: Instant | None


class PolicyAnswer(Answer):
    """How far a verification reaches, and for how long."""

    reuse: Literal["account", "dossier"]
    reuse_seconds: int


class MeAnswer(Answer):
    """The calling account."""

    client_id: str
    organisation: str
    profile: Literal["sandbox", "official"]
    state: AccountState
    authorization_details: list[GrantAnswer]
    scopes: list[str]
    budgets: Budgets
    credentials: list[CredentialAnswer]
    policy: PolicyAnswer


def shape_me(
    account: Account,
    policy: Policy,
    credentials: Sequence[tuple[str, datetime | None]],
    *,
    used: Mapping[str, int],
) -> MeAnswer:
    """Return the contract's members: the account's own scopes and grants, whatever this token was narrowed to.

    `used` says by a budget's name how much of it is.
    """
    confirmed = policy.limits_of(account.client_id)
    return MeAnswer.model_validate(
        {
            "client_id": account.client_id,
            "organisation": account.organisation,
            "profile": account.profile.value,
            "state": account.state,
            "authorization_details": account.grants.to_details(),
            "scopes": sorted(account.scopes),
            "budgets": {
                "account_hour": {"limit": policy.budget_account_hour, "used": used["account_hour"]},
                "subject_day": {"limit": policy.budget_subject_day},
                **{name: {"limit": limit, "used": used[name]} for name, limit in confirmed.items()},
            },
            "credentials": [
                {"kind": kind, "expires_at": rfc3339(end) if end else None} for kind, end in credentials
            ],
            "policy": {"reuse": policy.reuse, "reuse_seconds": policy.reuse_seconds},
        }
    )
