"""The lines of a preflight about the operations: each asked about nobody, then about a test identity if one is named.

A registry that is silent, a login that is refused after all, and somebody found where nobody can be end the asking.
"""

from dataclasses import dataclass, field

from gateway.errors.registry import RegistryCredentialsRejected, RegistryTimeout
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.profiles.preflight_sheet import Sheet
from gateway.profiles.preflight_words import LINES, code_of, why
from gateway.registry.model import Claim
from gateway.registry.probe import Probe
from gateway.registry.probe_model import IMPOSSIBLE, Asked, Outcome

_LOOK_AT_LICENCE = "have C06 grant it to this account, or correct the code that this connection sets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a connection is to serve: the first procedure carries the operations, the verdict's always among them.

    `tells_forms` says that what the form of an answer about the test identity shows may be told: no real person is there.
    """

    procedures: tuple[Procedure, ...]
    operations: frozenset[Operation]
    test_identity: Claim | None
    tells_forms: bool = False

    def asked_for(self, operation: Operation) -> bool:
        """Say whether the operation is to be asked for."""
        return operation is Operation.AUTHENTICATE or operation in self.operations


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the questions of a preflight brought; `by_procedure` holds one question for each slug."""

    about_nobody: list[Asked] = field(default_factory=list)
    about_test_identity: list[Asked] = field(default_factory=list)
    by_procedure: dict[str, Asked] = field(default_factory=dict)

    def told(self, wanted: Wanted) -> list[Asked]:
        """Return the questions whose answers' forms may be told, in the order asked: a person's only if all found them."""
        named = self.about_test_identity if wanted.tells_forms and self.found else ()
        return [*self.about_nobody, *named]

    @property
    def found(self) -> bool:
        """Say whether every question about the test identity that was put found that person."""
        return all(
            each.outcome is Outcome.SOMEBODY and each.failure is None for each in self.about_test_identity
        )


async def ask_the_rest(sheet: Sheet, probe: Probe, findings: Findings, wanted: Wanted) -> None:
    """Ask the other operations about nobody, the other procedures, and all about the test identity if there is one."""
    first = wanted.procedures[0]
    findings.by_procedure[first.slug] = findings.about_nobody[0]
    _judge_operation(sheet, findings.about_nobody[0])
    for operation, line in LINES.items():
        if not wanted.asked_for(operation):
            sheet.passed(line, "left out: this connection is not to be asked for it")
        elif operation is not Operation.AUTHENTICATE and not sheet.stopped:
            asked = await probe.ask(operation, IMPOSSIBLE, first)
            findings.about_nobody.append(asked)
            _judge_operation(sheet, asked)
    for procedure in wanted.procedures[1:]:
        if not sheet.stopped:
            asked = await probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
            findings.about_nobody.append(asked)
            findings.by_procedure[procedure.slug] = asked
            _stop_where_it_ends(sheet, asked)
    if not sheet.stopped:
        await _ask_about_test_identity(sheet, probe, findings, wanted)


async def _ask_about_test_identity(sheet: Sheet, probe: Probe, findings: Findings, wanted: Wanted) -> None:
    """Put every operation's question, however the first ones end: fewer would tell which part of the identity is wrong."""
    if wanted.test_identity is None:
        return
    served = [each for each, line in LINES.items() if wanted.asked_for(each) and sheet.holds([line])]
    if served:
        await probe.reserve(len(served))
    for operation in served:
        if not sheet.stopped:
            asked = await probe.ask(operation, wanted.test_identity, wanted.procedures[0])
            findings.about_test_identity.append(asked)
            if _ends(asked):
                sheet.stop("the registry stopped answering")


def _judge_operation(sheet: Sheet, asked: Asked) -> None:
    line = LINES[asked.operation]
    code = code_of(asked)
    if asked.failure is None:
        sheet.passed(line, "licensed: the registry answered", ms=asked.ms)
    elif code == "006":
        sheet.failed(line, "not licensed: the registry refused with 006", _LOOK_AT_LICENCE, ms=asked.ms)
    elif code is not None:
        remedy = _REMEDIES.get(
            code, "look the code up with C06; 01 says that the message was not liked (date_form)"
        )
        sheet.failed(line, f"not known: the registry refused with {code}", remedy, ms=asked.ms)
    else:
        sheet.failed(
            line,
            why(asked),
            "run the preflight again; if it stays, ask the registry's operators",
            ms=asked.ms,
        )
    _stop_where_it_ends(sheet, asked)


_REMEDIES = {
    "004": "have C06 license the procedure, or correct service_codes",
    "005": "have C06 enter the officer for this account, or correct officer",
}


def _stop_where_it_ends(sheet: Sheet, asked: Asked) -> None:
    if asked.outcome is Outcome.SOMEBODY:
        sheet.stop("somebody was found where nobody can be")
    elif _ends(asked):
        sheet.stop("the registry stopped answering")


def _ends(asked: Asked) -> bool:
    return isinstance(asked.failure, RegistryCredentialsRejected | RegistryTimeout)
