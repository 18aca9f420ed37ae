"""Explain a claim that finds nobody (which part differs, which near miss is likely), and why a login is refused.

For the control face and `mock-c06 explain` alone: the registry face never distinguishes one mismatch from another, because
a caller could then find a person's data part by part. No call is made: replays and locks of a login are not judged, since
they depend on earlier calls.
"""

from datetime import datetime
from itertools import combinations
from typing import Any, Self

from fastapi import APIRouter
from pydantic import Field, model_validator

from mock_c06.accounts.model import AS_BUILT, Environment, Status, Switches, flip
from mock_c06.accounts.register import Register
from mock_c06.bodies import ControlBody, Day, Integer
from mock_c06.clock import Clock
from mock_c06.control.problems import guarded_router
from mock_c06.errors import AccountNotActive, Unauthorised
from mock_c06.login.admission import inactive
from mock_c06.login.digest import find_login, verify_login
from mock_c06.login.reasons import REMEDIES, LoginFailure
from mock_c06.matching import birth_agrees, fold_name, name_agrees, number_agrees
from mock_c06.people.model import Claim, Person
from mock_c06.runs.run import Run, Runs
from mock_c06.runs.world import World

NUMBER = "number"
NAME = "name"
BIRTH = "birth"
HINT_I_Y = "hint:i_y"
HINT_MIDDLE_NAME = "hint:middle_name"
HINT_DAY_MONTH = "hint:day_month"
HINT_YEAR_ONLY = "hint:year_only"
HINT_NOT_FOLDED = "hint:not_folded"
HINT_HAS_TWELVE_DIGITS = "hint:has_twelve_digits"

# Each middle word doubles the number of forms to try.
_MAX_MIDDLE_WORDS = 8


def explain(person: Person | None, claim: Claim, switches: Switches = AS_BUILT) -> tuple[str, ...]:
    """List the differing parts, then the hints; empty if everything agrees. Without a person: the number alone."""
    if person is None:
        return (NUMBER,)
    found: list[str] = []
    hints: list[str] = []
    if not number_agrees(person, claim, nine_digits_alone=switches.nine_digits_alone):
        found.append(NUMBER)
        hints += [HINT_HAS_TWELVE_DIGITS] if number_agrees(person, claim) else []
    if not name_agrees(person, claim.full_name, exact=switches.exact_names):
        found.append(NAME)
        hints += _name_hints(person, claim.full_name)
    if not birth_agrees(person, claim, year_matches_date=switches.year_matches_date):
        found.append(BIRTH)
        hints += _birth_hints(person, claim)
    return (*found, *hints)


def _name_hints(person: Person, asked: str) -> list[str]:
    if name_agrees(person, asked):
        return [HINT_NOT_FOLDED]
    hints: list[str] = []
    known, folded = person.full_name, fold_name(asked)
    if folded and _one_i(folded) == _one_i(fold_name(known)):
        hints.append(HINT_I_Y)
    if folded in _shortened(known) or fold_name(known) in _shortened(asked):
        hints.append(HINT_MIDDLE_NAME)
    return hints


def _one_i(folded: str) -> str:
    return folded.replace("Y", "I")


def _shortened(full_name: str) -> set[str]:
    """Return each folded form of the name without one or more of its middle words."""
    first, *middle = full_name.split() or [""]
    if not middle:
        return set()
    *between, last = middle
    if len(between) > _MAX_MIDDLE_WORDS:
        return set()
    return {
        fold_name("".join((first, *kept, last)))
        for size in range(len(between))
        for kept in combinations(between, size)
    }


def _birth_hints(person: Person, claim: Claim) -> list[str]:
    known, claimed = person.birth_date, claim.birth_date
    if known is not None and claimed is not None:
        swapped = (known.year, known.month, known.day) == (claimed.year, claimed.day, claimed.month)
        return [HINT_DAY_MONTH] if swapped else []
    claimed_year = claimed.year if claimed is not None else claim.birth_year
    return [HINT_YEAR_ONLY] if claimed_year == person.birth_year else []


def explain_in(world: World, claim: Claim, switches: Switches) -> dict[str, list[str]]:
    """Return which parts differ, with hints, and the life statuses of the people with that number.

    Compares as for an account with these switches; of several people with the same nine digits, the nearest counts.
    """
    found = world.find(claim)
    parts = (explain(person, claim, switches) for person in found or (None,))
    statuses = sorted({person.status.name.lower() for person in found})
    differs = min(parts, key=len)
    return {"differs": list(differs), "status": statuses}


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
