"""The lines of a preflight about the operations: each is asked with the impossible number, then with the test identity.

The questions end when the registry doesn't answer, refuses the login, or returns a person for the impossible number.
A line that no answer decides is left to the report, which fails it. The guesses of the parity ledger are reported and
never fail a preflight: an answer in a form that the gateway can't read fails the operation's own line.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import chain

from gateway.errors.requests import RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable
from gateway.preflight.parity import describe_observations
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, ProbeOutcome, ProbeResult
from gateway.preflight.report import PARITY, Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.model import FIELD_OPERATIONS, Operation, Procedure
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES
from gateway.registry.model import Claim

_LINES = {operation: f"operation_{code}" for operation, code in DEFAULT_INTEGRATION_CODES.items()}
"""A line has the code of the project's own list in its name, even if the connection sets another code."""

_NO_ANSWER = (RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable)
_REMEDIES = {
    "004": "ask C06 to license the procedure, or correct service_codes",
    "005": "ask C06 to register the officer for this account, or correct officer",
}


@dataclass(slots=True, kw_only=True)
class OperationsCheck:
    """The questions of one preflight, and what their answers show together.

    The first of `procedures` is used for every operation. `operations` has `AUTHENTICATE`. `shows_forms`: the form of an
    answer about the test identity may be reported, since it can't be a real person's.
    """

    report: Report
    probe: Probe
    procedures: tuple[Procedure, ...]
    operations: frozenset[Operation]
    test_identity: Claim | None
    shows_forms: bool
    about_nobody: list[ProbeResult] = field(default_factory=list)
    about_test_identity: list[ProbeResult] = field(default_factory=list)
    by_procedure: dict[str, ProbeResult] = field(default_factory=dict)

    async def ask(self, first: ProbeResult) -> None:
        """Ask the other operations and procedures with the impossible number, and all operations with the test identity.

        `first` is the result of the login's question: `AUTHENTICATE`, the impossible number, the first procedure.
        """
        self.about_nobody.append(first)
        if self.report.stopped:
            return
        self.by_procedure[self.procedures[0].slug] = first
        self._judge_operation(first)
        for operation, line in _LINES.items():
            if operation not in self.operations:
                self.report.passed(line, "left out: the application does not ask for it")
            elif operation is not Operation.AUTHENTICATE and not self.report.stopped:
                asked = await self.probe.ask(operation, IMPOSSIBLE, self.procedures[0])
                self.about_nobody.append(asked)
                self._judge_operation(asked)
        for procedure in self.procedures[1:]:
            if not self.report.stopped:
                asked = await self.probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
                self.about_nobody.append(asked)
                self.by_procedure[procedure.slug] = asked
                self._stop_if_ended(asked)
        if self.test_identity is not None and not self.report.stopped:
            await self._ask_about(self.test_identity)

    async def _ask_about(self, person: Claim) -> None:
        """Ask every operation, even after a failure: the number of questions must not show which part is wrong."""
        served = [each for each in _LINES if each in self.operations and self.report.has_passed(_LINES[each])]
        if served:
            await self.probe.reserve(len(served))
        for operation in served:
            if not self.report.stopped:
                asked = await self.probe.ask(operation, person, self.procedures[0])
                self.about_test_identity.append(asked)
                if _ends_preflight(asked):
                    self.report.stop("the registry stopped answering")

    def judge(self, catalogue: Catalogue) -> None:
        """Report what the answers show together."""
        self._judge_procedures()
        self._judge_officer()
        self._judge_nobody()
        found = all(
            each.outcome is ProbeOutcome.SOMEBODY and each.failure is None
            for each in self.about_test_identity
        )
        # The forms of answers about the test identity are reported only if all answers found it.
        shown = [*self.about_nobody, *(self.about_test_identity if self.shows_forms and found else ())]
        self._judge_contract(shown)
        self._judge_test_identity(found)
        self._judge_fields(catalogue)
        for name, detail in describe_observations(chain.from_iterable(asked.observations for asked in shown)):
            self.report.passed(f"{PARITY}{name}", detail)

    def _judge_operation(self, asked: ProbeResult) -> None:
        line, code, ms = _LINES[asked.operation], asked.code, asked.ms
        if asked.failure is None:
            self.report.passed(line, "licensed: the registry answered", ms=ms)
        elif code == "006":
            remedy = "ask C06 to grant it to this account, or correct the code that this connection sets"
            self.report.failed(line, "not licensed: the registry refused with 006", remedy, ms=ms)
        elif code is not None:
            unknown = "ask C06 what the code means; 01 means a malformed message (check date_form)"
            detail = f"not known: the registry refused with {code}"
            self.report.failed(line, detail, _REMEDIES.get(code, unknown), ms=ms)
        else:
            remedy = "run the preflight again; if it fails again, ask the registry's operators"
            self.report.failed(line, asked.failure_text, remedy, ms=ms)
        self._stop_if_ended(asked)

    def _stop_if_ended(self, asked: ProbeResult) -> None:
        if asked.outcome is ProbeOutcome.SOMEBODY:
            self.report.stop("a person was found by the impossible number")
        elif _ends_preflight(asked):
            self.report.stop("the registry stopped answering")

    def _judge_procedures(self) -> None:
        asked, first = self.by_procedure, self.procedures[0].slug
        refused = [slug for slug, each in asked.items() if each.code == "004"]
        failed = {
            slug: each.failure_text for slug, each in asked.items() if each.failure and slug not in refused
        }
        # Any answered operation shows that the first procedure is licensed, even if AUTHENTICATE is not.
        if any(each.failure is None for each in self.about_nobody):
            failed.pop(first, None)
        if refused:
            remedy = "ask C06 to license the procedure for this account, or correct service_codes"
            self.report.failed("procedure", f"refused with 004: {', '.join(refused)}", remedy)
        elif len(asked) == len(self.procedures) and not failed:
            self.report.passed("procedure", f"licensed: {', '.join(asked)}")
        elif len(asked) > 1 and failed:
            detail = "; ".join(f"{slug}: {text}" for slug, text in failed.items())
            self.report.failed("procedure", detail, "run the preflight again; if it fails again, ask C06")

    def _judge_officer(self) -> None:
        if any(each.code == "005" for each in self.about_nobody):
            self.report.failed("officer", "the service officer was refused with 005", _REMEDIES["005"])
        elif any(each.failure is None for each in self.about_nobody):
            self.report.passed("officer", "the service officer is allowed")

    def _judge_nobody(self) -> None:
        outcomes = [each.outcome for each in self.about_nobody]
        if ProbeOutcome.SOMEBODY in outcomes:
            remedy = (
                "stop: this address answers with a person who can't exist; nothing of the answer was kept"
            )
            self.report.failed(
                "impossible_number", "a person was found by the number that nobody has", remedy
            )
        elif answered := outcomes.count(ProbeOutcome.NOBODY):
            self.report.passed("impossible_number", f"no person was found, in {answered} answer(s)")

    def _judge_contract(self, shown: Collection[ProbeResult]) -> None:
        """Report faults of form; count only answers about the impossible number: a count of others would show failures."""
        checked = sum(each.schema_checked for each in self.about_nobody)
        faults = sorted(
            {f"{_LINES[each.operation]}: {each.fault}" for each in shown if each.fault is not None}
        )
        if faults:
            remedy = "compare with openapi/c06-response.xsd; elements outside the schema are not delivered"
            self.report.failed("contract", "; ".join(faults), remedy)
        elif checked:
            self.report.passed("contract", f"{checked} answer(s) fit openapi/c06-response.xsd")

    def _judge_test_identity(self, found: bool) -> None:
        line, asked = "test_identity", self.about_test_identity
        if self.test_identity is None:
            self.report.passed(line, "none is set: no existing person is asked about")
        elif not asked:
            return
        elif any(isinstance(each.failure, _NO_ANSWER) for each in asked):
            self.report.failed(line, "not known: the registry stopped answering", "run the preflight again")
        elif found and (self.shows_forms or not any(each.fault for each in asked)):
            self.report.passed(line, "the registry knows it, in every operation that was asked")
        else:
            # One text for every wrong part and every operation: more detail would be an oracle about a person.
            self.report.failed(
                line,
                "the registry did not confirm it in every operation that was asked",
                "ask C06 whether it still exists, and propose the revision again with what C06 issued",
            )

    def _judge_fields(self, catalogue: Catalogue) -> None:
        """Report the fields that no licensed operation returns, and the services that need them; only refusals decide."""
        licensed = {each.operation for each in self.about_nobody if each.failure is None}
        if not licensed:
            return
        if missing := self.operations - licensed:
            remedy = "ask C06 to grant the operations that failed above"
            self.report.failed("fields_granted", _describe_lack(catalogue, missing), remedy)
        elif left_out := set(Operation) - self.operations:
            remedy = "the citizen has to declare these fields"
            self.report.passed("fields_granted", _describe_lack(catalogue, left_out), remedy=remedy)
        else:
            self.report.passed("fields_granted", "every field of the procedures has a licensed operation")


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
