"""Answer a request with an `Idempotency-Key` once: the first request has a lease, a repeated one gets the kept answer.

Only a successful answer is kept, before it is sent. A failure frees the key at once; if the worker died, the key is free
when the lease ends. A kept answer is sent again only after the checks have run again and if it is still true. This is a
delivery with its own audit row, durable before the answer is sent. Nothing is asked, and no budget changes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.accounts.model import Caller
from gateway.audit.model import AuditEntry, Kind
from gateway.enquiries import idempotency_store
from gateway.enquiries.authorise import authorise_enquiry, authorise_prefill, list_under_correction
from gateway.enquiries.checks import Rights, check_rights, of_verification, refusals_recorded
from gateway.enquiries.idempotency_store import (
    KEPT,
    KEPT_PERSONAL,
    Envelope,
    KeptAnswer,
    KeyedRequest,
    StoredRequest,
    open_envelope,
)
from gateway.enquiries.model import Enquiry, PrefillRequest, Verdict
from gateway.enquiries.receipts import check_live, get_verification, open_receipt
from gateway.errors import FieldError
from gateway.errors.requests import (
    IdempotencyAnswerGone,
    IdempotencyConflict,
    IdempotencyInProgress,
    Overloaded,
)
from gateway.identifiers import new_identifier
from gateway.keys.model import Purpose
from gateway.profiles.model import Dependencies, Place
from gateway.storage.database import Transaction

MakeAnswer = Callable[[], Awaitable[KeptAnswer]]
CheckReplay = Callable[[KeptAnswer], Awaitable[None]]

REPLAY = "replay"
"""The origin in the audit row of a repeated answer."""

_ROUNDS = 2  # a verification and its prefill, each within the deadline
_GRACE_S = 5
_TRIES = 3

log = structlog.get_logger("gateway.idempotency")


async def answer_once(
    deps: Dependencies, place: Place, request: KeyedRequest, *, make: MakeAnswer, check_replay: CheckReplay
) -> KeptAnswer:
    """Return the answer of `make`, and keep it; or the kept answer, unless `check_replay` raises.

    Raises:
        IdempotencyConflict: the key was used with another body.
        IdempotencyInProgress: the same request is being answered.
        IdempotencyAnswerGone: the request was answered, and the answer is deleted.
        Overloaded: the store can't keep the answer.
        What `make` and `check_replay` raise.
    """
    envelope, others = await _find_envelope(deps, place, request)
    begun = await _begin(deps, place, envelope)
    if isinstance(begun, str):
        await _require_only_slot(deps, envelope, begun, others)
        return await _make_and_keep(deps, envelope, begun, make)
    await check_replay(begun)
    return replace(begun, replayed=True)


async def _find_envelope(
    deps: Dependencies, place: Place, request: KeyedRequest
) -> tuple[Envelope, Sequence[Envelope]]:
    """Return the envelope under the serving key; while keys rotate, under the one by which the request is stored. Then the others."""
    serving, *others = [
        open_envelope(key, request) for key in place.keys.accepted(Purpose.IDEMPOTENCY, deps.clock.now())
    ]
    for envelope in others:
        async with deps.database.read() as connection:
            if await idempotency_store.find_request(connection, envelope.slot) is not None:
                return envelope, [each for each in (serving, *others) if each is not envelope]
    return serving, others


async def _require_only_slot(
    deps: Dependencies, envelope: Envelope, lease: str, others: Sequence[Envelope]
) -> None:
    """Give a lease back if the request also has one, or an answer, under another key.

    At the moment of a rotation two workers may each serve another key: both find no row, and each takes its own slot.

    Raises:
        IdempotencyInProgress: it has.
    """
    for other in others:
        async with deps.database.read() as connection:
            found = await idempotency_store.find_request(connection, other.slot)
        if found is not None and (found.status is not None or deps.clock.now() < found.lease_ends_at):
            await _release(deps, envelope, lease)
            raise IdempotencyInProgress


async def _begin(deps: Dependencies, place: Place, envelope: Envelope) -> str | KeptAnswer:
    """Return the kept answer, or the id of a lease for a new one."""
    for _ in range(_TRIES):
        now = deps.clock.now()
        async with deps.database.read() as connection:
            former = await idempotency_store.find_request(connection, envelope.slot)
        if former is not None and now < former.expires_at:
            kept = _read(envelope, former, now)
            if kept is not None:
                return kept
        deadline_ms = place.client.connection.deadline_ms if place.client is not None else 0
        held = StoredRequest(
            body_digest=envelope.body_digest,
            lease=new_identifier("lea"),
            lease_ends_at=now + timedelta(milliseconds=deadline_ms * _ROUNDS, seconds=_GRACE_S),
            expires_at=now + KEPT,
        )
        async with deps.database.write() as connection:
            taken = await idempotency_store.take(connection, envelope.slot, held, former=former)
        if taken:
            return held.lease
    raise IdempotencyInProgress


def _read(envelope: Envelope, held: StoredRequest, now: datetime) -> KeptAnswer | None:
    """Return the kept answer; None if the lease has ended without one."""
    if not envelope.is_for(held.body_digest):
        detail = "sent before with another body; use a new key"
        raise IdempotencyConflict(
            errors=(FieldError(field="Idempotency-Key", code="idempotency_conflict", detail=detail),)
        )
    if held.status is None:
        if now < held.lease_ends_at:
            raise IdempotencyInProgress
        return None
    if held.sealed is None or held.answer_ends_at is None or held.answer_ends_at <= now:
        raise IdempotencyAnswerGone(verification=held.verification)
    body = envelope.unseal(held.status, held.sealed)
    return KeptAnswer(status=held.status, body=body, verification=held.verification)


async def _make_and_keep(deps: Dependencies, envelope: Envelope, lease: str, make: MakeAnswer) -> KeptAnswer:
    kept = False
    try:
        answer = await make()
        await _keep(deps, envelope, lease, answer)
        kept = True
        return answer
    finally:
        if not kept:
            await _release(deps, envelope, lease)


async def _keep(deps: Dependencies, envelope: Envelope, lease: str, answer: KeptAnswer) -> None:
    """Store the answer. Raises `IdempotencyInProgress` if the lease has ended and another worker has one."""
    now = deps.clock.now()
    async with deps.database.write() as connection:
        kept = await idempotency_store.keep(
            connection,
            envelope.slot,
            lease,
            status=answer.status,
            sealed=envelope.seal(answer.status, answer.body),
            verification=answer.verification,
            answer_ends_at=now + (KEPT_PERSONAL if answer.personal else KEPT),
        )
    if not kept:
        log.warning("lease_lost", route=envelope.slot.route)
        raise IdempotencyInProgress


async def _release(deps: Dependencies, envelope: Envelope, lease: str) -> None:
    """Free the key; if the store can't be reached, the lease ends by itself."""
    try:
        async with deps.database.write() as connection:
            await idempotency_store.release_slot(connection, envelope.slot, lease)
    except Overloaded:
        log.warning("lease_left", route=envelope.slot.route)


async def replay_verification(
    deps: Dependencies, place: Place, caller: Caller, enquiry: Enquiry, kept: Mapping[str, Any]
) -> None:
    """Check a kept verification with its filled form, and record the repeated delivery.

    Raises:
        What `verify_and_prefill` raises before it asks anything.
        VerificationExpired, VerificationInvalidated: it was confirmed, and has ended.
        IdempotencyAnswerGone: a filled field has been disputed meanwhile.
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of the call has ended.
    """
    authorised = await authorise_enquiry(deps, place, caller, enquiry)
    async with refusals_recorded(deps, authorised.entry) as refusals:
        found = await get_verification(deps, place, caller, kept["id"])
        rights = authorised.rights
        if found.verdict is Verdict.CONFIRMED:
            check_live(found, deps.clock.now())
            rights = replace(rights, verification=found.id)
        refusals.entry = of_verification(authorised.entry, found)
        outcome: str = found.verdict.value
        filled: tuple[str, ...] = ()
        if form := kept["prefill"]:
            outcome, filled = form["id"], _list_filled(form)
            _refuse_disputed(filled, await list_under_correction(deps, place, found), found.id)
        await _record_replay(deps, refusals.entry, rights, outcome=outcome, fields=filled)


async def replay_prefill(
    deps: Dependencies, place: Place, caller: Caller, request: PrefillRequest, kept: Mapping[str, Any]
) -> None:
    """Check a kept prefill, and record the repeated delivery.

    Raises:
        What `prefill_form` raises before it asks anything.
        IdempotencyAnswerGone: a filled field has been disputed meanwhile.
    """
    prefill = await authorise_prefill(deps, place, caller, request)
    filled = _list_filled(kept)
    async with refusals_recorded(deps, prefill.entry):
        _refuse_disputed(filled, prefill.under_correction, prefill.verification.id)
        await _record_replay(deps, prefill.entry, prefill.rights, outcome=kept["id"], fields=filled)


async def replay_receipt_check(
    deps: Dependencies, place: Place, caller: Caller, raw: str, kept: Mapping[str, Any]
) -> None:
    """Check that a receipt that was valid still is.

    Raises:
        ReceiptInvalid, VerificationExpired, VerificationInvalidated
    """
    _, verification = await open_receipt(deps, place, caller, raw)
    if kept["valid"]:
        check_live(verification, deps.clock.now())


def _list_filled(form: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name, field in form["fields"].items() if field["state"] == "filled")


def _refuse_disputed(filled: Sequence[str], under_correction: frozenset[str], verification_id: str) -> None:
    if not under_correction.isdisjoint(filled):
        raise IdempotencyAnswerGone(verification=verification_id)


async def _record_replay(
    deps: Dependencies, entry: AuditEntry, rights: Rights, *, outcome: str, fields: tuple[str, ...]
) -> None:
    """Record a repeated answer with the names of its fields, if no right to it has ended."""

    async def change(transaction: Transaction) -> None:
        await check_rights(transaction, rights, deps.clock.now())

    delivered = replace(
        entry, at=deps.clock.now(), kind=Kind.DELIVERED, origin=REPLAY, outcome=outcome, fields=fields
    )
    await deps.audit.record(delivered, change=change)
