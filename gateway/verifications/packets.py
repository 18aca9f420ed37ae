"""One packet to the registry and the rows that stand for it: what goes out, how it failed, what it brought."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryRefused
from gateway.identifiers import new_request_code
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.profiles.model import Link
from gateway.registry.model import Question
from gateway.verifications import budgets, flights_store, store, volume
from gateway.verifications.act import Act
from gateway.verifications.model import Verdict, Verification


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
    """Give back the place in the budgets and say how the flight ended."""
    code, now = find_problem(error).code, parts.clock.now()
    registry_code = error.registry_code if isinstance(error, RegistryRefused) else None

    async def change(transaction: Transaction) -> None:
        await budgets.give_back(transaction, entry.act)
        await flights_store.land(
            transaction, entry.act, key=key, at=now, failure=code, registry_code=registry_code
        )

    answered = replace(entry, at=now, kind=Kind.ANSWERED, outcome=code)
    await parts.audit.record(answered, change=change, owed=True)


async def record_answer(
    parts: Parts, act: Act, entry: AuditEntry, verification: Verification, key: str | None
) -> None:
    """Keep the verification with its row; a `not_confirmed` ends what the same claim was confirmed as before.

    `key` is the flight's that brought it, None where an answer is shared.
    """
    answered = answered_entry(parts, entry, verification)
    claim = act.claim_keys(verification.verified_at)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        ended = 0
        if verification.verdict is Verdict.NOT_CONFIRMED:
            await budgets.unite(transaction, claim)
            ended = await store.invalidate_claim(transaction, verification, claim.all)
        await store.insert_verification(transaction, verification)
        if key is not None:
            await budgets.give_back(transaction, entry.act)
            if verification.verdict is Verdict.CONFIRMED:
                await volume.count_answered(transaction, parts, act.place, verification.client_id)
            await flights_store.land(
                transaction, entry.act, key=key, at=parts.clock.now(), verification=verification.id
            )
        return (answered, replace(answered, kind=Kind.ENDED, outcome="invalidated")) if ended else (answered,)

    await parts.audit.commit(decide, owed=True)


def answered_entry(parts: Parts, entry: AuditEntry, verification: Verification) -> AuditEntry:
    """Return the row that says what an act was answered."""
    return replace(
        entry,
        at=parts.clock.now(),
        kind=Kind.ANSWERED,
        outcome=verification.verdict.value,
        verification=verification.id,
    )
