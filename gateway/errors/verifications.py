"""The receipt or verification presented can't carry this act."""

from dataclasses import dataclass, field

from gateway.errors import FieldError, GatewayError


@dataclass(eq=False)
class VerificationError(GatewayError):
    """The verification behind a receipt or id can't carry this act."""

    errors: tuple[FieldError, ...] = field(default=(), kw_only=True)


class ReceiptInvalid(VerificationError):
    """Not a receipt of ours for this account, profile, procedure, dossier and role."""


class VerificationExpired(VerificationError):
    """The verification's time is over."""


class VerificationNotConfirmed(VerificationError):
    """The registry did not agree with the claim."""


@dataclass(eq=False)
class VerificationInvalidated(VerificationError):
    """The verification was revoked, or the registry no longer knows such a person."""

    verification: str | None = field(default=None, kw_only=True)
