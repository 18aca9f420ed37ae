"""Prefills over HTTP: parse, call one use case, shape the answer."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from gateway.clock import rfc3339
from gateway.edge.bodies import REPEATED, Body, StrictBody
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.prefills.model import Filled, Prefill, PrefillRequest, ToDeclare
from gateway.prefills.prefill import prefill_form
from gateway.profiles.model import Place
from gateway.verifications.web import Dossier, InitiatedByBody, Word

SOURCE = "csdlqgdc"


class PrefillBody(Body):
    """`POST /prefills`: a receipt or a verification's id, and the fields wanted."""

    receipt: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    verification: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    procedure: Word = Field(examples=["khai-sinh"])
    dossier: Dossier
    subject_role: Word = Field(examples=["requester"])
    fields: Annotated[list[Word], Field(min_length=1, max_length=64)]
    initiated_by: InitiatedByBody

    @field_validator("fields")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        for position, name in enumerate(value):
            if name in value[:position]:
                raise PydanticCustomError(REPEATED, "each field once", {"position": position})
        return value

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if (self.receipt is None) == (self.verification is None):
            raise PydanticCustomError("one_reference", "exactly one of receipt and verification")
        return self


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["prefills"])
    router.add_api_route("/prefills", _prefill, methods=["POST"], summary="Fill a form from the registry")
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
    return JSONResponse(shape_prefill(place, prefill))


def shape_prefill(place: Place, prefill: Prefill) -> dict[str, Any]:
    """Return the contract's members."""
    return {
        "id": prefill.id,
        "profile": prefill.profile.value,
        "test_data": place.test_data,
        "verification": prefill.verification,
        "fields": {name: _shape_field(field) for name, field in prefill.fields.items()},
        "to_declare": [{"field": name, "reason": reason.value} for name, reason in prefill.to_declare],
    }


def _shape_field(field: Filled | ToDeclare) -> dict[str, Any]:
    if isinstance(field, ToDeclare):
        return {"state": "to_declare", "reason": field.reason.value}
    return {
        "state": "filled",
        "value": field.value,
        "locked": True,
        "source": SOURCE,
        "as_of": rfc3339(field.as_of) if field.as_of else None,
        "retrieved_at": rfc3339(field.retrieved_at),
    }
