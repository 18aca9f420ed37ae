"""The counter of the desk: a bundle is received, and an officer issues, refuses or asks for more.

Five working days from the day after it came (NĐ 47/2020 Đ35), by the clock of the run `default`; weekends don't
count, public holidays are not known here. An issued account is granted, and active from its first login on.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from mock_c06.accounts.bundles import Bundle, find_unreadiness
from mock_c06.accounts.issuing import Desk, Reason, find_due_day, find_reasons
from mock_c06.accounts.model import Status
from mock_c06.accounts.register import Register
from mock_c06.accounts.sealing import ApplicationReference, DeskSigner, Terms, seal_account
from mock_c06.clock import VIETNAM, Clock
from mock_c06.errors import ApplicationUnknown, DecisionRefused


class CaseState(StrEnum):
    """The state of an application; once granted, the account's status says more."""

    RECEIVED = "received"
    ASKED = "asked"
    REFUSED = "refused"
    GRANTED = "granted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One application at the counter. `findings` are the desk's own, `reasons` the officer's."""

    id: str
    bundle: Bundle
    state: CaseState
    received_at: datetime
    due_by: date
    findings: tuple[Reason, ...]
    reasons: tuple[Reason, ...] = ()
    decided_at: datetime | None = None
    account: str | None = None
    issued: dict[str, Any] | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Return whether the decision came, or is still to come, after the due date."""
        return (self.decided_at or now).astimezone(VIETNAM).date() > self.due_by


class Counter:
    """Receives bundles and keeps each case."""

    def __init__(self, desk: Desk, register: Register, *, clock: Clock, stamp: DeskSigner) -> None:
        self.stamp = stamp
        self._desk = desk
        self._register = register
        self._clock = clock
        self._cases: dict[str, Case] = {}

    def receive(self, bundle: Bundle) -> Case:
        """Open a case for a bundle; the same bundle again is the same case."""
        for case in self._cases.values():
            if case.bundle.sha256 == bundle.sha256:
                return case
        return self._keep(self._received(f"app-{self._desk.next_number()}", bundle))

    def answer(self, case_id: str, bundle: Bundle) -> Case:
        """Receive the bundle that answers a question; the days start again. Raises `DecisionRefused`."""
        case = self.get(case_id)
        if case.state is not CaseState.ASKED:
            raise DecisionRefused("state", f"the desk asked nothing: it is {case.state}")
        if bundle.stated.agency != case.bundle.stated.agency:
            raise DecisionRefused("agency", "another agency's application")
        return self._keep(self._received(case.id, bundle))

    def refuse(self, case_id: str, reasons: tuple[Reason, ...]) -> Case:
        """Refuse a case, with reasons."""
        return self._decide(case_id, CaseState.REFUSED, reasons)

    def ask(self, case_id: str, reasons: tuple[Reason, ...]) -> Case:
        """Ask the applicant for what the reasons name."""
        return self._decide(case_id, CaseState.ASKED, reasons)

    def issue(self, case_id: str, terms: Terms) -> Case:
        """Make the account and encrypt it to the applicant; raises `DecisionRefused` while there are findings."""
        case = self._undecided(case_id)
        if case.findings:
            raise DecisionRefused(case.findings[0].field, case.findings[0].reason)
        stated = replace(case.bundle.stated, officers=terms.officers)
        name = terms.name or f"official-{case.id}"
        if self._register.find(name) is not None:
            raise DecisionRefused("name", "an account of that name exists")
        account = replace(self._desk.make(stated, name), activates_at_login=True)
        self._register.put(account)
        now = self._clock.now()
        answer = ApplicationReference(
            application=case.bundle.sha256,
            reference=case.id,
            issued_at=now,
            sealing_key=case.bundle.sealing_key,
        )
        return self._keep(
            replace(
                case,
                state=CaseState.GRANTED,
                decided_at=now,
                account=name,
                issued=self.stamp.sign(seal_account(account, terms, answer)),
            )
        )

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
        """Return whether the case is overdue by the counter's clock."""
        return case.is_overdue(self._clock.now())

    def state_of(self, case: Case) -> CaseState | Status:
        """Return the state of a case: its account's status, once it has one."""
        account = self._register.find(case.account) if case.account else None
        return case.state if account is None else account.status

    def _received(self, case_id: str, bundle: Bundle) -> Case:
        now = self._clock.now()
        return Case(
            id=case_id,
            bundle=bundle,
            state=CaseState.RECEIVED,
            received_at=now,
            due_by=find_due_day(now),
            findings=(*find_reasons(bundle.stated), *find_unreadiness(bundle.readiness)),
        )

    def _decide(self, case_id: str, state: CaseState, reasons: tuple[Reason, ...]) -> Case:
        case = self._undecided(case_id)
        if not reasons:
            raise DecisionRefused("reasons", "a reason is expected (NĐ 47/2020 Đ35)")
        return self._keep(replace(case, state=state, reasons=reasons, decided_at=self._clock.now()))

    def _undecided(self, case_id: str) -> Case:
        case = self.get(case_id)
        if case.state is not CaseState.RECEIVED:
            raise DecisionRefused("state", f"is already decided: {case.state}")
        return case

    def _keep(self, case: Case) -> Case:
        self._cases[case.id] = case
        return case
