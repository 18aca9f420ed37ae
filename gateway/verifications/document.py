"""What the OpenAPI document says of acts about a person beyond their shapes: what is refused, what may follow."""

from typing import Any

from gateway.edge.guards import WHOLE_BODY
from gateway.errors import GatewayError
from gateway.errors.callers import (
    EnquiryBudgetSpent,
    FieldNotGranted,
    OfficerNotGranted,
    ProcedureNotGranted,
    ScopeMissing,
    SubjectRoleNotGranted,
)
from gateway.errors.places import ProfileSuspended, ProfileUnconfigured
from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.errors.requests import (
    FieldNotInProcedure,
    FieldUnknown,
    NotFound,
    ProcedureUnknown,
    SubjectRoleUnknown,
)
from gateway.errors.verifications import (
    ReceiptInvalid,
    VerificationExpired,
    VerificationInvalidated,
    VerificationNotConfirmed,
)

Errors = tuple[type[GatewayError], ...]

UNKNOWN_ACTS: Errors = (ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure)
"""An act that means nothing."""

REFUSED_ACTS: Errors = (
    *UNKNOWN_ACTS,
    ScopeMissing,
    ProcedureNotGranted,
    SubjectRoleNotGranted,
    FieldNotGranted,
    OfficerNotGranted,
    ProfileSuspended,
    ProfileUnconfigured,
)
"""An act that means nothing, was not granted, or that the place can't do."""

REFUSED_QUESTIONS: Errors = (
    VerificationInvalidated,
    EnquiryBudgetSpent,
    RegistryRefused,
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryUnavailable,
    RegistryTimeout,
)
"""A question that may not be asked, or that the registry did not answer."""

REFUSED_RECEIPTS: Errors = (
    ReceiptInvalid,
    NotFound,
    VerificationExpired,
    VerificationNotConfirmed,
    VerificationInvalidated,
)
"""A receipt, or a verification by its id, that carries no prefill."""

_PROFILE = {"profile": "$response.body#/profile"}
_BY_ID = _PROFILE | {"verification_id": "$response.body#/id"}
_PREFILL = {
    "verification": "$response.body#/id",
    "procedure": "$response.body#/procedure",
    "dossier": "$response.body#/dossier",
    "subject_role": "$response.body#/subject_role",
    "fields": ["full_name"],
    "initiated_by": {"kind": "citizen"},
}

AFTER_VERIFYING: dict[str, Any] = {
    "get": {"operationId": "get_verification", "parameters": _BY_ID},
    "revoke": {"operationId": "revoke_verification", "parameters": _BY_ID},
    "prefill": {
        "operationId": "prefill_form",
        "description": "The same act, while the verification is live.",
        "parameters": _PROFILE,
        "requestBody": _PREFILL,
        **WHOLE_BODY,
    },
    "check": {
        "operationId": "check_receipt",
        "description": "Where there is a receipt.",
        "parameters": _PROFILE,
        "requestBody": {"receipt": "$response.body#/receipt"},
        **WHOLE_BODY,
    },
    "ledger": {
        "operationId": "show_ledger",
        "description": "Where there is a receipt.",
        "parameters": _PROFILE,
        "requestBody": {"receipt": "$response.body#/receipt"},
        **WHOLE_BODY,
    },
}
"""Links from a verification to what a portal does with it."""
