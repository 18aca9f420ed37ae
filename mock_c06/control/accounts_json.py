"""Accounts and applications as the control face reads and writes them. Secrets are shown: they are synthetic.

An account that a fault or a claim names must exist: with a misspelt name a fault would hit nothing, and every `never`
would pass.
"""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from mock_c06.accounts.model import (
    FIELDS,
    SENSITIVE_FIELDS,
    SERVICE_CODES,
    Account,
    Adapter,
    Dialect,
    Environment,
    Status,
    Switches,
    flip,
    flipped,
)
from mock_c06.accounts.register import AGENCY, OFFICERS, Register, change_status
from mock_c06.bodies import BoundedText, ControlBody, Flag, Integer, Line
from mock_c06.errors import AccountInvalid, AccountUnknown
from mock_c06.journal import EntryFilter
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


def account_json(account: Account) -> dict[str, Any]:
    """Write an account with its secrets, and the switches that are on as its `quirks`."""
    return asdict(account) | {"quirks": list(flipped(account.switches))}


def verify_accounts(run: Run, register: Register, names: Iterable[tuple[str, str | None]]) -> None:
    """Check pairs of a member and the account name in it; raises `AccountUnknown` for the first unknown name.

    Known are all accounts, the run's own, and those in its journal (in a replay some are known from there only).
    """
    for field, name in names:
        if name is None:
            continue
        known = run.accounts_of(register).find(name)
        if known is None and not run.journal.entries(EntryFilter(account=name)):
            raise AccountUnknown(field)
