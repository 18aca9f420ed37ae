"""One packet to the registry and the rows that stand for it: what goes out, how it failed, what it brought."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryRefused
from gateway.errors.verifications import VerificationInvalidated
from gateway.identifiers import new_request_code
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.profiles.model import Link
from gateway.registry.model import Question
from gateway.verifications import budgets, flights_store, store, volume
from gateway.verifications.act import Act
from gateway.verifications.evidence import refusals_recorded
from gateway.verifications.flights_store import Landing
from gateway.verifications.model import Verdict, Verification
from gateway.verifications.rights import ENDED_RIGHTS, check_rights, find_ended


def new_question(parts: Parts, act: Act, link: Link) -> Question:
    """Return the yes-or-no question of an act, under a request code of its own and with the profile's deadline."""
    connection = link.connection
    return Question(
        profile=act.place.profile,
        revision=connection.revision,
        operation=Operation.AUTHENTICATE,
        request_code=new_request_code(),
        procedure=act.procedure.slug,
        service_code=act.procedure.service_code,
        officer=act.enquiry.initiated_by.officer or connection.officer,
        claim=act.enquiry.claim,
        deadline=parts.clock.monotonic() + connection.deadline_ms / 1000,
    )


def packet_entry(act: Act, question: Question) -> AuditEntry:
    """Return the template of the rows of a packet."""
    return replace(
        act.entry, operation=question.operation.value, request_code=question.request_code, origin="registry"
    )


async def record_failure(parts: Parts, entry: AuditEntry, error: GatewayError, key: str) -> None:
    """Give back the place in the budgets and say how the flight ended; a right that ended leaves a refusal's row too."""
    code, now = find_problem(error).code, parts.clock.now()
    registry_code = error.registry_code if isinstance(error, RegistryRefused) else None

    async def change(transaction: Transaction) -> None:
        await budgets.give_back(transaction, entry.act)
        landing = Landing(at=now, failure=code, registry_code=registry_code)
        await flights_store.land(transaction, entry.act, landing, key=key)

    answered = replace(entry, at=now, kind=Kind.ANSWERED, outcome=code)
    refused = [refused_entry(entry, error, now)] if isinstance(error, ENDED_RIGHTS) else []
    await parts.audit.record(answered, *refused, change=change, owed=True)


async def record_answer(
    parts: Parts, act: Act, entry: AuditEntry, verification: Verification, key: str
) -> None:
    """Keep the verification that a flight brought, with its row; a `not_confirmed` ends what was confirmed before.

    Where a right ended while it was asked, the row stays and a refusal's beside it. A `confirmed` is then not kept;
    a `not_confirmed` is, since a wrong claim counts.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended: nothing may be delivered.
        VerificationInvalidated: the claim was revoked meanwhile, whoever may have asked it since; or the flight's lease
            was over, when a revocation would no longer have found it.
    """
    refusals: list[GatewayError] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        refusals.clear()
        now = parts.clock.now()
        ended = await find_ended(transaction, act.rights, now)
        wrong = verification.verdict is Verdict.NOT_CONFIRMED
        landing = Landing(at=now, verification=verification.id)
        if ended is not None and not wrong:
            landing = Landing(at=now, failure=find_problem(ended).code)
        landed = await flights_store.land(transaction, entry.act, landing, key=key)
        if not landed and ended is None and not wrong:
            ended = VerificationInvalidated()
        await budgets.give_back(transaction, entry.act)
        if not wrong:
            await volume.count_answered(transaction, parts, act.place, verification.client_id)
        rows = [replace(answered_entry(parts, entry, verification), verification=None)]
        if ended is None or wrong:
            rows = await _keep(transaction, parts, act, entry, verification)
        if ended is None:
            return rows
        refusals.append(ended)
        return [*rows, refused_entry(entry, ended, now)]

    await parts.audit.commit(decide, owed=True)
    if refusals:
        raise refusals[0]


async def record_share(
    parts: Parts, act: Act, entry: AuditEntry, verification: Verification, *, is_new: bool
) -> None:
    """Record that an act was given the answer to another's question; `is_new`: as a verification of its own, kept here.

    Raises:
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of this call ended while it waited.
    """

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        await check_rights(transaction, act.rights, parts.clock.now())
        if is_new:
            return await _keep(transaction, parts, act, entry, verification)
        return (answered_entry(parts, entry, verification),)

    async with refusals_recorded(parts, act.entry):
        await parts.audit.commit(decide, owed=True)


async def _keep(
    transaction: Transaction, parts: Parts, act: Act, entry: AuditEntry, verification: Verification
) -> list[AuditEntry]:
    """Keep a verification; return its row, and one for what a `not_confirmed` ended."""
    ended = 0
    if verification.verdict is Verdict.NOT_CONFIRMED:
        claim = act.claim_keys(verification.verified_at)
        await budgets.unite(transaction, claim)
        ended = await store.invalidate_claim(transaction, verification, claim.all)
    await store.insert_verification(transaction, verification)
    answered = answered_entry(parts, entry, verification)
    return [answered, replace(answered, kind=Kind.ENDED, outcome="invalidated")] if ended else [answered]


def refused_entry(entry: AuditEntry, error: GatewayError, at: datetime) -> AuditEntry:
    """Return the row of a refusal beside a packet's: the act's, not the packet's."""
    code = find_problem(error).code
    return replace(
        entry, at=at, kind=Kind.REFUSED, outcome=code, operation=None, request_code=None, origin=None
    )


def answered_entry(parts: Parts, entry: AuditEntry, verification: Verification) -> AuditEntry:
    """Return the row that says what an act was answered."""
    return replace(
        entry,
        at=parts.clock.now(),
        kind=Kind.ANSWERED,
        outcome=verification.verdict.value,
        verification=verification.id,
    )
