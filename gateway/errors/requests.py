"""Errors of callers' requests: their form or fields, the `Idempotency-Key`, the token, grants and budgets, the receipt or
verification; and of what a request needs: the registry and its answers, a profile, the store, the citizens' login.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Self

from gateway.errors import FieldError, GatewayError


@dataclass(eq=False)
class IdempotencyConflict(GatewayError, code="idempotency_conflict"):
    """The key was first used with another body."""

    errors: tuple[FieldError, ...]


@dataclass(eq=False)
class IdempotencyInProgress(GatewayError, code="idempotency_in_progress"):
    """The same request is being answered; `retry_after` in seconds."""

    retry_after: int = 1


@dataclass(eq=False)
class IdempotencyAnswerGone(GatewayError, code="idempotency_answer_gone"):
    """The request was answered, and the answer is no longer kept."""

    verification: str | None = field(default=None, kw_only=True)


class HttpInvalid(GatewayError, code="http_invalid"):
    """The request is not well-formed HTTP/1.1."""


@dataclass(eq=False)
class JsonInvalid(GatewayError, code="json_invalid"):
    """The body is not one well-formed JSON object in UTF-8 with distinct names; `wrong` says where, never a value."""

    wrong: str = ""
    wrong_vi: str = ""


class NotFound(GatewayError, code="not_found"):
    """No such route, or nothing that this account may see."""


class MethodNotAllowed(GatewayError, code="method_not_allowed"):
    """The route exists for other methods."""


class NotAcceptable(GatewayError, code="not_acceptable"):
    """The caller accepts no media type of our answers."""


class BodyTooLarge(GatewayError, code="body_too_large"):
    """The body is larger than 64 KiB."""


class BodySlow(GatewayError, code="body_slow"):
    """The body did not arrive in time."""


class HeadersTooLarge(GatewayError, code="headers_too_large"):
    """The header section is larger than 32 KiB."""


class MediaTypeUnsupported(GatewayError, code="media_type_unsupported"):
    """The body is not `application/json`, or is content-encoded."""


@dataclass(eq=False)
class FieldsError(GatewayError):
    """The request is well-formed JSON with invalid fields."""

    errors: tuple[FieldError, ...]

    @classmethod
    def of(cls, field: str, detail: str) -> Self:
        """Return this error about one field."""
        return cls((cls.about(field, detail),))

    @classmethod
    def about(cls, field: str, detail: str) -> FieldError:
        """Return one field's error with the code of this class."""
        return FieldError(field=field, code=cls.code, detail=detail)

    def __str__(self) -> str:
        return ", ".join(f"{error.field}: {error.code}" for error in self.errors)


class RequestInvalid(FieldsError, code="request_invalid"):
    """Members are missing, unknown, repeated or malformed."""


class ClaimInvalid(FieldsError, code="claim_invalid"):
    """The claim about a citizen is malformed; the registry was not asked."""


class FieldUnknown(FieldsError, code="field_unknown"):
    """A field that no procedure's form has."""


class FieldNotInProcedure(FieldsError, code="field_not_in_procedure"):
    """A field that this procedure's form does not have for this role."""


class ProcedureUnknown(FieldsError, code="procedure_unknown"):
    """Neither a slug nor a code that is valid today."""


class SubjectRoleUnknown(FieldsError, code="subject_role_unknown"):
    """A role that this procedure does not have."""


class CallerError(GatewayError):
    """The caller is not known, or not allowed to do this."""


class TokenMissing(CallerError, code="token_missing"):
    """No `Authorization` header."""


@dataclass(eq=False)
class TokenInvalid(CallerError, code="token_invalid"):
    """Not a valid access token of this profile; `wrong` says what is wrong with the header, or the call of a valid one.

    `scheme` is the one to send.
    """

    wrong: str = ""
    wrong_vi: str = ""
    scheme: str = "Bearer"


class TokenExpired(CallerError, code="token_expired"):
    """An access token of this profile that has expired."""


PROOF_USED = "jti was used before with this key"


@dataclass(eq=False)
class DpopProofInvalid(CallerError, code="dpop_proof_invalid"):
    """The DPoP proof (RFC 9449) is missing, wrong, stale or was used before; `wrong` names the claim."""

    wrong: str = ""


class CitizenTokenMissing(CallerError, code="citizen_token_missing"):
    """No `Citizen-Token` header, where the citizen's own login is required."""


@dataclass(eq=False)
class CitizenTokenInvalid(CallerError, code="citizen_token_invalid"):
    """Not a valid ID token of the profile's login; `wrong` names the claim, never a value."""

    wrong: str = ""


class ProfileMismatch(CallerError, code="profile_mismatch"):
    """A token that the other profile would accept now."""


class AccountSuspended(CallerError, code="account_suspended"):
    """The account is suspended."""


@dataclass(eq=False)
class ScopeMissing(CallerError, code="scope_missing"):
    """The token lacks the scope that the route or a requested field requires."""

    scope: str
    errors: tuple[FieldError, ...] = ()


@dataclass(eq=False)
class RateLimited(CallerError, code="rate_limited"):
    """Too many calls; `retry_after` in seconds. `wrong` says which limit."""

    retry_after: int = 1
    wrong: str = ""
    wrong_vi: str = ""


@dataclass(eq=False)
class EnquiryBudgetSpent(CallerError, code="enquiry_budget_spent"):
    """A budget is used up: `account_hour`, `subject_day` or `own_login_day` of wrong claims, `confirmed_hour` or `confirmed_day`.

    `retry_after` in seconds.
    """

    budget: str
    retry_after: int = 3600


@dataclass(eq=False)
class GrantError(CallerError):
    """Outside the account's grants (RFC 9396 `authorization_details`)."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        return ", ".join(f"{error.field}: {error.code}" for error in self.errors)


class ProcedureNotGranted(GrantError, code="procedure_not_granted"):
    """The account may not use this procedure."""


class SubjectRoleNotGranted(GrantError, code="subject_role_not_granted"):
    """The account may not ask about this role."""


class FieldNotGranted(GrantError, code="field_not_granted"):
    """The account may not have this field."""


class OfficerNotGranted(GrantError, code="officer_not_granted"):
    """The account has no such officer."""


@dataclass(eq=False)
class VerificationError(GatewayError):
    """The receipt or verification does not allow this."""

    errors: tuple[FieldError, ...] = field(default=(), kw_only=True)


class ReceiptInvalid(VerificationError, code="receipt_invalid"):
    """Not a receipt of this gateway for this account, profile, procedure, dossier and role."""


class VerificationExpired(VerificationError, code="verification_expired"):
    """The verification has expired."""


class VerificationNotConfirmed(VerificationError, code="verification_not_confirmed"):
    """The registry did not confirm the claim."""


@dataclass(eq=False)
class VerificationInvalidated(VerificationError, code="verification_invalidated"):
    """The verification was revoked, or the registry no longer has such a person."""

    verification: str | None = field(default=None, kw_only=True)


class ProfileError(GatewayError):
    """The profile can't be used now."""


class ProfileUnconfigured(ProfileError, code="profile_unconfigured"):
    """The profile has no connection."""


class ProfileSuspended(ProfileError, code="profile_suspended"):
    """An operator suspended the profile."""


@dataclass(eq=False)
class CitizenLoginUnavailable(GatewayError, code="citizen_login_unavailable"):
    """The keys of the citizens' login can't be read, so no ID token can be verified; `retry_after` in seconds."""

    retry_after: int = 10


class Overloaded(GatewayError, code="overloaded"):
    """No capacity now: too many callers wait for the store, the audit's writer or the hashing of passwords."""


@dataclass(eq=False)
class StoreUnavailable(Overloaded, code="store_unavailable"):
    """The store can't work now; `cause` is one of `storage.outages.Cause`. A kind of `Overloaded`: callers try again.

    `rolled_back`: the store ended the transaction before its commit. Nothing was committed, and it may be run once more.
    """

    cause: str
    rolled_back: bool = False

    def __str__(self) -> str:
        return self.cause


class ProofPending(GatewayError, code="proof_pending"):
    """The entry that a receipt promises has no signed checkpoint yet; `retry_after` in seconds."""

    retry_after: ClassVar[int] = 1


class RegistryError(GatewayError):
    """The registry gave no usable answer."""


@dataclass(eq=False)
class RegistryRefused(RegistryError, code="registry_refused"):
    """The registry refused with its own code (004 procedure, 005 officer, 006 operation or field, 01 request)."""

    registry_code: str

    def __str__(self) -> str:
        return f"registry code {self.registry_code}"


@dataclass(eq=False)
class RegistryAnswerInvalid(RegistryError, code="registry_answer_invalid"):
    """The answer is malformed or answers another question. `reason` is the failed check, never a value."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class RegistryCredentialsRejected(RegistryError, code="registry_credentials_rejected"):
    """The registry, or the platform before it, refused the gateway's credentials."""


@dataclass(eq=False)
class RegistryUnavailable(RegistryError, code="registry_unavailable"):
    """The registry can't be reached or is in maintenance; `retry_after` in seconds."""

    retry_after: int = 5


class RegistryTimeout(RegistryError, code="registry_timeout"):
    """The deadline of this request passed before the registry answered."""
