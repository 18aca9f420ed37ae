"""Explain a claim that finds nobody (which part differs, which near miss is likely), and why a login is refused.

For the control face and `mock-c06 explain` alone. No call is made: replays and locks of a login are not judged, since
they depend on earlier calls.
"""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter
from pydantic import Field, model_validator

from mock_c06.accounts.model import Environment, Status
from mock_c06.accounts.register import Register
from mock_c06.accounts.switches import Switches, flip
from mock_c06.clock import Clock
from mock_c06.control.token import guarded_router
from mock_c06.control.validation import ControlBody, Day, Integer
from mock_c06.errors import AccountNotActive, Unauthorised
from mock_c06.login.admission import inactive
from mock_c06.login.digest import find_login, verify_login
from mock_c06.login.reasons import REMEDIES, LoginFailure
from mock_c06.matching.explain import explain_in
from mock_c06.people.model import Claim
from mock_c06.runs.run import Run, Runs


def login_json(reason: LoginFailure | None, detail: str | None) -> dict[str, Any]:
    """Write an explanation as the control face answers."""
    vi, en = REMEDIES[reason] if reason is not None else (None, None)
    return {"reason": reason, "reason_detail": detail, "remedy": {"vi": vi, "en": en} if reason else None}


class ClaimBody(ControlBody):
    """A claim, as a portal would put it."""

    citizen_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    id_card_number: str | None = Field(default=None, pattern=r"^[0-9]{9}$")
    full_name: str = Field(max_length=1000)
    birth_date: Day | None = None
    birth_year: Integer | None = Field(default=None, ge=1, le=9999)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.citizen_id and self.id_card_number:
            raise ValueError("one of citizen_id and id_card_number")
        if self.birth_date and self.birth_year:
            raise ValueError("one of birth_date and birth_year")
        return self

    def claim(self) -> Claim:
        """Return the claim."""
        return Claim(**{name: getattr(self, name) for name in ClaimBody.model_fields})


class JudgedClaimBody(ClaimBody):
    """A claim, and the account whose switches decide."""

    account: str | None = Field(
        default=None, description="The account whose switches apply; without it only the run's."
    )


class LoginBody(ControlBody):
    """A login, as one call carried it; a secret is never sent."""

    environment: Environment = Environment.TEST
    url: str = Field(max_length=2000, description="Absolute, as it was called.")
    authorization: str | None = Field(default=None, max_length=2000)
    timestamp: str | None = Field(default=None, max_length=40)


def explain_login(
    register: Register, sent: LoginBody, *, now: datetime
) -> tuple[LoginFailure | None, str | None]:
    """Return why the login fails, and what was hashed or sent instead; (None, None) for a right login."""
    login = find_login(sent.authorization)
    user = login.user if login is not None else ""
    claimed = register.find_by_user(sent.environment, user)
    try:
        account = verify_login(
            claimed,
            login,
            url=sent.url,
            timestamp=sent.timestamp,
            now=now,
            elsewhere=register.knows_user(user),
        )
        if account.status is not Status.ACTIVE and not account.activates_at_login:
            raise inactive(account)
    except Unauthorised as refusal:
        return LoginFailure(refusal.reason), refusal.detail
    except AccountNotActive as refusal:
        return LoginFailure(refusal.reason), None
    return None, None


def explain_routes(runs: Runs, register: Register, started_with: Switches, clock: Clock) -> APIRouter:
    """Return the routes; `clock` is the wall's, which logins follow."""
    router = guarded_router("runs")

    @router.post("/runs/{run}/explain")
    async def explain_claim(run: str, body: JudgedClaimBody) -> dict[str, Any]:
        """Return which parts of the claim differ from the run's people; an empty list means that all agree."""
        found = runs.get(run)
        switches = _switches(found, body.account)
        return explain_in(found.world, body.claim(), switches)

    @router.post("/runs/{run}/explain/login")
    async def explain_one_login(run: str, body: LoginBody) -> dict[str, Any]:
        """Return why the registry refuses the login; `reason` is null for a right one."""
        found = runs.get(run)
        return login_json(*explain_login(found.accounts_of(register), body, now=clock.now()))

    def _switches(run: Run, account: str | None) -> Switches:
        if account is None:
            return flip(started_with, run.switches)
        return run.accounts_of(register).get(account).switches

    return router
