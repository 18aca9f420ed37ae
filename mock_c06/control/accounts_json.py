"""Accounts and applications as the control face reads and writes them. Secrets are shown: they are synthetic."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mock_c06.clock import rfc3339
from mock_c06.control.values import Flag, Line, Whole, Words
from mock_c06.desk.accounts import FIELDS, SENSITIVE_FIELDS, Account, Adapter, Dialect, Environment, Status
from mock_c06.desk.issuing import Application, Decision
from mock_c06.desk.lifecycle import change_status
from mock_c06.desk.procedures import SERVICE_CODES
from mock_c06.desk.ready_made import AGENCY, OFFICERS
from mock_c06.desk.switches import Switches, flip, flipped
from mock_c06.errors import AccountInvalid
from mock_c06.operations import Operation

NOT_SENSITIVE = [field for field in FIELDS if field not in SENSITIVE_FIELDS]
_Quirks = Annotated[
    list[str], Field(description="Switches to set, by name: GET /parity says what each does.")
]
_Switches = Annotated[dict[str, Flag], Field(description="The same as a map; a false clears.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AdapterBody(_Body):
    """An LGSP adapter's credential."""

    access_key: Words
    secret_key: Words
    app_name: Line
    partner_code: Line
    partner_code_cus: Line


class _Permissions(_Body):
    agency: Line = AGENCY
    officers: list[Line] = list(OFFICERS)
    procedures: list[str] = list(SERVICE_CODES)
    operations: list[Operation] = list(Operation)
    fields: list[str] = NOT_SENSITIVE
    rate_per_second: Whole | None = Field(default=None, ge=1)
    lock_after: Whole | None = Field(default=5, ge=1)
    change_feed: Flag = Field(default=False, description="It may ask who changed, without naming anybody.")
    quirks: _Quirks = []
    switches: _Switches = {}

    def given(self) -> dict[str, Any]:
        """Give the members of an account that were sent, but for its switches."""
        sent = {name: value for name, value in self.model_dump().items() if name in self.model_fields_set}
        kept = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in sent.items()
            if name in Account.__dataclass_fields__
            and (value is not None or name in {"rate_per_second", "lock_after", "adapter"})
        }
        _require_known(kept)
        return kept

    def flipped_over(self, switches: Switches) -> Switches:
        """Give the switches with those set that were sent."""
        return flip(switches, self.switches | dict.fromkeys(self.quirks, True))


class AccountBody(_Permissions):
    """An account to make, or to put in the place of the one with the same name. Secrets not given are derived."""

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    environment: Environment = Environment.TEST
    status: Status = Status.ACTIVE
    user: Line | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[^:]+$")
    secret: Words | None = None
    ngsp_key: Words | None = None
    ngsp_secret: Words | None = None
    adapter: AdapterBody | None = None
    dialect: Dialect = Dialect.SOAP

    def over(self, derived: Account) -> Account:
        """Make the account: what was given, over an account whose secrets are derived from its name."""
        values: dict[str, Any] = {"fields": tuple(NOT_SENSITIVE)} | self.given()
        if isinstance(values.get("adapter"), dict):
            values["adapter"] = Adapter(**values["adapter"])
        return replace(derived, **values | {"switches": self.flipped_over(derived.switches)})


class AccountChange(_Permissions):
    """What to change of an account; the rest stays. A status moves only as an account's life allows."""

    status: Status | None = None
    locked: Literal[False] | None = Field(default=None, description="false frees it after wrong logins.")

    def over(self, account: Account) -> Account:
        """Make the changed account; raises `StatusWrong`."""
        values = self.given() | {"switches": self.flipped_over(account.switches)}
        values.pop("status", None)
        changed = replace(account, **values)
        return change_status(changed, self.status) if self.status is not None else changed


class ApplicationBody(_Body):
    """What an agency states when it applies for an account (NĐ 47/2020 Đ35)."""

    agency: Line = Field(default="", description="The agency's e-id, such as 000.00.01.H26.")
    agency_name: Line = ""
    application: Line = Field(default="", description="The system that will ask.")
    purpose: Line = ""
    legal_basis: Line = Field(default="", description="Needed where a data item is sensitive.")
    fields: list[str] = Field(default=[], description="The data items wanted.")
    operations: list[str] = Field(default=[], description="The services wanted.")
    procedures: list[str] = []
    officers: list[Line] = []
    frequency: Line = Field(default="", description="How often, in words.")
    environment: Environment = Environment.TEST
    dialect: Dialect = Dialect.SOAP
    security_level: Whole = Field(default=0, ge=0, le=5)
    rate_per_second: Whole | None = Field(default=None, ge=1)
    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")

    def stated(self) -> Application:
        """Give it as the desk reads it."""
        members: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.model_dump().items()
        }
        return Application(**members)


def account_json(account: Account) -> dict[str, Any]:
    """Write an account with its secrets, and the switches that are on as its `quirks`."""
    return asdict(account) | {"quirks": list(flipped(account.switches))}


def decision_json(decision: Decision, account: Account | None) -> dict[str, Any]:
    """Write a decision, with the account where one was made."""
    return {
        "id": decision.id,
        "state": decision.state.value,
        "reasons": [asdict(reason) for reason in decision.reasons],
        "decided_at": rfc3339(decision.decided_at),
        "due_by": decision.due_by.isoformat(),
        "account": account_json(account) if account is not None else None,
    }


def _require_known(values: Mapping[str, Any]) -> None:
    if not set(values.get("procedures", ())) <= set(SERVICE_CODES):
        raise AccountInvalid("procedures", "has a slug that is no procedure")
    if not set(values.get("fields", ())) <= set(FIELDS):
        raise AccountInvalid("fields", "has a name that is no field")
