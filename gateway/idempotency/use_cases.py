"""Answer a request once: the first to come works under a lease, who comes again gets what was kept.

Only success is kept, before it leaves; whatever else happens frees the key at once, or, where the worker is gone,
when its lease ends. What a kept answer still has to pass before it goes out again is its caller's to say (`allow`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.errors import FieldError
from gateway.errors.idempotency import IdempotencyAnswerGone, IdempotencyConflict, IdempotencyInProgress
from gateway.errors.places import Overloaded
from gateway.idempotency import store
from gateway.idempotency.model import KEPT, KEPT_PERSONAL, Held, KeptAnswer, KeyedRequest, Lease
from gateway.idempotency.sealed_answers import Envelope, open_envelope
from gateway.identifiers import new_identifier
from gateway.parts import Parts
from gateway.profiles.model import Place

Make = Callable[[], Awaitable[KeptAnswer]]
Allow = Callable[[KeptAnswer], Awaitable[None]]

_ROUNDS = 2  # a verification and its prefill, each within the deadline
_GRACE_S = 5
_TRIES = 3

log = structlog.get_logger("gateway.idempotency")


async def answer_once(
    parts: Parts, place: Place, request: KeyedRequest, *, make: Make, allow: Allow
) -> KeptAnswer:
    """Return the answer that `make` gives, kept, or the one that was kept, after `allow` let it pass.

    Raises:
        IdempotencyConflict: the key came with another body.
        IdempotencyInProgress: somebody is at work on it.
        IdempotencyAnswerGone: it was answered, and the answer is deleted.
        Overloaded: the store can't keep the answer.
        What `make` and `allow` raise.
    """
    envelope = open_envelope(place.keys, request)
    begun = await _begin(parts, place, envelope)
    if isinstance(begun, Lease):
        return await _make_and_keep(parts, envelope, begun, make)
    await allow(begun)
    return replace(begun, replayed=True)


async def _begin(parts: Parts, place: Place, envelope: Envelope) -> Lease | KeptAnswer:
    """Return the kept answer, or a lease to make one."""
    for _ in range(_TRIES):
        now = parts.clock.now()
        async with parts.database.read() as connection:
            former = await store.find_held(connection, envelope.slot)
        if former is not None and now < former.expires_at:
            kept = _read(envelope, former, now)
            if kept is not None:
                return kept
        lease = Lease(id=new_identifier("lea"), ends_at=now + _lease_length(place))
        held = Held(
            body_digest=envelope.body_digest,
            lease=lease.id,
            lease_ends_at=lease.ends_at,
            expires_at=now + KEPT,
        )
        async with parts.database.write() as connection:
            taken = await store.take(connection, envelope.slot, held, former=former)
        if taken:
            return lease
    raise IdempotencyInProgress


def _read(envelope: Envelope, held: Held, now: datetime) -> KeptAnswer | None:
    """Return the kept answer; None where whoever was at work is gone."""
    if not envelope.is_for(held.body_digest):
        detail = "sent before with another body; take a new key"
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


def _lease_length(place: Place) -> timedelta:
    deadline_ms = place.link.connection.deadline_ms if place.link is not None else 0
    return timedelta(milliseconds=deadline_ms * _ROUNDS, seconds=_GRACE_S)


async def _make_and_keep(parts: Parts, envelope: Envelope, lease: Lease, make: Make) -> KeptAnswer:
    kept = False
    try:
        answer = await make()
        await _keep(parts, envelope, lease, answer)
        kept = True
        return answer
    finally:
        if not kept:
            await _give_up(parts, envelope, lease)


async def _keep(parts: Parts, envelope: Envelope, lease: Lease, answer: KeptAnswer) -> None:
    """Make the answer durable. Raises `IdempotencyInProgress` where the lease ended and another holds it."""
    now = parts.clock.now()
    async with parts.database.write() as connection:
        kept = await store.keep(
            connection,
            envelope.slot,
            lease.id,
            status=answer.status,
            sealed=envelope.seal(answer.status, answer.body),
            verification=answer.verification,
            answer_ends_at=now + (KEPT_PERSONAL if answer.personal else KEPT),
        )
    if not kept:
        log.warning("lease_lost", route=envelope.slot.route)
        raise IdempotencyInProgress


async def _give_up(parts: Parts, envelope: Envelope, lease: Lease) -> None:
    """Free the key; where the store can't now, the lease ends by itself."""
    try:
        async with parts.database.write() as connection:
            await store.give_up(connection, envelope.slot, lease.id)
    except Overloaded:
        log.warning("lease_left", route=envelope.slot.route)
