"""Verifications, receipts and prefills over HTTP: parse, call one use case, shape the answer.

Each route has one dependency, `Checks` or `KeyedChecks` (`call_web.py`), which runs the contract's checks in their order.
"""

import json
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.citizens.web import CitizenBearer
from gateway.edge.requests import StrictBody, check_acceptable, check_empty
from gateway.edge.responses import WHOLE_BODY, add_route, respond
from gateway.enquiries.authorise import evaluate
from gateway.enquiries.call_web import (
    AFTER_VERIFYING,
    REFUSED_ENQUIRIES,
    REFUSED_QUESTIONS,
    REFUSED_RECEIPTS,
    UNKNOWN_ENQUIRIES,
    KeyedCall,
    KeyedChecks,
    to_kept_answer,
)
from gateway.enquiries.idempotency import replay_prefill, replay_receipt_check, replay_verification
from gateway.enquiries.idempotency_store import KeptAnswer
from gateway.enquiries.model import Enquiry, Origin, PrefillRequest
from gateway.enquiries.prefill import prefill_form
from gateway.enquiries.receipts import (
    get_verification,
    open_receipt,
    prove_receipt,
    revoke_verification,
    show_ledger,
)
from gateway.enquiries.requests import (
    EvaluationBody,
    PrefillBody,
    ReceiptBody,
    VerificationBody,
)
from gateway.enquiries.responses import (
    EvaluationAnswer,
    LedgerAnswer,
    PrefillAnswer,
    ReceiptCheckAnswer,
    VerificationAnswer,
    shape_check,
    shape_evaluation,
    shape_ledger,
    shape_prefill,
    shape_verification,
)
from gateway.enquiries.verify import verify_and_prefill
from gateway.errors.requests import (
    IdempotencyAnswerGone,
    NotFound,
    Overloaded,
    ProofPending,
    ReceiptInvalid,
    StoreUnavailable,
    VerificationExpired,
    VerificationInvalidated,
)
from gateway.oauth.web import Call, Checks, gateway_of


def build_router() -> APIRouter:
    """Return the routes of every place."""
    router = APIRouter(prefix="/{profile}/v1")
    show, act = partial(add_route, router, "GET"), partial(add_route, router, "POST")
    act(
        "/verifications",
        _verify_citizen,
        "Verify a citizen once",
        VerificationAnswer,
        *(*REFUSED_ENQUIRIES, VerificationExpired, *REFUSED_QUESTIONS, IdempotencyAnswerGone, Overloaded),
        status=201,
        description="The registry was asked",
        also={200: "A live verification was reused; the registry was not asked"},
        links=AFTER_VERIFYING,
    )
    path, summary = "/verifications/{verification_id}", "One of the account's own verifications"
    show(path, _get_verification, summary, VerificationAnswer)
    summary = "End one of the account's own verifications"
    act(f"{path}/revoke", _revoke_verification, summary, VerificationAnswer)
    summary, refused = "Check whether fields would be refused", (*UNKNOWN_ENQUIRIES, IdempotencyAnswerGone)
    act("/evaluations", _evaluate_fields, summary, EvaluationAnswer, *refused)
    summary = "Check whether a receipt is still valid"
    ended = (ReceiptInvalid, VerificationExpired, VerificationInvalidated)
    act("/receipts/check", _check_receipt, summary, ReceiptCheckAnswer, *ended)
    path = "/receipts/{verification_id}/proof"
    summary = "The signed tree has the row that a receipt promises (C2SP tlog-proof)"
    show(path, _prove_receipt, summary, "text/plain", NotFound, ProofPending, StoreUnavailable)
    summary = "The organisation's own enquiries on a citizen"
    act("/ledger", _show_ledger, summary, LedgerAnswer, ReceiptInvalid, IdempotencyAnswerGone)
    refused = (*REFUSED_ENQUIRIES, *REFUSED_RECEIPTS, IdempotencyAnswerGone)
    links = {"discrepancy": _DISPUTE}
    act("/prefills", _prefill_form, "Fill a form from the registry", PrefillAnswer, *refused, links=links)
    return router


_DISPUTE = {
    "operationId": "file_discrepancy",
    "description": "The registry's value is wrong.",
    "parameters": {"profile": "$response.body#/profile"},
    "requestBody": {"prefill": "$response.body#/id", "field": "full_name", "note": "Sai tên đệm"},
    **WHOLE_BODY,
}


async def _verify_citizen(
    call: Annotated[
        KeyedCall[VerificationBody],
        Depends(KeyedChecks(CitizenBearer("verify", required=False), StrictBody(VerificationBody))),
    ],
) -> Response:
    deps, place, caller, body = call.deps, call.place, call.caller, call.body
    enquiry = Enquiry(
        procedure=body.procedure,
        dossier=body.dossier,
        subject_role=body.subject_role,
        claim=body.claim.to_model(),
        initiated_by=body.initiated_by.to_model(),
        fresh=body.fresh,
        fields=tuple(body.prefill.fields) if body.prefill else (),
    )
    state = call.request.app.state

    async def make() -> KeptAnswer:
        outcome, prefill = await verify_and_prefill(deps, place, state.singleflight, caller, enquiry)
        found, origin = outcome.verification, outcome.origin
        labels = (place.profile.value, found.procedure, origin.value, found.verdict.value)
        state.metrics.of_verifications(*labels).inc()
        return to_kept_answer(
            shape_verification(place, found, origin, deps.clock.now(), prefill),
            status=201 if origin is Origin.REGISTRY else 200,
            verification=found.id,
            personal=prefill is not None,
        )

    async def check_replay(kept: dict[str, Any]) -> None:
        await replay_verification(deps, place, caller, enquiry, kept)

    return await call.answer(make, check_replay=check_replay)


async def _get_verification(
    call: Annotated[Call[None], Depends(Checks("verify", check_acceptable))], verification_id: str
) -> Response:
    found = await get_verification(call.deps, call.place, call.caller, verification_id)
    return respond(shape_verification(call.place, found, found.origin, call.deps.clock.now()))


async def _revoke_verification(
    call: Annotated[KeyedCall[None], Depends(KeyedChecks("verify", check_empty))], verification_id: str
) -> Response:
    async def make() -> KeptAnswer:
        ended = await revoke_verification(call.deps, call.place, call.caller, verification_id)
        answer = shape_verification(call.place, ended, ended.origin, call.deps.clock.now())
        return to_kept_answer(answer, verification=ended.id)

    return await call.answer(make)


async def _evaluate_fields(
    call: Annotated[KeyedCall[EvaluationBody], Depends(KeyedChecks("verify", StrictBody(EvaluationBody)))],
) -> Response:
    async def make() -> KeptAnswer:
        body = call.body
        found = await evaluate(
            call.deps,
            call.place,
            call.caller,
            procedure=body.procedure,
            subject_role=body.subject_role,
            fields=body.fields,
            officer=body.initiated_by.id if body.initiated_by else None,
        )
        return to_kept_answer(shape_evaluation(found))

    async def check_replay(kept: dict[str, Any]) -> None:
        if kept != json.loads((await make()).body):
            raise IdempotencyAnswerGone

    return await call.answer(make, check_replay=check_replay)


async def _check_receipt(
    call: Annotated[KeyedCall[ReceiptBody], Depends(KeyedChecks("verify", StrictBody(ReceiptBody)))],
) -> Response:
    async def make() -> KeptAnswer:
        _, found = await open_receipt(call.deps, call.place, call.caller, call.body.receipt)
        return to_kept_answer(shape_check(found, call.deps.clock.now()), verification=found.id)

    async def check_replay(kept: dict[str, Any]) -> None:
        await replay_receipt_check(call.deps, call.place, call.caller, call.body.receipt, kept)

    return await call.answer(make, check_replay=check_replay)


async def _prove_receipt(
    call: Annotated[Call[None], Depends(Checks("audit.read", check_acceptable))], verification_id: str
) -> Response:
    cosigned = gateway_of(call.request).copies.cosigned
    proof = await prove_receipt(call.deps, call.place, call.caller, verification_id, cosigned=cosigned)
    return Response(proof, media_type="text/plain; charset=utf-8")


async def _show_ledger(
    call: Annotated[KeyedCall[ReceiptBody], Depends(KeyedChecks("ledger", StrictBody(ReceiptBody)))],
) -> Response:
    async def make() -> KeptAnswer:
        rows, has_earlier = await show_ledger(call.deps, call.place, call.caller, call.body.receipt)
        return to_kept_answer(shape_ledger(rows, has_earlier=has_earlier), personal=True)

    async def check_replay(kept: dict[str, Any]) -> None:
        del kept  # a ledger stays true; only the receipt is checked again
        await open_receipt(call.deps, call.place, call.caller, call.body.receipt)

    return await call.answer(make, check_replay=check_replay)


async def _prefill_form(
    call: Annotated[KeyedCall[PrefillBody], Depends(KeyedChecks("prefill", StrictBody(PrefillBody)))],
) -> Response:
    body = call.body
    request = PrefillRequest(
        receipt=body.receipt,
        verification=body.verification,
        procedure=body.procedure,
        dossier=body.dossier,
        subject_role=body.subject_role,
        fields=tuple(body.fields),
        initiated_by=body.initiated_by.to_model(),
    )

    async def make() -> KeptAnswer:
        prefill = await prefill_form(call.deps, call.place, call.caller, request)
        return to_kept_answer(
            shape_prefill(call.place, prefill), verification=prefill.verification, personal=True
        )

    async def check_replay(kept: dict[str, Any]) -> None:
        await replay_prefill(call.deps, call.place, call.caller, request, kept)

    return await call.answer(make, check_replay=check_replay)
