"""The issuing desk: an agency applies for a connection account, and is granted one or refused with every reason.

A plain statement is decided at once, for tests that need an account; a granted account answers nothing yet: a second act
makes it active. A bundle waits for an officer, who issues, refuses or asks for more: five working days from the day after
it came (NĐ 47/2020 Đ35), by the clock of the run `default`; weekends don't count, public holidays are not known here. An
issued account is granted, and active from its first login on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import count
from typing import Any

from mock_c06.accounts.bundles import Bundle, DeskSigner, Terms, seal_account
from mock_c06.accounts.issuing import ApplicationBody, Reason, find_due_day, find_reasons
from mock_c06.accounts.model import Account, Status
from mock_c06.accounts.register import Register, change_status, make_account
from mock_c06.clock import VIETNAM
from mock_c06.errors import ApplicationUnknown, DecisionRefused
from mock_c06.operations import Operation


class State(StrEnum):
    """The state of an application; once a bundle is granted, the account's status says more."""

    RECEIVED = "received"
    ASKED = "asked"
    REFUSED = "refused"
    GRANTED = "granted"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A statement that is decided. `account` names the account, if one was made."""

    id: str
    state: State
    reasons: tuple[Reason, ...] = ()
    account: str | None = None
    decided_at: datetime
    due_by: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A bundle that an officer decides on. `findings` are the desk's own, `reasons` the officer's."""

    id: str
    bundle: Bundle
    state: State
    received_at: datetime
    due_by: date
    findings: tuple[Reason, ...]
    reasons: tuple[Reason, ...] = ()
    decided_at: datetime | None = None
    account: str | None = None
    issued: dict[str, Any] | None = None


class Desk:
    """Decides on applications, and keeps each decision and case."""

    def __init__(
        self, register: Register, *, secret_seed: str, now: Callable[[], datetime], stamp: DeskSigner
    ) -> None:
        self.stamp = stamp
        self._register = register
        self._secret_seed = secret_seed
        self._now = now
        self._numbers = count(1)
        self._decisions: dict[str, Decision] = {}
        self._cases: dict[str, Case] = {}

    def decide(self, application: ApplicationBody) -> Decision:
        """Grant an account, or refuse with all reasons at once."""
        number = next(self._numbers)
        now = self._now()
        name = application.name or f"application-{number}"
        reasons = tuple(find_reasons(application))
        if self._register.find(name) is not None:
            reasons += (Reason(field="name", reason="an account of that name exists"),)
        decision = Decision(
            id=f"app-{number}",
            state=State.REFUSED if reasons else State.GRANTED,
            reasons=reasons,
            account=None if reasons else name,
            decided_at=now,
            due_by=find_due_day(now),
        )
        if not reasons:
            self._register.put(self._make(application, name))
        self._decisions[decision.id] = decision
        return decision

    def activate(self, application_id: str) -> Decision:
        """Make the granted account active; raises `ApplicationUnknown`, `StatusWrong`."""
        decision = self._decisions.get(application_id)
        if decision is None or decision.account is None:
            raise ApplicationUnknown(application_id)
        self._register.put(change_status(self._register.get(decision.account), Status.ACTIVE))
        decision = self._decisions[application_id] = replace(decision, state=State.ACTIVE)
        return decision

    def decisions(self) -> tuple[Decision, ...]:
        """Return every decision, oldest first."""
        return tuple(self._decisions.values())

    def receive(self, bundle: Bundle) -> Case:
        """Open a case for a bundle; the same bundle again is the same case."""
        for case in self._cases.values():
            if case.bundle.sha256 == bundle.sha256:
                return case
        return self._keep(self._received(f"app-{next(self._numbers)}", bundle))

    def answer(self, case_id: str, bundle: Bundle) -> Case:
        """Receive the bundle that answers a question; the days start again. Raises `DecisionRefused`."""
        case = self.get(case_id)
        if case.state is not State.ASKED:
            raise DecisionRefused("state", f"the desk asked nothing: it is {case.state}")
        if bundle.stated.agency != case.bundle.stated.agency:
            raise DecisionRefused("agency", "another agency's application")
        return self._keep(self._received(case.id, bundle))

    def refuse(self, case_id: str, reasons: tuple[Reason, ...]) -> Case:
        """Refuse a case, with reasons."""
        return self._decide(case_id, State.REFUSED, reasons)

    def ask(self, case_id: str, reasons: tuple[Reason, ...]) -> Case:
        """Ask the applicant for what the reasons name."""
        return self._decide(case_id, State.ASKED, reasons)

    def issue(self, case_id: str, terms: Terms) -> Case:
        """Make the account and encrypt it to the applicant; raises `DecisionRefused` while there are findings."""
        case = self._undecided(case_id)
        if case.findings:
            raise DecisionRefused(case.findings[0].field, case.findings[0].reason)
        stated = case.bundle.stated.model_copy(update={"officers": terms.officers})
        name = terms.name or f"official-{case.id}"
        if self._register.find(name) is not None:
            raise DecisionRefused("name", "an account of that name exists")
        account = replace(self._make(stated, name), activates_at_login=True)
        self._register.put(account)
        now = self._now()
        issued = seal_account(
            account,
            terms,
            application=case.bundle.sha256,
            reference=case.id,
            issued_at=now,
            sealing_key=case.bundle.sealing_key,
        )
        signed = self.stamp.sign(issued)
        return self._keep(replace(case, state=State.GRANTED, decided_at=now, account=name, issued=signed))

    def get(self, case_id: str) -> Case:
        """Return a case; raises `ApplicationUnknown`."""
        case = self._cases.get(case_id)
        if case is None:
            raise ApplicationUnknown(case_id)
        return case

    def cases(self) -> tuple[Case, ...]:
        """Return every case, oldest first."""
        return tuple(self._cases.values())

    def is_overdue(self, case: Case) -> bool:
        """Return whether the decision came, or is still to come, after the due date."""
        return (case.decided_at or self._now()).astimezone(VIETNAM).date() > case.due_by

    def state_of(self, case: Case) -> State | Status:
        """Return the state of a case: its account's status, once it has one."""
        account = self._register.find(case.account) if case.account else None
        return case.state if account is None else account.status

    def _received(self, case_id: str, bundle: Bundle) -> Case:
        now = self._now()
        return Case(
            id=case_id,
            bundle=bundle,
            state=State.RECEIVED,
            received_at=now,
            due_by=find_due_day(now),
            findings=(*find_reasons(bundle.stated), *bundle.unready),
        )

    def _decide(self, case_id: str, state: State, reasons: tuple[Reason, ...]) -> Case:
        case = self._undecided(case_id)
        if not reasons:
            raise DecisionRefused("reasons", "a reason is expected (NĐ 47/2020 Đ35)")
        return self._keep(replace(case, state=state, reasons=reasons, decided_at=self._now()))

    def _undecided(self, case_id: str) -> Case:
        case = self.get(case_id)
        if case.state is not State.RECEIVED:
            raise DecisionRefused("state", f"is already decided: {case.state}")
        return case

    def _keep(self, case: Case) -> Case:
        self._cases[case.id] = case
        return case

    def _make(self, application: ApplicationBody, name: str) -> Account:
        """Make a granted account with exactly what is stated."""
        made = make_account(self._secret_seed, name, application.environment, application.dialect)
        return replace(
            made,
            status=Status.GRANTED,
            agency=application.agency,
            officers=tuple(application.officers),
            procedures=tuple(application.procedures),
            operations=tuple(Operation(operation) for operation in application.operations),
            fields=tuple(application.fields),
            rate_per_second=application.rate_per_second,
        )
