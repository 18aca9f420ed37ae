"""The issuing desk: an agency applies for a connection account, and is granted one or refused with every reason.

A granted account answers nothing yet: a second act makes it active. Decides a plain statement at once, for tests that
need an account; a bundle waits for an officer (`counter.py`). Source: NĐ 47/2020 Đ35 (what an application states) and
Đ40; sensitive fields NĐ 13/2023 Đ2 k4; security level 3 of the official environment TT 46/2022/TT-BCA. What C06 really
asks is not published (parity ledger).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import count

from mock_c06.accounts.model import (
    FIELDS,
    SENSITIVE_FIELDS,
    SERVICE_CODES,
    Account,
    Dialect,
    Environment,
    Status,
)
from mock_c06.accounts.ready_made import make_account
from mock_c06.accounts.register import Register, change_status
from mock_c06.clock import VIETNAM, Clock
from mock_c06.errors import ApplicationUnknown
from mock_c06.operations import Operation

WORKING_DAYS = 5
_OFFICIAL_LEVEL = 3
_IDENTITY = {"full_name", "citizen_id", "id_card_number"}
_BRINGS = {
    Operation.AUTHENTICATE: set[str](),
    Operation.LOOK_UP: set(FIELDS) - {"household_members"},
    Operation.MARITAL_STATUS: _IDENTITY | {"marital_status", "spouse"},
    Operation.RELATIVES: _IDENTITY | {"father", "mother", "spouse", "representative"},
    Operation.HOUSEHOLD: _IDENTITY | {"household_head", "household_members"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What an agency states. An omitted statement is an empty text or list: a reason to refuse, not a malformed
    application."""

    agency: str
    agency_name: str
    application: str
    purpose: str
    legal_basis: str
    fields: tuple[str, ...]
    operations: tuple[str, ...]
    procedures: tuple[str, ...]
    officers: tuple[str, ...]
    frequency: str
    environment: Environment
    dialect: Dialect
    security_level: int
    rate_per_second: int | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an application is refused: which statement, and what is wrong with it."""

    field: str
    reason: str


class State(StrEnum):
    """The result of an application."""

    REFUSED = "refused"
    GRANTED = "granted"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decided application. `account` names the account, if one was made."""

    id: str
    state: State
    reasons: tuple[Reason, ...] = ()
    account: str | None = None
    decided_at: datetime
    due_by: date


class Desk:
    """Decides on applications and keeps what it decided."""

    def __init__(self, register: Register, *, secret_seed: str, clock: Clock) -> None:
        self._register = register
        self._secret_seed = secret_seed
        self._clock = clock
        self._numbers = count(1)
        self._decisions: dict[str, Decision] = {}

    def decide(self, application: Application) -> Decision:
        """Grant an account, or refuse with all reasons at once."""
        number = self.next_number()
        now = self._clock.now()
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
            self._register.put(self.make(application, name))
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

    def next_number(self) -> int:
        """Return the next application's number."""
        return next(self._numbers)

    def make(self, application: Application, name: str) -> Account:
        """Make a granted account with exactly what is stated; the caller adds it to the register."""
        made = make_account(self._secret_seed, name, application.environment, application.dialect)
        return replace(
            made,
            status=Status.GRANTED,
            agency=application.agency,
            officers=application.officers,
            procedures=application.procedures,
            operations=tuple(Operation(operation) for operation in application.operations),
            fields=application.fields,
            rate_per_second=application.rate_per_second,
        )


def find_reasons(application: Application) -> Iterator[Reason]:
    """List everything that an application states wrongly, or not at all."""
    stated = ("agency", "agency_name", "application", "purpose", "frequency")
    listed = ("operations", "procedures", "officers")
    for field in (*stated, *listed):
        value = getattr(application, field)
        if not (value.strip() if isinstance(value, str) else value):
            yield Reason(field=field, reason="must be stated (NĐ 47/2020 Đ35)")
    for position, procedure in enumerate(application.procedures):
        if procedure not in SERVICE_CODES:
            yield Reason(field=f"procedures.{position}", reason="no such procedure")
    for position, operation in enumerate(application.operations):
        if operation not in set(Operation):
            yield Reason(field=f"operations.{position}", reason="no such operation")
    yield from _find_field_reasons(application)
    if application.environment is Environment.OFFICIAL and application.security_level < _OFFICIAL_LEVEL:
        yield Reason(field="security_level", reason="level 3 at least (TT 46/2022/TT-BCA)")


def _find_field_reasons(application: Application) -> Iterator[Reason]:
    asked = {Operation(each) for each in application.operations if each in set(Operation)}
    brought = set[str]().union(*(_BRINGS[operation] for operation in asked))
    if brought and not application.fields:
        yield Reason(field="fields", reason="each data item must be stated (NĐ 47/2020 Đ35)")
    for position, field in enumerate(application.fields):
        where = f"fields.{position}"
        if field not in FIELDS:
            yield Reason(field=where, reason="no such data item")
        elif field not in brought:
            yield Reason(field=where, reason="no requested operation returns it")
        elif field in SENSITIVE_FIELDS and not application.legal_basis.strip():
            yield Reason(field=where, reason="sensitive: needs a legal basis (NĐ 13/2023 Đ2 k4)")


def find_due_day(now: datetime) -> date:
    """Return the last of the working days for an answer, from tomorrow on; Saturdays and Sundays do not count."""
    day, days = now.astimezone(VIETNAM).date(), WORKING_DAYS
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < 5
    return day
