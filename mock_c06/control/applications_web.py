"""Applications at the control face: received, and decided by an officer.

A plain statement is decided at once, because a test needs an account; a bundle waits for an officer's decision. Later
changes of the account (suspended, revoked) are `PATCH /accounts/{name}`, and show in its application's state.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body
from pydantic import Discriminator, Field, Tag

from mock_c06.accounts.bundles import Terms
from mock_c06.accounts.desk import Case, Decision, Desk
from mock_c06.accounts.issuing import ApplicationBody, Reason
from mock_c06.accounts.model import Switches
from mock_c06.accounts.register import Register
from mock_c06.bodies import ControlBody
from mock_c06.clock import rfc3339
from mock_c06.control.accounts_json import account_json
from mock_c06.control.bundle_json import BundleBody
from mock_c06.control.problems import guarded_router
from mock_c06.errors import NothingIssued
from mock_c06.runs.run import Runs


class ReasonBody(ControlBody):
    """A reason, or what else the desk asks for."""

    field: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=400)


class DecisionBody(Terms):
    """An officer's decision. `issue` may say how; the others say why."""

    decision: Literal["issue", "refuse", "ask_more"]
    reasons: list[ReasonBody] = Field(default=[])

    def given(self) -> tuple[Reason, ...]:
        """Return the officer's reasons."""
        return tuple(Reason(field=each.field, reason=each.reason) for each in self.reasons)


def decision_json(register: Register, decision: Decision) -> dict[str, Any]:
    """Write a decision, with the account if one was made."""
    account = register.find(decision.account) if decision.account else None
    return {
        "id": decision.id,
        "state": decision.state.value,
        "reasons": [asdict(reason) for reason in decision.reasons],
        "decided_at": rfc3339(decision.decided_at),
        "due_by": decision.due_by.isoformat(),
        "account": account_json(account) if account is not None else None,
    }


def case_json(desk: Desk, case: Case) -> dict[str, Any]:
    """Write a case; credentials of the issued account are encrypted."""
    return {
        "id": case.id,
        "state": desk.state_of(case).value,
        "sha256": case.bundle.sha256,
        "thumbprint": case.bundle.thumbprint,
        "agency": case.bundle.stated.agency,
        "received_at": rfc3339(case.received_at),
        "due_by": case.due_by.isoformat(),
        "overdue": desk.is_overdue(case),
        "findings": [asdict(each) for each in case.findings],
        "reasons": [asdict(each) for each in case.reasons],
        "decided_at": rfc3339(case.decided_at) if case.decided_at else None,
        "account": case.account,
        "issued": case.issued,
    }


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
    secret_seed: str
    switches: Switches


def application_routers(deps: AccountDependencies) -> Iterable[APIRouter]:
    """Return the routes."""
    return (_applicant_routes(deps), _officer_routes(deps.desk))


def _applicant_routes(deps: AccountDependencies) -> APIRouter:
    router = guarded_router("desk")
    desk = deps.desk

    @router.get("/desk/applications")
    async def list_applications() -> list[dict[str, Any]]:
        """Return every application: those decided at once, then those at the desk."""
        decided = [decision_json(deps.register, decision) for decision in desk.decisions()]
        return decided + [case_json(desk, case) for case in desk.cases()]

    @router.post("/desk/applications", status_code=201)
    async def apply(body: AnyApplication) -> dict[str, Any]:
        """Apply for an account. A plain statement is `granted` or `refused` at once; a bundle is `received`."""
        if isinstance(body, BundleBody):
            return case_json(desk, desk.receive(body.proven()))
        return decision_json(deps.register, desk.decide(body))

    @router.post("/desk/applications/{application}/answer")
    async def answer(application: str, body: BundleBody) -> dict[str, Any]:
        """Answer the desk's question with another bundle; the five working days start again."""
        return case_json(desk, desk.answer(application, body.proven()))

    @router.get("/desk/key")
    async def read_key() -> dict[str, str]:
        """Return the public key that issued files are signed with: what `gateway official open --issuer-key` takes."""
        return desk.stamp.jwk

    @router.get("/desk/applications/{application}/issued")
    async def read_issued(application: str) -> dict[str, Any]:
        """Return the issued file: what `gateway official open` takes."""
        case = desk.get(application)
        if case.issued is None:
            raise NothingIssued(case.state.value)
        return case.issued

    @router.post("/desk/applications/{application}/activate")
    async def activate(application: str) -> dict[str, Any]:
        """Make a granted account active: from now on its calls are answered."""
        return decision_json(deps.register, desk.activate(application))

    return router


def _officer_routes(desk: Desk) -> APIRouter:
    router = guarded_router("desk")

    @router.get("/desk/applications/{application}")
    async def read_application(application: str) -> dict[str, Any]:
        """Return the case of one bundle, with the issued file if there is one."""
        return case_json(desk, desk.get(application))

    @router.post("/desk/applications/{application}/decision")
    async def decide(application: str, body: DecisionBody) -> dict[str, Any]:
        """Decide as an officer of the desk: issue, refuse, or ask for more."""
        match body.decision:
            case "issue":
                case = desk.issue(application, body)
            case "refuse":
                case = desk.refuse(application, body.given())
            case _:
                case = desk.ask(application, body.given())
        return case_json(desk, case)

    return router
