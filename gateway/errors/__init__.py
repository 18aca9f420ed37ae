"""The tree of all errors. An error has facts only: no HTTP status, no text for callers, no value of a person.

    GatewayError
    ├── HttpInvalid  JsonInvalid  NotFound  MethodNotAllowed  NotAcceptable
    ├── BodyTooLarge  BodySlow  HeadersTooLarge  MediaTypeUnsupported
    ├── FieldsError                     names fields: RequestInvalid  ClaimInvalid  FieldUnknown
    │                                   FieldNotInProcedure  ProcedureUnknown  SubjectRoleUnknown
    ├── CallerError                     the caller is not known or not allowed
    │   ├── TokenMissing  TokenInvalid  TokenExpired  DpopProofInvalid
    │   ├── CitizenTokenMissing  CitizenTokenInvalid
    │   ├── ProfileMismatch  AccountSuspended  ScopeMissing  RateLimited  EnquiryBudgetSpent
    │   └── GrantError                  names fields: ProcedureNotGranted  SubjectRoleNotGranted
    │                                   FieldNotGranted  OfficerNotGranted
    ├── VerificationError               the receipt or verification of the request
    │   └── ReceiptInvalid  VerificationExpired  VerificationNotConfirmed  VerificationInvalidated
    ├── RegistryError                   the registry failed or refused
    │   └── RegistryRefused  RegistryAnswerInvalid  RegistryCredentialsRejected
    │       RegistryUnavailable  RegistryTimeout
    ├── IdempotencyConflict  IdempotencyInProgress  IdempotencyAnswerGone
    ├── ProfileError                    ProfileUnconfigured  ProfileSuspended
    ├── OperatorError                   an operator refused: LoginInvalid  RoleMissing
    │                                   SameOperator  DiffChanged  PreflightFailed
    ├── CitizenLoginUnavailable         the citizens' login can't be asked for its keys
    ├── Overloaded                      no capacity now: StoreUnavailable (the store can't work)
    ├── ProofPending                    a receipt's entry waits for its checkpoint
    └── OperationError                  a command refused: AlreadyExists  Unknown  StateWrong  SettingInvalid
                                        MasterKeyWrong  SchemaOld  StoreMissing  RowUnreadable
                                        AuditBroken

Each class is in its subject's file and has a machine code, which the audit and callers get. Its status and texts
are one row of `edge/problems.py`; a test checks every class.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One wrong field: a dotted location (`claim.citizen_id`, `fields.3`) or a known field's name.

    `detail` says what is expected; it never repeats the value.
    """

    field: str
    code: str
    detail: str


class GatewayError(Exception):
    """The root of all errors of the gateway. A class without its own `code` answers as `internal`.

    `wrong` and `wrong_vi` say what was wrong with this one request, never a value; empty where the class says all.
    """

    code: ClassVar[str] = "internal"
    wrong: str = ""
    wrong_vi: str = ""

    def __init_subclass__(cls, *, code: str | None = None) -> None:
        super().__init_subclass__()
        if code is not None:
            cls.code = code
