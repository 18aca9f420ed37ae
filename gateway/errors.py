"""Everything that can go wrong, in our words. Facts only: no status, no prose, no value of a person.

    GatewayError
    ├── RequestError                    the request itself
    │   ├── JsonInvalid  NotFound  MethodNotAllowed  NotAcceptable
    │   ├── BodyTooLarge  BodySlow  HeadersTooLarge  MediaTypeUnsupported
    │   └── FieldsError                 names fields: RequestInvalid  ClaimInvalid  FieldUnknown
    │                                   FieldNotInProcedure  ProcedureUnknown  SubjectRoleUnknown
    ├── CallerError                     who is asking
    │   ├── TokenMissing  TokenInvalid  TokenExpired  DpopProofInvalid
    │   ├── ProfileMismatch  AccountSuspended  ScopeMissing  RateLimited  EnquiryBudgetSpent
    │   └── GrantError                  names fields: ProcedureNotGranted  SubjectRoleNotGranted
    │                                   FieldNotGranted  OfficerNotGranted
    ├── VerificationError               the receipt or verification presented
    │   └── ReceiptInvalid  VerificationExpired  VerificationNotConfirmed  VerificationInvalidated
    ├── RegistryError                   the registry's side
    │   └── RegistryRefused  RegistryAnswerInvalid  RegistryCredentialsRejected
    │       RegistryUnavailable  RegistryTimeout
    ├── IdempotencyError                a key that was used before
    │   └── IdempotencyConflict  IdempotencyInProgress  IdempotencyAnswerGone
    ├── ProfileError                    ProfileUnconfigured  ProfileSuspended
    ├── OperatorError                   an operator's act refused (contract §7): LoginInvalid  RoleMissing
    │                                   SameOperator  DiffChanged  PreflightFailed
    ├── Overloaded                      our own store or writer can take no more
    └── OperationError                  a command refused: AlreadyExists  Unknown  StateWrong  SettingInvalid
                                        MasterKeyWrong  SchemaOld  AuditBroken

How each looks to a portal is one row of `edge/problems.py`; a test walks every class here.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One field at fault: a dotted place (`claim.citizen_id`, `fields.3`) or a known field's name.

    `detail` says what was expected; it never repeats the value.
    """

    field: str
    code: str
    detail: str


class GatewayError(Exception):
    """Root of all our errors."""


# --- the request itself ---------------------------------------------------------------------


class RequestError(GatewayError):
    """The request can't be read or routed."""


class JsonInvalid(RequestError):
    """The body is not one well-formed JSON object in UTF-8 with distinct names."""


class NotFound(RequestError):
    """No such route, or nothing there that this account may see."""


class MethodNotAllowed(RequestError):
    """The route exists for other methods."""


class NotAcceptable(RequestError):
    """The caller accepts no form that we can answer in."""


class BodyTooLarge(RequestError):
    """The body passes 64 KiB."""


class BodySlow(RequestError):
    """The body did not arrive in time."""


class HeadersTooLarge(RequestError):
    """The header section passes what the server takes."""


class MediaTypeUnsupported(RequestError):
    """The body is not `application/json`, or is content-encoded."""


@dataclass(eq=False)
class FieldsError(RequestError):
    """The request is well-formed JSON but fields of it are not acceptable."""

    errors: tuple[FieldError, ...]

    def __str__(self) -> str:
        return ", ".join(f"{error.field}: {error.code}" for error in self.errors)


class RequestInvalid(FieldsError):
    """Members missing, unknown, repeated or of the wrong form."""


class ClaimInvalid(FieldsError):
    """The claim about a citizen is malformed; nothing was asked."""


class FieldUnknown(FieldsError):
    """A field that no procedure knows."""


class FieldNotInProcedure(FieldsError):
    """A field that this procedure's form does not hold for this role."""


class ProcedureUnknown(FieldsError):
    """Neither a slug nor a code that is valid today."""


class SubjectRoleUnknown(FieldsError):
    """A role that this procedure does not have."""


# --- who is asking --------------------------------------------------------------------------


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
    """The account or the number asked has used up its wrong claims; `retry_after` in seconds."""

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


# --- the receipt or verification presented --------------------------------------------------


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


# --- a key that was used before --------------------------------------------------------------


class IdempotencyError(GatewayError):
    """This request's `Idempotency-Key` was used before, and nothing can be answered under it now."""


@dataclass(eq=False)
class IdempotencyConflict(IdempotencyError):
    """The key came first with another body."""

    errors: tuple[FieldError, ...]


@dataclass(eq=False)
class IdempotencyInProgress(IdempotencyError):
    """The same request is being answered; `retry_after` in seconds."""

    retry_after: int = 1


@dataclass(eq=False)
class IdempotencyAnswerGone(IdempotencyError):
    """The request was answered, and the answer is kept no longer."""

    verification: str | None = field(default=None, kw_only=True)


# --- the registry's side --------------------------------------------------------------------


class RegistryError(GatewayError):
    """The registry gave no usable answer."""


@dataclass(eq=False)
class RegistryRefused(RegistryError):
    """The registry refused with a code of its own (004 procedure, 005 officer, 006 field, 01 request)."""

    registry_code: str

    def __str__(self) -> str:
        return f"registry code {self.registry_code}"


@dataclass(eq=False)
class RegistryAnswerInvalid(RegistryError):
    """The answer is not what was asked for. `reason` names the check that failed, never a value."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class RegistryCredentialsRejected(RegistryError):
    """The registry refused our login, at any of its layers."""


@dataclass(eq=False)
class RegistryUnavailable(RegistryError):
    """The registry can't be reached or is in maintenance; `retry_after` in seconds."""

    retry_after: int = 5


class RegistryTimeout(RegistryError):
    """The deadline of this request passed before the registry answered."""


# --- the profile and the store --------------------------------------------------------------


class ProfileError(GatewayError):
    """The place itself can't serve now."""


class ProfileUnconfigured(ProfileError):
    """The profile has no connection."""


class ProfileSuspended(ProfileError):
    """An operator suspended the profile."""


class Overloaded(GatewayError):
    """Our own store or audit writer can't take the work, or can't keep the answer, which then doesn't leave."""


# --- operators ------------------------------------------------------------------------------


class OperatorError(GatewayError):
    """An operator may not do this, or not so."""


class LoginInvalid(OperatorError):
    """Name, password, code: not together those of an active operator, or a code that was used."""


@dataclass(eq=False)
class RoleMissing(OperatorError):
    """The operator's role is none of those that may do this."""

    needed: tuple[str, ...]

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


# --- commands -------------------------------------------------------------------------------


@dataclass(eq=False)
class OperationError(GatewayError):
    """A command was refused. `reason` is one line for the person at the terminal, with the remedy."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class AlreadyExists(OperationError):
    """The thing to be made is there."""


class Unknown(OperationError):
    """The thing named does not exist."""


class StateWrong(OperationError):
    """The thing named is in a state that forbids this."""


class SettingInvalid(OperationError):
    """A setting is unknown or malformed; names it and what is expected."""


class MasterKeyWrong(OperationError):
    """The master key does not open this database's keys."""


class SchemaOld(OperationError):
    """The database needs `gateway migrate`."""


class AuditBroken(OperationError):
    """The audit's chain does not hold; names the first bad row."""
