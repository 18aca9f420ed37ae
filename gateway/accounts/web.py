"""`GET /me`: the calling account, its rights and its used budgets."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import list_credentials
from gateway.clock import rfc3339
from gateway.edge.requests import check_acceptable
from gateway.edge.responses import Answer, Instant, add_route, respond
from gateway.enquiries.budgets import BACK_OFF, read_budgets
from gateway.oauth.responses import GrantAnswer
from gateway.oauth.web import Call, Checks


class AccountHour(Answer):
    """Distinct wrong claims of the account in the last hour."""

    limit: int
    used: int


class SubjectDay(Answer):
    """Distinct wrong claims about one person in the last day, of the whole organisation."""

    limit: int


class OwnLoginDay(Answer):
    """Distinct wrong claims in the last day of a person who has signed in themselves (`Citizen-Token`)."""

    limit: int


class Confirmed(Answer):
    """Answered enquiries of the last hour or day: confirmed verifications that were asked, and prefills."""

    limit: int
    used: int


class Budgets(Answer):
    """The limits on wrong claims and answered enquiries, and how much the caller has used."""

    account_hour: AccountHour
    subject_day: SubjectDay
    own_login_day: OwnLoginDay
    confirmed_hour: Confirmed
    confirmed_day: Confirmed


class CredentialAnswer(Answer):
    """The kind and end of a valid credential, without the credential."""

    kind: Literal["private_key_jwt", "client_secret"]
    expires_at: Instant | None


class PolicyAnswer(Answer):
    """Whether a verification is reused in the whole account or only in its dossier, and for how long."""

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
    back_off_minutes: list[int]
    credentials: list[CredentialAnswer]
    policy: PolicyAnswer


def build_router() -> APIRouter:
    """Return the route, which every profile has."""
    router = APIRouter(prefix="/{profile}/v1")
    add_route(router, "GET", "/me", _get_me, "The calling account", MeAnswer)
    return router


async def _get_me(call: Annotated[Call[None], Depends(Checks(None, check_acceptable))]) -> Response:
    # The account's scopes and grants, even if the token is narrower.
    deps, place, account, policy = call.deps, call.place, call.caller.account, call.place.policy
    credentials = await list_credentials(deps, account)
    used = await read_budgets(deps, place, call.caller)
    limits = {"account_hour": policy.budget_account_hour, **policy.limits_of(account.client_id)}
    answer = {
        "client_id": account.client_id,
        "organisation": account.organisation,
        "profile": account.profile.value,
        "state": account.state,
        "authorization_details": account.grants.to_details(),
        "scopes": sorted(account.scopes),
        "budgets": {
            "subject_day": {"limit": policy.budget_subject_day},
            "own_login_day": {"limit": policy.budget_subject_day},
            **{name: {"limit": limit, "used": used[name]} for name, limit in limits.items()},
        },
        "back_off_minutes": [int(wait.total_seconds()) // 60 for wait in BACK_OFF],
        "credentials": [
            {"kind": kind, "expires_at": rfc3339(end) if end else None} for kind, end in credentials
        ],
        "policy": {"reuse": policy.reuse, "reuse_seconds": policy.reuse_seconds},
    }
    return respond(MeAnswer.model_validate(answer))
