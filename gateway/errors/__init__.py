"""Everything that can go wrong, in our words. Facts only: no status, no prose, no value of a person.

    GatewayError
    ├── RequestError                    the request itself
    │   ├── HttpInvalid  JsonInvalid  NotFound  MethodNotAllowed  NotAcceptable
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
    ├── OperatorError                   an operator's act refused: LoginInvalid  RoleMissing
    │                                   SameOperator  DiffChanged  PreflightFailed
    ├── Overloaded                      our own store or writer can take no more
    └── OperationError                  a command refused: AlreadyExists  Unknown  StateWrong  SettingInvalid
                                        MasterKeyWrong  SchemaOld  AuditBroken

A class stands in the file of its subject. How each looks to a portal is one row of `edge/problems.py`; a test
walks every class here.
"""

from dataclasses import dataclass


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
