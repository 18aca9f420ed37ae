"""Ask a candidate connection single questions before it is in service, and report how each ended.

A question uses the same code as in service (egress policy, session, dialect, readers), over a recording transport: it
announces each question before it is sent, and after a refused login it sends nothing more, not even the second token
that the session would fetch after a 401. It keeps only the form of an answer, and nothing of an answer that has a person
who can't exist. See docs/decisions/0055.
"""

from collections.abc import Iterable

from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.errors.requests import RegistryAnswerInvalid, RegistryError, RegistryRefused, RegistryUnavailable
from gateway.identifiers import new_request_code
from gateway.preflight.parity import (
    NOT_IN_SCHEMA,
    Observation,
    observe_answer,
    observe_question,
    observe_refusal,
    observe_token,
)
from gateway.preflight.recorder import IMPOSSIBLE, PreflightNetwork, ProbeOutcome, ProbeRecorder, ProbeResult
from gateway.procedures.model import Operation, Procedure
from gateway.registry.client import open_registry
from gateway.registry.connection import Connection
from gateway.registry.dialects import message_of
from gateway.registry.http_sender import RecordingTransport, unforeseen
from gateway.registry.model import Claim, Found, NobodyFound, Question

_SOMEBODY = frozenset(
    {
        "another person",
        "another birth date",
        "another name",
        "more than one person",
        "count of people disagrees",
    }
)
_MAX_WAIT_S = 5


class Probe:
    """The probe of one candidate; the caller closes it.

    Raises:
        SettingInvalid: the connection's URL or credentials can't work; nothing was sent.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        preflight_network: PreflightNetwork,
        clock: Clock,
        recorder: ProbeRecorder,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._recorder = recorder
        self._pause = preflight_network.pause
        self._transport = RecordingTransport(preflight_network.open_transport(connection), clock)
        self._registry = open_registry(connection, transport=self._transport, clock=clock)

    async def ask(self, operation: Operation, claim: Claim, procedure: Procedure) -> ProbeResult:
        """Ask one question; a failure of the registry is in the result, one of the recorder is raised.

        A question that was refused with 429 is asked once more under another request code, if the wait is short.
        """
        asked = await self._ask(operation, claim, procedure)
        failure = asked.failure
        if asked.status != 429 or not isinstance(failure, RegistryUnavailable):
            return asked
        if failure.retry_after > _MAX_WAIT_S:
            return asked
        await self._pause(failure.retry_after)
        return await self._ask(operation, claim, procedure)

    async def reserve(self, questions: int) -> None:
        """Count questions about a person before the first is asked; raises what the recorder raises."""
        await self._recorder.reserve(questions)

    async def aclose(self) -> None:
        """Close the registry's client."""
        await self._registry.aclose()

    async def _ask(self, operation: Operation, claim: Claim, procedure: Procedure) -> ProbeResult:
        question = _question_of(self._connection, operation, claim, procedure, self._clock)
        transport = self._transport
        transport.expect(lambda digest: self._recorder.announce(question, digest))
        begun = self._clock.monotonic()
        answer: bool | Found | NobodyFound = False
        failure: RegistryError | None = None
        try:
            if operation is Operation.AUTHENTICATE:
                answer = await self._registry.confirm(question)
            else:
                answer = await self._registry.find_record(question)
        except RegistryError as error:
            failure = error
        except GatewayError as error:
            if not transport.announced:  # the recorder, or a question that can't be written: nothing was sent
                raise
            failure = unforeseen(error, "preflight")
        ms = round((self._clock.monotonic() - begun) * 1000)
        if transport.announced:
            await self._recorder.conclude(question, failure)
        outcome = _outcome_of(answer, failure)
        observations, checked, fault = self._read_form(question, outcome, failure)
        last = transport.answer or (None if transport.announced else transport.token)
        return ProbeResult(
            operation=operation,
            outcome=outcome,
            failure=failure,
            sent=transport.announced,
            status=last.status if last else None,
            skew_seconds=last.skew_seconds if last else None,
            ms=ms,
            schema_checked=checked,
            fault=fault,
            observations=(
                *observations,
                *(observe_token(bytes(transport.token.content)) if transport.token else ()),
            ),
        )

    def _read_form(
        self, question: Question, outcome: ProbeOutcome, failure: RegistryError | None
    ) -> tuple[tuple[Observation, ...], bool, str | None]:
        """Return what the answer's form shows, whether it was checked against the schema, and where it violates it."""
        recorded, dialect = self._transport.answer, self._connection.dialect
        if recorded is None:
            return (), False, None
        if isinstance(failure, RegistryRefused):
            return tuple(observe_refusal(dialect, recorded.status, failure.registry_code)), False, None
        is_surprise = question.claim == IMPOSSIBLE and outcome is ProbeOutcome.SOMEBODY
        if failure is not None or is_surprise:
            return (), False, None
        answered = tuple(observe_question(self._connection, question))
        try:
            shown, checked, fault = observe_answer(dialect, question.operation, bytes(recorded.content))
        except ValueError:  # a JSON member that XML can't have as a name or a value
            return answered, True, NOT_IN_SCHEMA
        except Exception as exc:  # noqa: BLE001 - an unforeseen form is a finding and doesn't end the preflight
            unforeseen(exc, "form")
            return answered, True, NOT_IN_SCHEMA
        return (*answered, *shown), checked, fault


def _question_of(
    connection: Connection, operation: Operation, claim: Claim, procedure: Procedure, clock: Clock
) -> Question:
    """Return a question under a request code of its own, in the name of the connection's service officer."""
    return Question(
        profile=connection.profile,
        revision=connection.revision,
        operation=operation,
        request_code=new_request_code(clock.now()),
        procedure=procedure.slug,
        service_code=procedure.service_code,
        officer=connection.officer,
        claim=claim,
        deadline=clock.monotonic() + connection.deadline_ms / 1000,
    )


def check_messages(connection: Connection, procedures: Iterable[Procedure], clock: Clock) -> None:
    """Raise `RequestInvalid` if a question of these procedures can't be written as a message of C06."""
    for procedure in procedures:
        for operation in Operation:
            message_of(_question_of(connection, operation, IMPOSSIBLE, procedure, clock), connection)


def _outcome_of(answer: bool | Found | NobodyFound, failure: RegistryError | None) -> ProbeOutcome:
    if isinstance(failure, RegistryAnswerInvalid) and failure.reason in _SOMEBODY:
        return ProbeOutcome.SOMEBODY
    if failure is not None:
        return ProbeOutcome.FAILED
    return ProbeOutcome.SOMEBODY if answer is True or isinstance(answer, Found) else ProbeOutcome.NOBODY
