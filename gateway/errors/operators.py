"""Errors of commands and of operators' requests."""

from dataclasses import dataclass

from gateway.errors import FieldError, GatewayError


@dataclass(eq=False)
class OperationError(GatewayError):
    """A command was refused. `reason` is one line for the person at the terminal, with the remedy."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class AlreadyExists(OperationError):
    """What should be created exists already."""


class Unknown(OperationError):
    """What the command names does not exist."""


class StateWrong(OperationError, code="state_wrong"):
    """The present state does not allow this."""


class SettingInvalid(OperationError):
    """A setting is unknown or malformed; `reason` names it and what is expected."""


class MasterKeyWrong(OperationError):
    """The master key does not open this database's keys."""


class StoreMissing(OperationError):
    """Where the command looked there is no store, or no master key; commands don't make one."""


class SchemaOld(OperationError):
    """The database needs `gateway migrate`."""


class RowUnreadable(OperationError):
    """A stored row can't be read: another version wrote it, or it was changed outside the audit; `reason` names it."""


class AuditBroken(OperationError):
    """The audit was tampered with; `reason` names the first bad row."""


class OperatorError(GatewayError):
    """An operator may not do this, or not in this way."""


class LoginInvalid(OperatorError, code="login_invalid"):
    """Name, password and code are not those of an active operator, or the code was used before."""


@dataclass(eq=False)
class RoleMissing(OperatorError, code="role_missing"):
    """The operator has none of the roles that may do this, or got it too late; `since` says what was required."""

    needed: tuple[str, ...]
    since: str | None = None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Return the roles as an error of the API."""
        return (FieldError(field="role", code="role_missing", detail=str(self)),)

    def __str__(self) -> str:
        needs = f"needs the role {' or '.join(self.needed)}"
        return needs if self.since is None else f"{needs} {self.since}"


@dataclass(eq=False)
class SameOperator(OperatorError, code="same_operator"):
    """The second person is, or may be, the first one; `reason` is why they may be one person."""

    reason: str | None = None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Return why two names may be one person, as an error of the API."""
        if self.reason is None:
            return ()
        return (FieldError(field="operator", code="same_operator", detail=self.reason),)

    def __str__(self) -> str:
        return self.reason or ""


class DiffChanged(OperatorError, code="diff_changed"):
    """The present diff of the change differs from the approved one."""


@dataclass(eq=False)
class PreflightBudgetSpent(OperatorError, code="preflight_budget_spent"):
    """An hourly budget of preflights, named in `spent`, is used up; `retry_after` in seconds."""

    spent: str
    retry_after: int

    def __str__(self) -> str:
        return f"{self.spent} are used up for this hour; try again in {self.retry_after} s"


@dataclass(eq=False)
class PreflightFailed(OperatorError, code="preflight_failed"):
    """Checks of a change failed or did not run; `errors` names those that failed."""

    errors: tuple[FieldError, ...] = ()
