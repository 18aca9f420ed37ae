"""An operator's act refused."""

from dataclasses import dataclass

from gateway.errors import FieldError, GatewayError


class OperatorError(GatewayError):
    """An operator may not do this, or not so."""


class LoginInvalid(OperatorError):
    """Name, password, code: not together those of an active operator, or a code that was used."""


@dataclass(eq=False)
class RoleMissing(OperatorError):
    """The operator's role is none of those that may do this, or was not when it had to be (`since`)."""

    needed: tuple[str, ...]
    since: str | None = None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Name the roles, for whoever asks by the API."""
        return (FieldError(field="role", code="role_missing", detail=str(self)),)

    def __str__(self) -> str:
        needs = f"needs the role {' or '.join(self.needed)}"
        return needs if self.since is None else f"{needs} {self.since}"


@dataclass(eq=False)
class SameOperator(OperatorError):
    """The second person is the first one, or may be: `reason` says by which enrolment."""

    reason: str | None = None

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Say why another name isn't another person, for whoever asks by the API."""
        if self.reason is None:
            return ()
        return (FieldError(field="operator", code="same_operator", detail=self.reason),)

    def __str__(self) -> str:
        return self.reason or ""


class DiffChanged(OperatorError):
    """What was looked at is no longer what would be done."""


@dataclass(eq=False)
class PreflightBudgetSpent(OperatorError):
    """`spent` names what has been used up for an hour; `retry_after` in seconds says when there is room again."""

    spent: str
    retry_after: int

    def __str__(self) -> str:
        return f"{self.spent} are used up for this hour; try again in {self.retry_after} s"


@dataclass(eq=False)
class PreflightFailed(OperatorError):
    """Checks of a change failed, or were not run; `errors` names those that failed."""

    errors: tuple[FieldError, ...] = ()
