"""One call of an API route: the contract's checks in their order, and one answer for an `Idempotency-Key`.

Also the OpenAPI document's errors and links of enquiries.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, Request
from pydantic import WithJsonSchema
from starlette.responses import Response

from gateway.audit.state import write_canonical
from gateway.edge.requests import HEADER, PATTERN, StrictBody, body_of
from gateway.edge.responses import WHOLE_BODY, Answer, Check, to_json
from gateway.edge.strict_json import parse_object
from gateway.enquiries.idempotency import MakeAnswer, answer_once
from gateway.enquiries.idempotency_store import KeptAnswer, KeyedRequest
from gateway.errors import GatewayError
from gateway.errors.requests import (
    EnquiryBudgetSpent,
    FieldNotGranted,
    FieldNotInProcedure,
    FieldUnknown,
    IdempotencyConflict,
    IdempotencyInProgress,
    NotFound,
    OfficerNotGranted,
    ProcedureNotGranted,
    ProcedureUnknown,
    ProfileSuspended,
    ProfileUnconfigured,
    ReceiptInvalid,
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
    RequestInvalid,
    ScopeMissing,
    SubjectRoleNotGranted,
    SubjectRoleUnknown,
    VerificationExpired,
    VerificationInvalidated,
    VerificationNotConfirmed,
)
from gateway.oauth.bearer_web import Bearer
from gateway.oauth.web import Call, Checks, Parsed

REPLAYED = "Idempotent-Replayed"

CheckReplay = Callable[[dict[str, Any]], Awaitable[None]]


class KeyedCall(Call[Parsed]):
    """A call of a route with an `Idempotency-Key`."""

    __slots__ = ()

    async def answer(self, make: MakeAnswer, *, check_replay: CheckReplay | None = None) -> Response:
        """Return the answer of `make`; for a used key the kept answer, unless `check_replay` raises for its members."""
        key: str | None = self.request.state.idempotency_key  # read together with the body
        if key is None:
            kept = await make()
            return Response(kept.body, status_code=kept.status, media_type="application/json")

        async def check_members(kept: KeptAnswer) -> None:
            if check_replay is not None:
                await check_replay(json.loads(kept.body))

        keyed = KeyedRequest(
            profile=self.place.profile,
            client_id=self.caller.account.client_id,
            route=f"{self.request.method} {self.request.scope['route'].path}",
            path=self.request.scope["path"],
            key=key,
            body=write_canonical(parse_object(body_of(self.request) or b"{}")),
        )
        kept = await answer_once(self.deps, self.place, keyed, make=make, check_replay=check_members)
        headers = {REPLAYED: "true"} if kept.replayed else {}
        return Response(kept.body, status_code=kept.status, media_type="application/json", headers=headers)


class KeyedChecks(Checks[Parsed]):
    """The checks of a route with an `Idempotency-Key`."""

    makes = KeyedCall

    def __init__(self, scope: str | Bearer, read: Callable[[Request], Awaitable[Parsed]]) -> None:
        super().__init__(scope, read)
        key = Check()
        key.refuses = (RequestInvalid, IdempotencyInProgress)
        if isinstance(read, StrictBody) and read.model.model_fields:
            key.refuses += (IdempotencyConflict,)
        self.checks = (*self.checks, key)

    async def __call__(
        self,
        request: Request,
        profile: str,
        documented: Annotated[
            str | None,
            Header(
                alias=HEADER,
                description="A random key for each request. A request with the same key gets the same answer.",
            ),
            WithJsonSchema({"type": "string", "pattern": PATTERN}),
        ] = None,
    ) -> Any:
        """Return the call, as `run`."""
        del documented  # only for the OpenAPI document; `StrictBody` reads the header, which may be repeated
        return await self.run(request, profile)


def to_kept_answer(
    answer: Answer, *, status: int = 200, verification: str | None = None, personal: bool = False
) -> KeptAnswer:
    """Return an answer in the form that is sent and kept; `personal` if it contains a person's data."""
    return KeptAnswer(status=status, body=to_json(answer), verification=verification, personal=personal)


Errors = tuple[type[GatewayError], ...]

UNKNOWN_ENQUIRIES: Errors = (ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure)
"""Errors of an unknown procedure, role or field."""

REFUSED_ENQUIRIES: Errors = (
    *UNKNOWN_ENQUIRIES,
    ScopeMissing,
    ProcedureNotGranted,
    SubjectRoleNotGranted,
    FieldNotGranted,
    OfficerNotGranted,
    ProfileSuspended,
    ProfileUnconfigured,
)
"""Errors of an enquiry that is unknown, not granted, or that the profile can't send to the registry."""

REFUSED_QUESTIONS: Errors = (
    VerificationInvalidated,
    EnquiryBudgetSpent,
    RegistryRefused,
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryUnavailable,
    RegistryTimeout,
)
"""Errors of a question that is not allowed, or that the registry does not answer."""

REFUSED_RECEIPTS: Errors = (
    ReceiptInvalid,
    NotFound,
    VerificationExpired,
    VerificationNotConfirmed,
    VerificationInvalidated,
)
"""Errors of a receipt or verification that allows no prefill."""

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

_WITH_RECEIPT = {
    "description": "If there is a receipt.",
    "parameters": _PROFILE,
    "requestBody": {"receipt": "$response.body#/receipt"},
    **WHOLE_BODY,
}

AFTER_VERIFYING: dict[str, Any] = {
    "get": {"operationId": "get_verification", "parameters": _BY_ID},
    "revoke": {"operationId": "revoke_verification", "parameters": _BY_ID},
    "prefill": {
        "operationId": "prefill_form",
        "description": "For the same procedure, dossier and role, while the verification is live.",
        "parameters": _PROFILE,
        "requestBody": _PREFILL,
        **WHOLE_BODY,
    },
    "check": {"operationId": "check_receipt", **_WITH_RECEIPT},
    "ledger": {"operationId": "show_ledger", **_WITH_RECEIPT},
}
"""OpenAPI links from a verification to the operations that take it."""
