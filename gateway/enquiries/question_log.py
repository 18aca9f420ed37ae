"""A question to the registry and its audit rows: the question, its failure or its answer.

The row of an answer, the new verification and the end of the lease are one commit (`commits.py`).
"""

import asyncio
import hashlib
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import structlog

from gateway.audit.model import CONTENT, AuditEntry, Kind
from gateway.background import start_task
from gateway.enquiries import budget_store
from gateway.enquiries.authorise import AuthorisedEnquiry
from gateway.enquiries.budget_store import QuestionLease
from gateway.enquiries.budgets import raise_alarms
from gateway.enquiries.checks import ENDED_RIGHTS, refusals_recorded
from gateway.enquiries.commits import (
    ANSWERS,
    FAILURES,
    Answered,
    Failed,
    MustRunAlone,
    refused_entry,
)
from gateway.enquiries.model import Verification
from gateway.errors import GatewayError
from gateway.errors.requests import FieldsError, Overloaded, RegistryRefused
from gateway.identifiers import new_request_code
from gateway.procedures.model import Operation
from gateway.profiles.model import Dependencies
from gateway.registry import dialects
from gateway.registry.model import Question

RELEASE_TRIES, RELEASE_PAUSE_S = 60, 0.25
"""How often, and how far apart, the release of a lease is tried while the store is away; then the lease ends by itself."""

log = structlog.get_logger("gateway.enquiries")

T = TypeVar("T")


def new_question(
    enquiry: AuthorisedEnquiry, operation: Operation, *, begun: float
) -> tuple[Question, AuditEntry]:
    """Return a question of an enquiry, with a new request code and the connection's deadline from `begun` on.

    Beside it the template of its rows; `content` is the HMAC of the digest of the body sent.
    """
    connection = enquiry.client.connection
    question = Question(
        profile=enquiry.place.profile,
        revision=connection.revision,
        operation=operation,
        request_code=new_request_code(enquiry.entry.at),
        procedure=enquiry.procedure.slug,
        service_code=enquiry.procedure.service_code,
        officer=enquiry.request.initiated_by.officer or connection.officer,
        claim=enquiry.claim,
        deadline=begun + connection.deadline_ms / 1000,
        account=enquiry.caller.account.client_id,
    )
    entry = enquiry.entry.copy_with(
        operation=operation.value, request_code=question.request_code, origin="registry"
    )
    # One that can't be written is refused when it is sent, so that its rows say why.
    with suppress(FieldsError):
        written = dialects.write(question, connection)
        digest = hashlib.sha256(written).hexdigest()
        content = enquiry.place.keys.pseudonym(CONTENT, enquiry.caller.account.organisation, digest)
        return replace(question, content=written), entry.copy_with(content=content)
    return question, entry


async def record_failure(
    deps: Dependencies, enquiry: AuthorisedEnquiry, entry: AuditEntry, error: GatewayError, key: str
) -> None:
    """Release the reservation and end the lease with the failure; for an ended right, add a row of the refusal."""
    now = deps.clock.now()
    ended = QuestionLease(
        key=key,
        act=entry.act,
        lease_ends_at=now,
        landed_at=now,
        failure=error.code,
        registry_code=error.registry_code if isinstance(error, RegistryRefused) else None,
    )
    answered = entry.copy_with(at=now, kind=Kind.ANSWERED, outcome=error.code)
    refused = [refused_entry(entry, error, now)] if isinstance(error, ENDED_RIGHTS) else []
    failed = Failed(enquiry=enquiry, lease=ended, entries=[answered, *refused])
    await deps.audit.submit(FAILURES, failed, mandatory=True)


async def record_answer(
    deps: Dependencies, enquiry: AuthorisedEnquiry, entry: AuditEntry, verification: Verification, key: str
) -> None:
    """Store the verification that a question returned, with its row; a `not_confirmed` ends former confirmed ones.

    If a right has ended meanwhile, one row has the answer and another the refusal.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended: nothing may be delivered.
        VerificationInvalidated: the claim was revoked meanwhile, even if it was asked again; or the lease had ended.
    """
    answered = Answered(deps=deps, enquiry=enquiry, entry=entry, verification=verification, key=key)
    ended = await _commit(answered)
    if not answered.is_wrong:
        await raise_alarms(deps, enquiry.place, verification.client_id)
    if ended is not None:
        raise ended


async def record_share(
    deps: Dependencies,
    enquiry: AuthorisedEnquiry,
    entry: AuditEntry,
    verification: Verification,
    *,
    is_new: bool,
) -> None:
    """Record that an enquiry shares the answer to another's question; `is_new`: as a new verification, stored here.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of this call ended while it waited.
    """
    share = Answered(deps=deps, enquiry=enquiry, entry=entry, verification=verification, is_new=is_new)
    async with refusals_recorded(deps, enquiry.entry):
        ended = await _commit(share)
        if ended is not None:
            raise ended


async def _commit(answered: Answered) -> GatewayError | None:
    """Commit an answer with its group, or alone if it ends former verifications. Returns the right that has ended."""
    audit = answered.deps.audit
    ended: GatewayError | None
    try:
        ended = await audit.submit(ANSWERS, answered, mandatory=True)
    except MustRunAlone:
        ended = await audit.submit_alone(ANSWERS, answered, before=answered.end_former, mandatory=True)
    return ended


async def released_on_outage(deps: Dependencies, key: str, act: str, question: Awaitable[T]) -> T:
    """Return the question's result; if its end can't be recorded, release its lease as soon as the store works.

    The store was away between `intended` and `answered`: nothing was delivered, and the row without an answer is closed
    later as `outcome_unknown` (docs/decisions/0032). Otherwise identical claims would wait for the lease's end.
    """
    try:
        return await question
    except Overloaded:
        start_task(_release(deps, key, act), kept_in=deps.tasks)
        raise


async def _release(deps: Dependencies, key: str, act: str) -> None:
    for _ in range(RELEASE_TRIES):
        try:
            async with deps.database.write() as transaction:
                await budget_store.release_unended(transaction, key, act)
        except Overloaded:
            await asyncio.sleep(RELEASE_PAUSE_S)
        else:
            return
    log.warning("lease_left", act=act)
