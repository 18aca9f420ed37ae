"""Applications at the control face: received, and decided by an officer.

A plain statement is decided at once, because a test needs an account; a bundle waits for an officer's decision. Later
changes of the account (suspended, revoked) are `PATCH /accounts/{name}`, and show in its application's state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import Discriminator, Field, Tag

from mock_c06.accounts.counter import Case, Counter
from mock_c06.accounts.issuing import Decision, Desk, Reason
from mock_c06.accounts.ready_made import OFFICERS
from mock_c06.accounts.register import Register
from mock_c06.accounts.sealing import Terms
from mock_c06.accounts.switches import Switches
from mock_c06.clock import VIETNAM, Clock, rfc3339
from mock_c06.control.accounts_json import ApplicationBody, decision_json
from mock_c06.control.bundle_json import BundleBody
from mock_c06.control.token import guarded_router
from mock_c06.control.validation import ControlBody, Day
from mock_c06.errors import NothingIssued
from mock_c06.runs.run import Runs


class ReasonBody(ControlBody):
    """A reason, or what else the desk asks for."""

    field: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=400)


class DecisionBody(ControlBody):
    """An officer's decision. `issue` may say how; the others say why."""

    decision: Literal["issue", "refuse", "ask_more"]
    reasons: list[ReasonBody] = Field(default=[])
    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    registry_url: str = Field(default="http://127.0.0.1:8110", description="URL of the official face.")
    officers: list[str] = Field(
        default=list(OFFICERS), description="The officers' ids, which the agency hands over separately."
    )
    service_officer: str = Field(default=OFFICERS[-1], min_length=1, max_length=20)
    expires_on: Day | None = Field(default=None, description="A year from now by default.")
    contact: str = Field(default="Tổ hỗ trợ kết nối (giả lập)", max_length=200)

    def given(self) -> tuple[Reason, ...]:
        """Return the officer's reasons."""
        return tuple(Reason(field=each.field, reason=each.reason) for each in self.reasons)

    def terms(self, *, otherwise: date) -> Terms:
        """Return what the officer adds to the issued account."""
        return Terms(
            name=self.name,
            registry_url=self.registry_url,
            officers=tuple(self.officers),
            service_officer=self.service_officer,
            expires_on=self.expires_on or otherwise,
            contact=self.contact,
        )


def case_json(counter: Counter, case: Case) -> dict[str, Any]:
    """Write a case; credentials of the issued account are encrypted."""
    return {
        "id": case.id,
        "state": counter.state_of(case).value,
        "sha256": case.bundle.sha256,
        "thumbprint": case.bundle.thumbprint,
        "agency": case.bundle.stated.agency,
        "received_at": rfc3339(case.received_at),
        "due_by": case.due_by.isoformat(),
        "overdue": counter.is_overdue(case),
        "findings": [{"field": each.field, "reason": each.reason} for each in case.findings],
        "reasons": [{"field": each.field, "reason": each.reason} for each in case.reasons],
        "decided_at": rfc3339(case.decided_at) if case.decided_at else None,
        "account": case.account,
        "issued": case.issued,
    }


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
class AccountDependencies:
    """What the routes of accounts and applications need. `switches` are those of the mock's start."""

    runs: Runs
    register: Register
    desk: Desk
    counter: Counter
    clock: Clock
    secret_seed: str
    switches: Switches

    def written(self, decision: Decision) -> dict[str, Any]:
        """Write a decision with the account, if one was made."""
        account = self.register.find(decision.account) if decision.account else None
        return decision_json(decision, account)


def application_routers(deps: AccountDependencies) -> Iterable[APIRouter]:
    """Return the routes."""
    return (_applicant_routes(deps), _officer_routes(deps.counter, deps.clock))


def _applicant_routes(deps: AccountDependencies) -> APIRouter:
    router = guarded_router("desk")
    desk, counter = deps.desk, deps.counter

    @router.get("/desk/applications")
    async def list_applications() -> list[dict[str, Any]]:
        """Return every application: those decided at once, then those at the counter."""
        decided = [deps.written(decision) for decision in desk.decisions()]
        return decided + [case_json(counter, case) for case in counter.cases()]

    @router.post("/desk/applications", status_code=201)
    async def apply(body: AnyApplication) -> dict[str, Any]:
        """Apply for an account. A plain statement is `granted` or `refused` at once; a bundle is `received`."""
        if isinstance(body, BundleBody):
            return case_json(counter, counter.receive(body.proven()))
        return deps.written(desk.decide(body.stated()))

    @router.post("/desk/applications/{application}/answer")
    async def answer(application: str, body: BundleBody) -> dict[str, Any]:
        """Answer the desk's question with another bundle; the five working days start again."""
        return case_json(counter, counter.answer(application, body.proven()))

    @router.get("/desk/key")
    async def read_key() -> dict[str, str]:
        """Return the public key that issued files are signed with: what `gateway official open --issuer-key` takes."""
        return counter.stamp.jwk

    @router.get("/desk/applications/{application}/issued")
    async def read_issued(application: str) -> dict[str, Any]:
        """Return the issued file: what `gateway official open` takes."""
        case = counter.get(application)
        if case.issued is None:
            raise NothingIssued(case.state.value)
        return case.issued

    @router.post("/desk/applications/{application}/activate")
    async def activate(application: str) -> dict[str, Any]:
        """Make a granted account active: from now on its calls are answered."""
        return deps.written(desk.activate(application))

    return router


def _officer_routes(counter: Counter, clock: Clock) -> APIRouter:
    router = guarded_router("desk")

    @router.get("/desk/applications/{application}")
    async def read_application(application: str) -> dict[str, Any]:
        """Return the case of one bundle, with the issued file if there is one."""
        return case_json(counter, counter.get(application))

    @router.post("/desk/applications/{application}/decision")
    async def decide(application: str, body: DecisionBody) -> dict[str, Any]:
        """Decide as an officer of the desk: issue, refuse, or ask for more."""
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
