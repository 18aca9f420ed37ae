"""An operator's act refused."""

from dataclasses import dataclass

from gateway.errors import FieldError, GatewayError


class OperatorError(GatewayError):
    """An operator may not do this, or not so."""


class LoginInvalid(OperatorError):
    """Name, password, code: not together those of an active operator, or a code that was used."""


@dataclass(eq=False)
class RoleMissing(OperatorError):
    """The operator's role is none of those that may do this."""

    needed: tuple[str, ...]

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """Name the roles, for whoever asks by the API."""
        return (FieldError(field="role", code="role_missing", detail=str(self)),)

    def __str__(self) -> str:
        return f"needs the role {' or '.join(self.needed)}"


class SameOperator(OperatorError):
    """The second person is the first one."""


class DiffChanged(OperatorError):
    """What was looked at is no longer what would be done."""


@dataclass(eq=False)
class PreflightFailed(OperatorError):
    """Checks of a change failed, or were not run; `errors` names those that failed."""

    errors: tuple[FieldError, ...] = ()
