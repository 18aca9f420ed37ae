"""Verifications, receipts and the ledger over HTTP: parse, call one use case, shape the answer."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.edge.answers import respond
from gateway.edge.bodies import StrictBody, check_acceptable, check_empty
from gateway.edge.guards import refuses
from gateway.errors.idempotency import IdempotencyAnswerGone
from gateway.errors.verifications import ReceiptInvalid, VerificationExpired, VerificationInvalidated
from gateway.idempotency.model import KeptAnswer
from gateway.idempotency.web import AtMostOnce, AtMostOncePath, check_unchanged, keepable
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, Bearer, gateway_of
from gateway.prefills.one_trip import verify_and_fill
from gateway.prefills.replay import read_kept_form, replay_trip
from gateway.verifications.answers import (
    EvaluationAnswer,
    LedgerAnswer,
    ReceiptCheckAnswer,
    VerificationAnswer,
    shape_check,
    shape_evaluation,
    shape_ledger,
    shape_verification,
)
from gateway.verifications.bodies import EvaluationBody, ReceiptBody, VerificationBody
from gateway.verifications.document import AFTER_VERIFYING, REFUSED_ACTS, REFUSED_QUESTIONS, UNKNOWN_ACTS
from gateway.verifications.evaluate import evaluate
from gateway.verifications.model import Enquiry, Origin
from gateway.verifications.replay import check_receipt_again
from gateway.verifications.revoke import revoke_verification
from gateway.verifications.use_cases import check_receipt, get_verification, open_receipt, show_ledger


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1", tags=["verifications"])
    _add_verifications(router)
    _add_readings(router)
    return router


def _add_verifications(router: APIRouter) -> None:
    router.add_api_route(
        "/verifications",
        _verify,
        methods=["POST"],
        operation_id="verify_citizen",
        summary="Verify a citizen once",
        status_code=201,
        openapi_extra=refuses(*REFUSED_ACTS, VerificationExpired, *REFUSED_QUESTIONS, IdempotencyAnswerGone),
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


def _add_readings(router: APIRouter) -> None:
    """Add what asks the registry nothing and changes nothing."""
    router.add_api_route(
        "/evaluations",
        _evaluate,
        methods=["POST"],
        operation_id="evaluate_fields",
        summary="Would these fields be refused?",
        openapi_extra=refuses(*UNKNOWN_ACTS, IdempotencyAnswerGone),
        responses={200: {"model": EvaluationAnswer}},
    )
    router.add_api_route(
        "/receipts/check",
        _check,
        methods=["POST"],
        operation_id="check_receipt",
        summary="Does a receipt still stand?",
        openapi_extra=refuses(ReceiptInvalid, VerificationExpired, VerificationInvalidated),
        responses={200: {"model": ReceiptCheckAnswer}},
    )
    router.add_api_route(
        "/ledger",
        _ledger,
        methods=["POST"],
        operation_id="show_ledger",
        summary="The organisation's own enquiries on a citizen",
        openapi_extra=refuses(ReceiptInvalid, IdempotencyAnswerGone),
        responses={200: {"model": LedgerAnswer}},
    )


async def _verify(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[VerificationBody, Depends(StrictBody(VerificationBody))],
    once: AtMostOnce,
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

    async def make() -> KeptAnswer:
        trip = await verify_and_fill(parts, place, request.app.state.flights, caller, enquiry)
        found, origin = trip.outcome.verification, trip.outcome.origin
        answer = shape_verification(place, found, origin, parts.clock.now(), trip.prefill)
        request.app.state.metrics.count_verification(
            profile=place.profile.value, origin=origin.value, verdict=found.verdict.value
        )
        status = 201 if origin is Origin.REGISTRY else 200
        return keepable(answer, status=status, verification=found.id, personal=trip.prefill is not None)

    async def allow(kept: dict[str, Any]) -> None:
        form = read_kept_form(kept["prefill"]) if kept["prefill"] else None
        await replay_trip(parts, place, caller, enquiry, kept["id"], form)

    return await once.answer(caller, make, allow=allow)


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
    once: AtMostOncePath,
    verification_id: str,
) -> Response:
    del empty
    parts = gateway_of(request).parts

    async def make() -> KeptAnswer:
        ended = await revoke_verification(parts, place, caller, verification_id)
        answer = shape_verification(place, ended, ended.origin, parts.clock.now())
        return keepable(answer, verification=ended.id)

    return await once.answer(caller, make)


async def _evaluate(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[EvaluationBody, Depends(StrictBody(EvaluationBody))],
    once: AtMostOnce,
) -> Response:
    del place  # the caller was identified at it
    act = {"procedure": body.procedure, "subject_role": body.subject_role}

    def shape() -> EvaluationAnswer:
        return shape_evaluation(evaluate(gateway_of(request).parts, caller, **act, fields=body.fields))

    async def make() -> KeptAnswer:
        return keepable(shape())

    async def allow(kept: dict[str, Any]) -> None:
        check_unchanged(kept, shape())

    return await once.answer(caller, make, allow=allow)


async def _check(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("verify"))],
    body: Annotated[ReceiptBody, Depends(StrictBody(ReceiptBody))],
    once: AtMostOnce,
) -> Response:
    parts = gateway_of(request).parts

    async def make() -> KeptAnswer:
        check = await check_receipt(parts, place, caller, body.receipt)
        return keepable(shape_check(check), verification=check.verification.id)

    async def allow(kept: dict[str, Any]) -> None:
        await check_receipt_again(parts, place, caller, body.receipt, valid=kept["valid"])

    return await once.answer(caller, make, allow=allow)


async def _ledger(
    request: Request,
    place: AtPlace,
    caller: Annotated[Caller, Depends(Bearer("ledger"))],
    body: Annotated[ReceiptBody, Depends(StrictBody(ReceiptBody))],
    once: AtMostOnce,
) -> Response:
    parts = gateway_of(request).parts

    async def make() -> KeptAnswer:
        rows, has_earlier = await show_ledger(parts, place, caller, body.receipt)
        return keepable(shape_ledger(rows, has_earlier=has_earlier), personal=True)

    async def allow(kept: dict[str, Any]) -> None:
        del kept  # what was recorded by then; whether the receipt is this account's is asked again
        await open_receipt(parts, place, caller, body.receipt)

    return await once.answer(caller, make, allow=allow)
