"""Ask a candidate connection single questions before it serves anybody, and say of each how it ended.

Goes the way that service goes (guard, session, dialect, readers) over a transport that listens: each question is
announced before its packet, and after a refused login none leaves. Keeps of an answer its form alone; where somebody
is found who can't be, not even that. See docs/decisions/0055.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryError, RegistryRefused, RegistryUnavailable
from gateway.identifiers import new_request_code
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.registry.answer_forms import see_answer
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.contract import find_fault
from gateway.registry.model import Claim, Found, Question, Record
from gateway.registry.overhearing import Heard, Overhearing
from gateway.registry.payloads import payload_of
from gateway.registry.probe_model import IMPOSSIBLE, Asked, Outcome, Packet, WayOut, Witness
from gateway.registry.readings import Seen, see_question, see_refusal, see_token
from gateway.registry.refusals import unforeseen
from gateway.registry.wire import message_of

_SOMEBODY = frozenset(
    {
        "another person",
        "another birth date",
        "another name",
        "more than one person",
        "count of people disagrees",
    }
)
_LONGEST_WAIT_S = 5
_NOT_EXPRESSIBLE = "an element that the schema does not know"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """What the form of an answer showed."""

    held: bool = False
    fault: str | None = None
    seen: tuple[Seen, ...] = ()


class Probe:
    """The probe of one candidate. Whoever opens it closes it.

    Raises:
        SettingInvalid: the connection's place or credentials can't work; no packet left.
    """

    def __init__(self, connection: Connection, *, way_out: WayOut, clock: Clock, witness: Witness) -> None:
        self._connection = connection
        self._clock = clock
        self._witness = witness
        self._pause = way_out.pause
        self._ear = Overhearing(way_out.open_transport(connection), clock)
        self._registry = open_registry(connection, transport=self._ear, clock=clock)

    async def ask(self, operation: Operation, claim: Claim, procedure: Procedure) -> Asked:
        """Put one question; a failure of the registry is in what comes back, one of the witness is raised.

        A throttled one waits, where that is short, and goes a second time under another request code.
        """
        asked = await self._ask(operation, claim, procedure)
        wait = _short_wait(asked)
        if wait is None:
            return asked
        await self._pause(wait)
        return await self._ask(operation, claim, procedure)

    async def reserve(self, questions: int) -> None:
        """Have questions about a person counted, before the first is put; raises what the witness raises."""
        await self._witness.reserve(questions)

    async def aclose(self) -> None:
        """Close the way out."""
        await self._registry.aclose()

    async def _ask(self, operation: Operation, claim: Claim, procedure: Procedure) -> Asked:
        question = question_of(self._connection, operation, claim, procedure, self._clock)
        packet = Packet(
            profile=question.profile,
            operation=operation,
            request_code=question.request_code,
            procedure=procedure.slug,
            officer=question.officer,
            about_person=claim != IMPOSSIBLE,
        )
        self._ear.expect(lambda: self._witness.announce(packet))
        begun = self._clock.monotonic()
        answer: bool | Record | None = None
        failure: RegistryError | None = None
        try:
            answer = await self._put(question)
        except RegistryError as error:
            failure = error
        except GatewayError as error:
            if not self._ear.announced:  # the witness, or a question that can't be written: no packet left
                raise
            failure = unforeseen(error, "preflight")
        ms = round((self._clock.monotonic() - begun) * 1000)
        if self._ear.announced:
            await self._witness.conclude(packet, failure)
        return self._tell(question, answer, failure, ms)

    async def _put(self, question: Question) -> bool | Record | None:
        if question.operation is Operation.AUTHENTICATE:
            return await self._registry.confirm(question)
        found = await self._registry.find_record(question)
        return found.record if isinstance(found, Found) else None

    def _tell(
        self, question: Question, answer: bool | Record | None, failure: RegistryError | None, ms: int
    ) -> Asked:
        heard, token = self._ear.take()
        outcome = _outcome(answer, failure)
        form = _Form()
        if failure is None and heard is not None and not _is_surprise(question, outcome):
            form = self._look_at(question, heard)
        last = heard or (None if self._ear.announced else token)
        seen = chain(form.seen, self._see_refusal(failure, heard), see_token(token.content) if token else ())
        return Asked(
            operation=question.operation,
            outcome=outcome,
            failure=failure,
            sent=self._ear.announced,
            status=last.status if last else None,
            skew_seconds=last.skew_seconds if last else None,
            ms=ms,
            held_to_schema=form.held,
            fault=form.fault,
            seen=tuple(seen),
        )

    def _look_at(self, question: Question, heard: Heard) -> _Form:
        """Hold an answer that was read already against the schema, and tell its readings."""
        dialect = self._connection.dialect
        dated = question.claim.birth_date is not None
        answered = tuple(see_question(self._connection, question.operation, dated=dated))
        try:
            payload = payload_of(dialect, heard.content)
            if payload is None:
                return _Form(seen=answered)
            shown = tuple(see_answer(dialect, question.operation, payload, heard.content))
            return _Form(held=True, fault=find_fault(payload), seen=(*answered, *shown))
        except ValueError:  # a JSON member that XML can't have as a name or a value
            return _Form(held=True, fault=_NOT_EXPRESSIBLE, seen=answered)
        except Exception as exc:  # noqa: BLE001 - a form that nobody foresaw is a finding, not the preflight's end
            unforeseen(exc, "form")
            return _Form(held=True, fault=_NOT_EXPRESSIBLE, seen=answered)

    def _see_refusal(self, failure: RegistryError | None, heard: Heard | None) -> tuple[Seen, ...]:
        if heard is None or not isinstance(failure, RegistryRefused):
            return ()
        return tuple(see_refusal(self._connection.dialect, heard.status, failure.registry_code))


def question_of(
    connection: Connection, operation: Operation, claim: Claim, procedure: Procedure, clock: Clock
) -> Question:
    """Return a question under a request code of its own, in the name of the connection's service officer."""
    return Question(
        profile=connection.profile,
        revision=connection.revision,
        operation=operation,
        request_code=new_request_code(),
        procedure=procedure.slug,
        service_code=procedure.service_code,
        officer=connection.officer,
        claim=claim,
        deadline=clock.monotonic() + connection.deadline_ms / 1000,
    )


def check_words(connection: Connection, procedures: Iterable[Procedure], clock: Clock) -> None:
    """Raise `RequestInvalid` where some question of these procedures couldn't be written in C06's words."""
    for procedure in procedures:
        for operation in Operation:
            message_of(question_of(connection, operation, IMPOSSIBLE, procedure, clock), connection)


def _outcome(answer: bool | Record | None, failure: RegistryError | None) -> Outcome:
    if isinstance(failure, RegistryAnswerInvalid) and failure.reason in _SOMEBODY:
        return Outcome.SOMEBODY
    if failure is not None:
        return Outcome.FAILED
    return Outcome.SOMEBODY if answer else Outcome.NOBODY


def _short_wait(asked: Asked) -> int | None:
    """Return the seconds after which a throttled question may go again; None for any other, or where they are many."""
    if asked.status != 429 or not isinstance(asked.failure, RegistryUnavailable):
        return None
    return asked.failure.retry_after if asked.failure.retry_after <= _LONGEST_WAIT_S else None


def _is_surprise(question: Question, outcome: Outcome) -> bool:
    return question.claim == IMPOSSIBLE and outcome is Outcome.SOMEBODY
