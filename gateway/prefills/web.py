"""Prefills over HTTP: parse, call one use case, shape the answer."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from gateway.edge.bodies import Body, StrictBody, exactly_one
from gateway.edge.guards import WHOLE_BODY, refuses
from gateway.errors.idempotency import IdempotencyAnswerGone
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid
from gateway.idempotency.model import KeptAnswer
from gateway.idempotency.web import AtMostOnce, keepable
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.prefills.answers import DiscrepancyAnswer, PrefillAnswer, shape_discrepancy, shape_prefill
from gateway.prefills.discrepancies import MAX_NOTE, file_discrepancy, parse_note
from gateway.prefills.model import Filing, PrefillRequest
from gateway.prefills.prefill import prefill_form
from gateway.prefills.replay import read_kept_form, replay_prefill
from gateway.verifications.bodies import Dossier, Fields, InitiatedByBody, Word
from gateway.verifications.document import REFUSED_ACTS, REFUSED_RECEIPTS

_DISPUTE = {
    "operationId": "file_discrepancy",
    "description": "What the registry gave is not so.",
    "parameters": {"profile": "$response.body#/profile"},
    "requestBody": {"prefill": "$response.body#/id", "field": "full_name", "note": "Sai tên đệm"},
    **WHOLE_BODY,
}


class PrefillBody(Body):
    """`POST /prefills`: a receipt or a verification's id, and the fields wanted."""

    model_config = exactly_one(("receipt", "verification"))

    receipt: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    verification: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    procedure: Word = Field(examples=["khai-sinh"])
    dossier: Dossier
    subject_role: Word = Field(examples=["requester"])
    fields: Fields
    initiated_by: InitiatedByBody

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if (self.receipt is None) == (self.verification is None):
            raise PydanticCustomError("one_reference", "exactly one of receipt and verification")
        return self


class DiscrepancyBody(Body):
    """`POST /discrepancies`: a field of a prefill that is not so, and why."""

    prefill: Annotated[str, Field(min_length=1, max_length=64)]
    field: Word = Field(examples=["permanent_residence"])
    note: Annotated[
        str, AfterValidator(parse_note), Field(json_schema_extra={"minLength": 1, "maxLength": MAX_NOTE})
    ]


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["prefills"])
    router.add_api_route(
        "/prefills",
        _prefill,
        methods=["POST"],
        operation_id="prefill_form",
        summary="Fill a form from the registry",
        openapi_extra=refuses(*REFUSED_ACTS, *REFUSED_RECEIPTS, IdempotencyAnswerGone),
        responses={200: {"model": PrefillAnswer, "links": {"discrepancy": _DISPUTE}}},
    )
    router.add_api_route(
        "/discrepancies",
        _file,
        methods=["POST"],
        operation_id="file_discrepancy",
        summary="Say that a field of the registry is not so",
        status_code=201,
        openapi_extra=refuses(FieldUnknown, NotFound, RequestInvalid),
        responses={201: {"model": DiscrepancyAnswer}},
    )
    return router


async def _prefill(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("prefill"))],
    body: Annotated[PrefillBody, Depends(StrictBody(PrefillBody))],
    once: AtMostOnce,
) -> Response:
    wanted = PrefillRequest(
        receipt=body.receipt,
        verification=body.verification,
        procedure=body.procedure,
        dossier=body.dossier,
        subject_role=body.subject_role,
        fields=tuple(body.fields),
        initiated_by=body.initiated_by.to_model(),
    )
    parts = gateway_of(request).parts

    async def make() -> KeptAnswer:
        prefill = await prefill_form(parts, place, caller, wanted)
        return keepable(shape_prefill(place, prefill), verification=prefill.verification, personal=True)

    async def allow(kept: dict[str, Any]) -> None:
        await replay_prefill(parts, place, caller, wanted, read_kept_form(kept))

    return await once.answer(caller, make, allow=allow)


async def _file(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("prefill"))],
    body: Annotated[DiscrepancyBody, Depends(StrictBody(DiscrepancyBody))],
    once: AtMostOnce,
) -> Response:
    filing = Filing(prefill=body.prefill, field=body.field, note=body.note)
    parts = gateway_of(request).parts

    async def make() -> KeptAnswer:
        return keepable(shape_discrepancy(await file_discrepancy(parts, place, caller, filing)), status=201)

    return await once.answer(caller, make)
