"""Who is asking: not known, or may not do this."""

from dataclasses import dataclass

from gateway.errors import FieldError, GatewayError


class CallerError(GatewayError):
    """The caller is not known, or may not do this."""


class TokenMissing(CallerError):
    """No `Authorization` header."""


class TokenInvalid(CallerError):
    """Not an access token of this place that is good now."""


class TokenExpired(CallerError):
    """An access token of this place whose time is over."""


class DpopProofInvalid(CallerError):
    """The DPoP proof (RFC 9449) is missing, wrong, stale or used."""


class ProfileMismatch(CallerError):
    """A token that the other profile would accept now, at this profile's door."""


class AccountSuspended(CallerError):
    """The account is suspended."""


@dataclass(eq=False)
class ScopeMissing(CallerError):
    """The token lacks the scope that the route, or a field asked for, needs."""

    scope: str
    errors: tuple[FieldError, ...] = ()


@dataclass(eq=False)
class RateLimited(CallerError):
    """Too many calls; `retry_after` in seconds."""

    retry_after: int = 1


@dataclass(eq=False)
class EnquiryBudgetSpent(CallerError):
    """A budget has no place left: `account_hour` or `subject_day` of wrong claims, `confirmed_hour` or `confirmed_day`.

    `retry_after` in seconds.
    """

    budget: str
    retry_after: int = 3600


@dataclass(eq=False)
class GrantError(CallerError):
    """Outside what the account was granted (RFC 9396 `authorization_details`)."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        return ", ".join(f"{error.field}: {error.code}" for error in self.errors)


class ProcedureNotGranted(GrantError):
    """The account may not act in this procedure."""


class SubjectRoleNotGranted(GrantError):
    """The account may not ask about this role."""


class FieldNotGranted(GrantError):
    """The account may not have this field."""


class OfficerNotGranted(GrantError):
    """The officer named is not among the account's."""
