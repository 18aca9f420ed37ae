"""The lines of a preflight about the operations: each is asked with the impossible number, then with the test identity.

The questions end when the registry doesn't answer, refuses the login, or returns a person for the impossible number.
A line that no answer decides is left to the report, which fails it. The guesses of the parity ledger are reported and
never fail a preflight: an answer in a form that the gateway can't read fails the operation's own line.
"""

from collections.abc import Collection
from itertools import chain

from gateway.errors.registry import RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable
from gateway.preflight.parity import describe_observations
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, ProbeOutcome, ProbeResult
from gateway.preflight.report import PARITY, Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import FIELD_OPERATIONS, Operation
from gateway.procedures.model import Procedure
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES
from gateway.registry.model import Claim

LINES = {operation: f"operation_{code}" for operation, code in DEFAULT_INTEGRATION_CODES.items()}
"""Named by the known or guessed codes, even if the connection sets another code."""

_NO_ANSWER = (RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable)
_REMEDIES = {
    "004": "ask C06 to license the procedure, or correct service_codes",
    "005": "ask C06 to register the officer for this account, or correct officer",
}


class OperationsCheck:
    """The questions of one preflight, and what their answers show together.

    The first of `procedures` is used for every operation. `AUTHENTICATE` is always added to `operations`. `shows_forms`:
    the form of an answer about the test identity may be reported, since it can't be a real person's.
    """

    def __init__(
        self,
        report: Report,
        probe: Probe,
        procedures: tuple[Procedure, ...],
        operations: frozenset[Operation],
        test_identity: Claim | None,
        *,
        shows_forms: bool,
    ) -> None:
        self._report = report
        self._probe = probe
        self._procedures = procedures
        self._operations = operations | {Operation.AUTHENTICATE}
        self._test_identity = test_identity
        self._shows_forms = shows_forms
        self._about_nobody: list[ProbeResult] = []
        self._about_test_identity: list[ProbeResult] = []
        self._by_procedure: dict[str, ProbeResult] = {}

    async def ask(self, first: ProbeResult) -> None:
        """Ask the other operations and procedures with the impossible number, and all operations with the test identity.

        `first` is the result of the login's question: `AUTHENTICATE`, the impossible number, the first procedure.
        """
        self._about_nobody.append(first)
        if self._report.stopped:
            return
        self._by_procedure[self._procedures[0].slug] = first
        self._judge_operation(first)
        for operation, line in LINES.items():
            if operation not in self._operations:
                self._report.passed(line, "left out: the application does not ask for it")
            elif operation is not Operation.AUTHENTICATE and not self._report.stopped:
                asked = await self._probe.ask(operation, IMPOSSIBLE, self._procedures[0])
                self._about_nobody.append(asked)
                self._judge_operation(asked)
        for procedure in self._procedures[1:]:
            if not self._report.stopped:
                asked = await self._probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
                self._about_nobody.append(asked)
                self._by_procedure[procedure.slug] = asked
                self._stop_if_ended(asked)
        if self._test_identity is not None and not self._report.stopped:
            await self._ask_about(self._test_identity)

    async def _ask_about(self, person: Claim) -> None:
        """Ask every operation even if one fails: the number of questions must not show which part of the identity is wrong."""
        served = [each for each in LINES if each in self._operations and self._report.has_passed(LINES[each])]
        if served:
            await self._probe.reserve(len(served))
        for operation in served:
            if not self._report.stopped:
                asked = await self._probe.ask(operation, person, self._procedures[0])
                self._about_test_identity.append(asked)
                if _ends_preflight(asked):
                    self._report.stop("the registry stopped answering")

    def judge(self, catalogue: Catalogue) -> None:
        """Report what the answers show together."""
        self._judge_procedures()
        self._judge_officer()
        self._judge_nobody()
        found = all(
            each.outcome is ProbeOutcome.SOMEBODY and each.failure is None
            for each in self._about_test_identity
        )
        # The forms of answers about the test identity are reported only if all answers found it.
        shown = [*self._about_nobody, *(self._about_test_identity if self._shows_forms and found else ())]
        self._judge_contract(shown)
        self._judge_test_identity(found)
        self._judge_fields(catalogue)
        for name, detail in describe_observations(chain.from_iterable(asked.observations for asked in shown)):
            self._report.passed(f"{PARITY}{name}", detail)

    def _judge_operation(self, asked: ProbeResult) -> None:
        line, code, ms = LINES[asked.operation], asked.code, asked.ms
        if asked.failure is None:
            self._report.passed(line, "licensed: the registry answered", ms=ms)
        elif code == "006":
            remedy = "ask C06 to grant it to this account, or correct the code that this connection sets"
            self._report.failed(line, "not licensed: the registry refused with 006", remedy, ms=ms)
        elif code is not None:
            unknown = "ask C06 what the code means; 01 means a malformed message (check date_form)"
            detail = f"not known: the registry refused with {code}"
            self._report.failed(line, detail, _REMEDIES.get(code, unknown), ms=ms)
        else:
            remedy = "run the preflight again; if it fails again, ask the registry's operators"
            self._report.failed(line, asked.failure_text, remedy, ms=ms)
        self._stop_if_ended(asked)

    def _stop_if_ended(self, asked: ProbeResult) -> None:
        if asked.outcome is ProbeOutcome.SOMEBODY:
            self._report.stop("a person was found by the impossible number")
        elif _ends_preflight(asked):
            self._report.stop("the registry stopped answering")

    def _judge_procedures(self) -> None:
        asked, first = self._by_procedure, self._procedures[0].slug
        refused = [slug for slug, each in asked.items() if each.code == "004"]
        failed = {
            slug: each.failure_text for slug, each in asked.items() if each.failure and slug not in refused
        }
        # Any answered operation shows that the first procedure is licensed, even if AUTHENTICATE is not.
        if any(each.failure is None for each in self._about_nobody):
            failed.pop(first, None)
        if refused:
            remedy = "ask C06 to license the procedure for this account, or correct service_codes"
            self._report.failed("procedure", f"refused with 004: {', '.join(refused)}", remedy)
        elif len(asked) == len(self._procedures) and not failed:
            self._report.passed("procedure", f"licensed: {', '.join(asked)}")
        elif len(asked) > 1 and failed:
            detail = "; ".join(f"{slug}: {text}" for slug, text in failed.items())
            self._report.failed("procedure", detail, "run the preflight again; if it fails again, ask C06")

    def _judge_officer(self) -> None:
        if any(each.code == "005" for each in self._about_nobody):
            self._report.failed("officer", "the service officer was refused with 005", _REMEDIES["005"])
        elif any(each.failure is None for each in self._about_nobody):
            self._report.passed("officer", "the service officer is allowed")

    def _judge_nobody(self) -> None:
        outcomes = [each.outcome for each in self._about_nobody]
        if ProbeOutcome.SOMEBODY in outcomes:
            remedy = (
                "stop: this address answers with a person who can't exist; nothing of the answer was kept"
            )
            self._report.failed(
                "impossible_number", "a person was found by the number that nobody has", remedy
            )
        elif answered := outcomes.count(ProbeOutcome.NOBODY):
            self._report.passed("impossible_number", f"no person was found, in {answered} answer(s)")

    def _judge_contract(self, shown: Collection[ProbeResult]) -> None:
        """Count only answers about the impossible number: a count of the others would show how they failed."""
        checked = sum(each.schema_checked for each in self._about_nobody)
        faults = sorted(
            {f"{LINES[each.operation]}: {each.fault}" for each in shown if each.fault is not None}
        )
        if faults:
            remedy = "compare with openapi/c06-response.xsd; elements outside the schema are not delivered"
            self._report.failed("contract", "; ".join(faults), remedy)
        elif checked:
            self._report.passed("contract", f"{checked} answer(s) fit openapi/c06-response.xsd")

    def _judge_test_identity(self, found: bool) -> None:
        line, asked = "test_identity", self._about_test_identity
        if self._test_identity is None:
            self._report.passed(line, "none is set: no existing person is asked about")
        elif not asked:
            return
        elif any(isinstance(each.failure, _NO_ANSWER) for each in asked):
            self._report.failed(line, "not known: the registry stopped answering", "run the preflight again")
        elif found and (self._shows_forms or not any(each.fault for each in asked)):
            self._report.passed(line, "the registry knows it, in every operation that was asked")
        else:
            # One text for every wrong part and every operation: more detail would be an oracle about a person.
            self._report.failed(
                line,
                "the registry did not confirm it in every operation that was asked",
                "ask C06 whether it still exists, and propose the revision again with what C06 issued",
            )

    def _judge_fields(self, catalogue: Catalogue) -> None:
        """Report the fields that no licensed operation returns, and the services that need them; only refusals decide."""
        licensed = {each.operation for each in self._about_nobody if each.failure is None}
        if not licensed:
            return
        if missing := self._operations - licensed:
            remedy = "ask C06 to grant the operations that failed above"
            self._report.failed("fields_granted", _describe_lack(catalogue, missing), remedy)
        elif left_out := set(Operation) - self._operations:
            remedy = "the citizen has to declare these fields"
            self._report.passed("fields_granted", _describe_lack(catalogue, left_out), remedy=remedy)
        else:
            self._report.passed("fields_granted", "every field of the procedures has a licensed operation")


def _ends_preflight(asked: ProbeResult) -> bool:
    return isinstance(asked.failure, RegistryCredentialsRejected | RegistryTimeout)


def _describe_lack(catalogue: Catalogue, missing: Collection[Operation]) -> str:
    fields = sorted(name for name, operation in FIELD_OPERATIONS.items() if operation in missing)
    services = ", ".join(
        procedure.slug
        for procedure in catalogue.procedures
        if Operation.AUTHENTICATE in missing
        or any(field.operation in missing for role in procedure.roles for field in role.fields)
    )
    return f"no operation returns {', '.join(fields) or 'a verdict'}; services affected: {services}"
