"""The lines of a preflight about the operations: each asked about nobody, then about a test identity if one is named.

A registry that is silent, a login that is refused after all, and somebody found where nobody can be end the asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.errors import RegistryCredentialsRejected, RegistryTimeout
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.profiles.preflight_sheet import Sheet
from gateway.profiles.preflight_words import LINES, code_of, why
from gateway.registry.model import Claim
from gateway.registry.probe import Probe
from gateway.registry.probe_model import IMPOSSIBLE, Asked, Outcome

_LOOK_AT_LICENCE = "have C06 grant it to this account, or correct the code that this connection sets"


@dataclass(slots=True, kw_only=True)
class Findings:
    """What the questions of a preflight brought; `refused_procedures` are slugs."""

    about_nobody: list[Asked] = field(default_factory=list)
    about_test_identity: list[Asked] = field(default_factory=list)
    refused_procedures: list[str] = field(default_factory=list)

    def all(self) -> list[Asked]:
        """Return every question, in the order asked."""
        return [*self.about_nobody, *self.about_test_identity]


async def ask_the_rest(
    sheet: Sheet,
    probe: Probe,
    findings: Findings,
    procedures: Sequence[Procedure],
    test_identity: Claim | None,
) -> None:
    """Ask the other operations about nobody, the other procedures, and all about the test identity if there is one."""
    _judge_operation(sheet, findings.about_nobody[0])
    for operation in (each for each in Operation if each is not Operation.AUTHENTICATE):
        if not sheet.stopped:
            asked = await probe.ask(operation, IMPOSSIBLE, procedures[0])
            findings.about_nobody.append(asked)
            _judge_operation(sheet, asked)
    for procedure in procedures[1:]:
        if not sheet.stopped:
            asked = await probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
            findings.about_nobody.append(asked)
            if code_of(asked) == "004":
                findings.refused_procedures.append(procedure.slug)
            _stop_where_it_ends(sheet, asked)
    if code_of(findings.about_nobody[0]) == "004":
        findings.refused_procedures.insert(0, procedures[0].slug)
    if test_identity is not None and not sheet.stopped:
        await _ask_about(sheet, probe, findings, procedures[0], test_identity)


async def _ask_about(
    sheet: Sheet, probe: Probe, findings: Findings, procedure: Procedure, claim: Claim
) -> None:
    for operation, line in LINES.items():
        if sheet.holds([line]) and not sheet.stopped:
            asked = await probe.ask(operation, claim, procedure)
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
