"""What an agency states when it applies for a connection account, and every reason to refuse it.

Source: NĐ 47/2020 Đ35 (what an application states) and Đ40; sensitive fields NĐ 13/2023 Đ2 k4; security level 3 of the
official environment TT 46/2022/TT-BCA. What C06 really asks is not published (parity ledger).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pydantic import Field

from mock_c06.accounts.model import FIELDS, SENSITIVE_FIELDS, SERVICE_CODES, Dialect, Environment
from mock_c06.bodies import ControlBody, Integer, Line
from mock_c06.clock import VIETNAM
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


class ApplicationBody(ControlBody):
    """What an agency states when it applies for an account (NĐ 47/2020 Đ35).

    An omitted statement is an empty text or list: a reason to refuse, not a malformed application.
    """

    agency: Line = Field(default="", description="The agency's e-id, such as 000.00.01.H26.")
    agency_name: Line = ""
    application: Line = Field(default="", description="The system that will call.")
    purpose: Line = ""
    legal_basis: Line = Field(default="", description="Required if a data item is sensitive.")
    fields: list[str] = Field(default=[], description="The data items wanted.")
    operations: list[str] = Field(default=[], description="The services wanted.")
    procedures: list[str] = Field(default=[])
    officers: list[Line] = Field(default=[])
    frequency: Line = Field(default="", description="How often, in words.")
    environment: Environment = Environment.TEST
    dialect: Dialect = Dialect.SOAP
    security_level: Integer = Field(default=0, ge=0, le=5)
    rate_per_second: Integer | None = Field(default=None, ge=1)
    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an application is refused: which statement, and what is wrong with it."""

    field: str
    reason: str


def find_reasons(application: ApplicationBody) -> Iterator[Reason]:
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


def _find_field_reasons(application: ApplicationBody) -> Iterator[Reason]:
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
