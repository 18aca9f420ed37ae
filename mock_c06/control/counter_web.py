"""The control face of the counter: applications received, and an officer's decisions on bundles.

A plain statement is decided at once, as a test needs an account; a bundle waits. An account's later life (suspended,
revoked) is `PATCH /accounts/{name}`, and shows in its application's state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Discriminator, Tag

from mock_c06.clock import VIETNAM, Clock
from mock_c06.control.accounts_json import ApplicationBody, decision_json
from mock_c06.control.bundle_json import BundleBody
from mock_c06.control.counter_json import DecisionBody, case_json
from mock_c06.desk.counter import Counter
from mock_c06.desk.issuing import Decision, Desk
from mock_c06.desk.register import Register
from mock_c06.errors import NothingIssued

_YEAR = timedelta(days=365)


def _kind(body: Any) -> str:
    if isinstance(body, BundleBody):
        return "bundle"
    return "bundle" if isinstance(body, dict) and "document" in body else "statement"


AnyApplication = Annotated[
    Annotated[BundleBody, Tag("bundle")] | Annotated[ApplicationBody, Tag("statement")],
    Discriminator(_kind),
    Body(),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterParts:
    """What these routes work on."""

    desk: Desk
    counter: Counter
    register: Register
    clock: Clock

    def written(self, decision: Decision) -> dict[str, Any]:
        """Give a decision that was taken at once, with the account where one was made."""
        account = self.register.find(decision.account) if decision.account else None
        return decision_json(decision, account)


def counter_routers(parts: CounterParts) -> Iterable[APIRouter]:
    """Give the routes."""
    return (_applicant_routes(parts), _officer_routes(parts.counter, parts.clock))


def _applicant_routes(parts: CounterParts) -> APIRouter:
    router = APIRouter(tags=["desk"])
    desk, counter = parts.desk, parts.counter

    @router.get("/desk/applications")
    async def list_applications() -> list[dict[str, Any]]:
        """Give every application: those decided at once, then those at the counter."""
        decided = [parts.written(decision) for decision in desk.decisions()]
        return decided + [case_json(counter, case) for case in counter.cases()]

    @router.post("/desk/applications", status_code=201)
    async def apply(body: AnyApplication) -> dict[str, Any]:
        """Apply for an account. A plain statement is `granted` or `refused` at once; a bundle is `received`."""
        if isinstance(body, BundleBody):
            return case_json(counter, counter.receive(body.proven()))
        return parts.written(desk.decide(body.stated()))

    @router.post("/desk/applications/{application}/answer")
    async def answer(application: str, body: BundleBody) -> dict[str, Any]:
        """Answer what was asked for with another bundle; the five working days begin anew."""
        return case_json(counter, counter.answer(application, body.proven()))

    @router.get("/desk/key")
    async def read_key() -> dict[str, str]:
        """Give the public key that issued files are signed with: what `gateway official open --issuer-key` takes."""
        return counter.stamp.jwk

    @router.get("/desk/applications/{application}/issued")
    async def read_issued(application: str) -> dict[str, Any]:
        """Give the issued file: what `gateway official open` takes."""
        case = counter.get(application)
        if case.issued is None:
            raise NothingIssued(case.state.value)
        return case.issued

    @router.post("/desk/applications/{application}/activate")
    async def activate(application: str) -> dict[str, Any]:
        """Make an account that was granted at once active: from now on it is answered."""
        return parts.written(desk.activate(application))

    return router


def _officer_routes(counter: Counter, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["desk"])

    @router.get("/desk/applications/{application}")
    async def read_application(application: str) -> dict[str, Any]:
        """Give one bundle's case, with the issued file once there is one."""
        return case_json(counter, counter.get(application))

    @router.post("/desk/applications/{application}/decision")
    async def decide(application: str, body: DecisionBody) -> dict[str, Any]:
        """Issue, refuse or ask for more, as an officer of the desk."""
        match body.decision:
            case "issue":
                otherwise = clock.now().astimezone(VIETNAM).date() + _YEAR
                case = counter.issue(application, body.terms(otherwise=otherwise))
            case "refuse":
                case = counter.refuse(application, body.given())
            case _:
                case = counter.ask(application, body.given())
        return case_json(counter, case)

    return router
