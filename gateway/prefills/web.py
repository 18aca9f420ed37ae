"""Prefills over HTTP: parse, call one use case, shape the answer."""

from typing import Annotated, Self

from fastapi import APIRouter, Depends, Request
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from gateway.edge.answers import respond
from gateway.edge.bodies import Body, StrictBody
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.prefills.answers import PrefillAnswer, shape_prefill
from gateway.prefills.model import PrefillRequest
from gateway.prefills.prefill import prefill_form
from gateway.verifications.bodies import Dossier, Fields, InitiatedByBody, Word


class PrefillBody(Body):
    """`POST /prefills`: a receipt or a verification's id, and the fields wanted."""

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


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["prefills"])
    router.add_api_route(
        "/prefills",
        _prefill,
        methods=["POST"],
        summary="Fill a form from the registry",
        responses={200: {"model": PrefillAnswer}},
    )
    return router


async def _prefill(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("prefill"))],
    body: Annotated[PrefillBody, Depends(StrictBody(PrefillBody))],
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
    prefill = await prefill_form(gateway_of(request).parts, place, caller, wanted)
    return respond(shape_prefill(place, prefill))
