"""Accounts and applications as the control face reads and writes them. Secrets are shown: they are synthetic.

An account that a fault or a claim names must exist: with a misspelt name a fault would hit nothing, and every `never`
would pass.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from mock_c06.accounts.issuing import Application, Decision
from mock_c06.accounts.model import (
    FIELDS,
    SENSITIVE_FIELDS,
    SERVICE_CODES,
    Account,
    Adapter,
    Dialect,
    Environment,
    Status,
)
from mock_c06.accounts.ready_made import AGENCY, OFFICERS
from mock_c06.accounts.register import Register, change_status
from mock_c06.accounts.switches import Switches, flip, flipped
from mock_c06.clock import rfc3339
from mock_c06.control.validation import BoundedText, ControlBody, Flag, Integer, Line
from mock_c06.errors import AccountInvalid, AccountUnknown
from mock_c06.journal.journal import Query
from mock_c06.operations import Operation
from mock_c06.runs.run import Run

NOT_SENSITIVE = [field for field in FIELDS if field not in SENSITIVE_FIELDS]
_Quirks = Annotated[
    list[str], Field(description="Switches to set, by name: GET /parity says what each does.")
]
_Switches = Annotated[dict[str, Flag], Field(description="The same as a map; false clears.")]


class AdapterBody(ControlBody):
    """An LGSP adapter's credential."""

    access_key: BoundedText
    secret_key: BoundedText
    app_name: Line
    partner_code: Line
    partner_code_cus: Line


class _Permissions(ControlBody):
    agency: Line = AGENCY
    officers: list[Line] = Field(default=list(OFFICERS))
    procedures: list[str] = Field(default=list(SERVICE_CODES))
    operations: list[Operation] = Field(default=list(Operation))
    fields: list[str] = NOT_SENSITIVE
    rate_per_second: Integer | None = Field(default=None, ge=1)
    lock_after: Integer | None = Field(default=5, ge=1)
    change_feed: Flag = Field(
        default=False, description="It may ask which records changed, without a number."
    )
    quirks: _Quirks = Field(default=[])
    switches: _Switches = Field(default={})

    def given(self) -> dict[str, Any]:
        """Return the members of an account that were sent, without its switches."""
        sent = {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}
        members = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in sent.items()
            if name in Account.__dataclass_fields__
            and (value is not None or name in {"rate_per_second", "lock_after", "adapter"})
        }
        if not set(members.get("procedures", ())) <= set(SERVICE_CODES):
            raise AccountInvalid("procedures", "has an unknown procedure")
        if not set(members.get("fields", ())) <= set(FIELDS):
            raise AccountInvalid("fields", "has an unknown field")
        return members

    def flipped_over(self, switches: Switches) -> Switches:
        """Return the switches with the sent ones set."""
        return flip(switches, self.switches | dict.fromkeys(self.quirks, True))


class AccountBody(_Permissions):
    """An account to make; it replaces the one with the same name. Missing secrets are derived."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    environment: Environment = Environment.TEST
    status: Status = Status.ACTIVE
    user: Line | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^:]+$")
    secret: BoundedText | None = None
    ngsp_key: BoundedText | None = None
    ngsp_secret: BoundedText | None = None
    adapter: AdapterBody | None = None
    dialect: Dialect = Dialect.SOAP

    def over(self, derived: Account) -> Account:
        """Return the account: the sent members, over an account whose secrets are derived from its name."""
        values: dict[str, Any] = {"fields": tuple(NOT_SENSITIVE)} | self.given()
        if isinstance(values.get("adapter"), dict):
            values["adapter"] = Adapter(**values["adapter"])
        return replace(derived, **values | {"switches": self.flipped_over(derived.switches)})


class AccountChange(_Permissions):
    """Changes of an account; missing members stay as they are. Only some changes of status are allowed."""

    status: Status | None = None
    locked: Literal[False] | None = Field(default=None, description="false unlocks it after wrong logins.")

    def over(self, account: Account) -> Account:
        """Make the changed account; raises `StatusWrong`."""
        values = self.given() | {"switches": self.flipped_over(account.switches)}
        values.pop("status", None)
        changed = replace(account, **values)
        return change_status(changed, self.status) if self.status is not None else changed


class ApplicationBody(ControlBody):
    """What an agency states when it applies for an account (NĐ 47/2020 Đ35)."""

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

    def stated(self) -> Application:
        """Return the application."""
        members: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.model_dump().items()
        }
        return Application(**members)


def account_json(account: Account) -> dict[str, Any]:
    """Write an account with its secrets, and the switches that are on as its `quirks`."""
    return asdict(account) | {"quirks": list(flipped(account.switches))}


def decision_json(decision: Decision, account: Account | None) -> dict[str, Any]:
    """Write a decision, with the account if one was made."""
    return {
        "id": decision.id,
        "state": decision.state.value,
        "reasons": [asdict(reason) for reason in decision.reasons],
        "decided_at": rfc3339(decision.decided_at),
        "due_by": decision.due_by.isoformat(),
        "account": account_json(account) if account is not None else None,
    }


@dataclass(frozen=True, slots=True)
class NamedAccounts:
    """The known account names: all accounts, a run's own, and those in its journal (in a replay some are known from
    there only)."""

    _register: Register

    def verify(self, run: Run, names: Iterable[tuple[str, str | None]]) -> None:
        """Check pairs of a member and the account name in it; raises `AccountUnknown` for the first unknown name."""
        for field, name in names:
            if name is None:
                continue
            known = run.accounts_of(self._register).find(name)
            if known is None and not run.journal.entries(Query(account=name)):
                raise AccountUnknown(field)
