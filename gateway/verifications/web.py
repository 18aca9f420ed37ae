"""Verifications, receipts and the ledger over HTTP: parse, call one use case, shape the answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.edge.answers import respond
from gateway.edge.bodies import StrictBody, check_acceptable, check_empty
from gateway.edge.guards import refuses
from gateway.errors import ReceiptInvalid
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.prefills.one_trip import verify_and_fill
from gateway.verifications.answers import (
    EvaluationAnswer,
    LedgerAnswer,
    ReceiptCheckAnswer,
    VerificationAnswer,
    shape_check,
    shape_entry,
    shape_evaluation,
    shape_verification,
)
from gateway.verifications.bodies import EvaluationBody, ReceiptBody, VerificationBody
from gateway.verifications.document import AFTER_VERIFYING, REFUSED_ACTS, REFUSED_QUESTIONS, UNKNOWN_ACTS
from gateway.verifications.evaluate import evaluate
from gateway.verifications.model import Enquiry, Origin
from gateway.verifications.revoke import revoke_verification
from gateway.verifications.use_cases import check_receipt, get_verification, show_ledger


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["verifications"])
    router.add_api_route(
        "/verifications",
        _verify,
        methods=["POST"],
        operation_id="verify_citizen",
        summary="Verify a citizen once",
        status_code=201,
        openapi_extra=refuses(*REFUSED_ACTS, *REFUSED_QUESTIONS),
        responses={
            200: {
                "model": VerificationAnswer,
                "description": "Reused: the registry was not asked",
                "links": AFTER_VERIFYING,
            },
            201: {
                "model": VerificationAnswer,
                "description": "The registry was asked",
                "links": AFTER_VERIFYING,
            },
        },
    )
    router.add_api_route(
        "/verifications/{verification_id}",
        _get,
        methods=["GET"],
        operation_id="get_verification",
        summary="One of the account's own verifications",
        responses={200: {"model": VerificationAnswer}},
    )
    router.add_api_route(
        "/verifications/{verification_id}/revoke",
        _revoke,
        methods=["POST"],
        operation_id="revoke_verification",
        summary="End one of the account's own verifications",
        responses={200: {"model": VerificationAnswer}},
    )
    router.add_api_route(
        "/evaluations",
        _evaluate,
        methods=["POST"],
        operation_id="evaluate_fields",
        summary="Would these fields be refused?",
        openapi_extra=refuses(*UNKNOWN_ACTS),
        responses={200: {"model": EvaluationAnswer}},
    )
    router.add_api_route(
        "/receipts/check",
        _check,
        methods=["POST"],
        operation_id="check_receipt",
        summary="Does a receipt still stand?",
        openapi_extra=refuses(ReceiptInvalid),
        responses={200: {"model": ReceiptCheckAnswer}},
    )
    router.add_api_route(
        "/ledger",
        _ledger,
        methods=["POST"],
        operation_id="show_ledger",
        summary="The organisation's own enquiries on a citizen",
        openapi_extra=refuses(ReceiptInvalid),
        responses={200: {"model": LedgerAnswer}},
    )
    return router


async def _verify(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[VerificationBody, Depends(StrictBody(VerificationBody))],
) -> Response:
    parts = gateway_of(request).parts
    enquiry = Enquiry(
        procedure=body.procedure,
        dossier=body.dossier,
        subject_role=body.subject_role,
        claim=body.claim.to_model(),
        initiated_by=body.initiated_by.to_model(),
        fresh=body.fresh,
        fields=tuple(body.prefill.fields) if body.prefill else (),
    )
    trip = await verify_and_fill(parts, place, request.app.state.flights, caller, enquiry)
    found, origin = trip.outcome.verification, trip.outcome.origin
    answer = shape_verification(place, found, origin, parts.clock.now(), trip.prefill)
    return respond(answer, status=201 if origin is Origin.REGISTRY else 200)


async def _get(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    acceptable: Annotated[None, Depends(check_acceptable)],
    verification_id: str,
) -> Response:
    del acceptable
    parts = gateway_of(request).parts
    found = await get_verification(parts, place, caller, verification_id)
    return respond(shape_verification(place, found, found.origin, parts.clock.now()))


async def _revoke(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    empty: Annotated[None, Depends(check_empty)],
    verification_id: str,
) -> Response:
    del empty
    parts = gateway_of(request).parts
    ended = await revoke_verification(parts, place, caller, verification_id)
    return respond(shape_verification(place, ended, ended.origin, parts.clock.now()))


async def _evaluate(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[EvaluationBody, Depends(StrictBody(EvaluationBody))],
) -> Response:
    del place  # the caller was identified at it
    evaluation = evaluate(
        gateway_of(request).parts,
        caller,
        procedure=body.procedure,
        subject_role=body.subject_role,
        fields=body.fields,
    )
    return respond(shape_evaluation(evaluation))


async def _check(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[ReceiptBody, Depends(StrictBody(ReceiptBody))],
) -> Response:
    return respond(shape_check(await check_receipt(gateway_of(request).parts, place, caller, body.receipt)))


async def _ledger(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("ledger"))],
    body: Annotated[ReceiptBody, Depends(StrictBody(ReceiptBody))],
) -> Response:
    rows = await show_ledger(gateway_of(request).parts, place, caller, body.receipt)
    return respond(LedgerAnswer(entries=[shape_entry(row) for row in rows]))
