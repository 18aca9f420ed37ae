"""The lines of a preflight that are drawn from all its questions together. Nothing is asked here.

Each line says only what was seen: a line that no answer speaks for is left to the sheet, which fails it. The readings
of the parity ledger are told and fail nothing: where one can't be borne, the operation's own line has failed.
"""

from collections.abc import Collection, Iterator, Sequence

from gateway.errors.registry import RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import FIELD_OPERATIONS, Operation
from gateway.profiles.preflight_asked import Findings, Wanted
from gateway.profiles.preflight_sheet import PARITY, Sheet
from gateway.profiles.preflight_words import LINES, code_of, why
from gateway.registry.probe_model import Asked, Outcome
from gateway.registry.readings import united

_OUT = (RegistryCredentialsRejected, RegistryTimeout, RegistryUnavailable)


def judge_findings(sheet: Sheet, findings: Findings, catalogue: Catalogue, wanted: Wanted) -> None:
    """Note what the questions say together."""
    _judge_procedures(sheet, findings, wanted)
    _judge_officer(sheet, findings.about_nobody)
    _judge_nobody(sheet, findings.about_nobody)
    _judge_contract(sheet, findings, wanted)
    _judge_test_identity(sheet, findings, wanted)
    _judge_fields(sheet, findings, catalogue, wanted)
    for reading in united(seen for asked in findings.told(wanted) for seen in asked.seen):
        word = "confirmed" if reading.confirmed else "refuted"
        sheet.passed(f"{PARITY}{reading.id}", f"{word}: {reading.words}")


def _judge_procedures(sheet: Sheet, findings: Findings, wanted: Wanted) -> None:
    asked = findings.by_procedure
    refused = [slug for slug, each in asked.items() if code_of(each) == "004"]
    failed = [f"{slug}: {why(each)}" for slug, each in asked.items() if each.failure and slug not in refused]
    first = wanted.procedures[0].slug
    # The first one's licence shows in any operation that was answered, even where the verdict's is not licensed.
    if any(each.failure is None for each in findings.about_nobody):
        failed = [told for told in failed if not told.startswith(f"{first}: ")]
    if refused:
        remedy = "have C06 license the procedure for this account, or correct service_codes"
        sheet.failed("procedure", f"refused with 004: {', '.join(refused)}", remedy)
    elif len(asked) == len(wanted.procedures) and not failed:
        sheet.passed("procedure", f"licensed: {', '.join(asked)}")
    elif len(asked) > 1 and failed:
        sheet.failed("procedure", "; ".join(failed), "run the preflight again; if it stays, ask C06")


def _judge_officer(sheet: Sheet, asked: Sequence[Asked]) -> None:
    if any(code_of(each) == "005" for each in asked):
        remedy = "have C06 enter the officer for this account, or correct officer"
        sheet.failed("officer", "the service officer was refused with 005", remedy)
    elif any(each.failure is None for each in asked):
        sheet.passed("officer", "the service officer is allowed")


def _judge_nobody(sheet: Sheet, asked: Sequence[Asked]) -> None:
    if any(each.outcome is Outcome.SOMEBODY for each in asked):
        remedy = (
            "do not go on: what is at this address answers with people who can't be; nothing of it was kept"
        )
        sheet.failed("impossible_number", "somebody was found by the number that nobody has", remedy)
    elif answered := sum(each.outcome is Outcome.NOBODY for each in asked):
        sheet.passed("impossible_number", f"nobody was found, in {answered} answer(s)")


def _judge_contract(sheet: Sheet, findings: Findings, wanted: Wanted) -> None:
    """Count the answers about nobody alone: how many of the others were held would tell how they failed."""
    held = [each for each in findings.about_nobody if each.held_to_schema]
    told = [each for each in findings.told(wanted) if each.fault is not None]
    faults = sorted({f"{LINES[each.operation]}: {each.fault}" for each in told})
    if faults:
        remedy = "compare with openapi/c06-response.xsd; what the schema does not know is not delivered"
        sheet.failed("contract", "; ".join(faults), remedy)
    elif held:
        sheet.passed("contract", f"{len(held)} answer(s) fit openapi/c06-response.xsd")


def _judge_test_identity(sheet: Sheet, findings: Findings, wanted: Wanted) -> None:
    if wanted.test_identity is None:
        sheet.passed("test_identity", "none is named: nobody who exists is asked about")
        return
    if not findings.about_test_identity:
        return
    if any(isinstance(each.failure, _OUT) for each in findings.about_test_identity):
        sheet.failed("test_identity", "not known: the registry stopped answering", "run the preflight again")
    elif findings.found and (
        wanted.tells_forms or not any(each.fault for each in findings.about_test_identity)
    ):
        sheet.passed("test_identity", "the registry knows it, by every operation that was asked")
    else:
        # One word, whichever part is wrong and whichever operation said so: more would be an oracle about a person.
        sheet.failed(
            "test_identity",
            "the registry did not confirm it by every operation that was asked",
            "ask C06 whether it still exists, and propose the revision anew with what C06 issued",
        )


def _judge_fields(sheet: Sheet, findings: Findings, catalogue: Catalogue, wanted: Wanted) -> None:
    """Say which of the forms' fields no licensed operation brings, and which services need them; refusals alone decide."""
    licensed = {each.operation for each in findings.about_nobody if each.failure is None}
    if not licensed:
        return
    asked_for = {operation for operation in Operation if wanted.asked_for(operation)}
    if missing := asked_for - licensed:
        sheet.failed(
            "fields_granted", _lack(catalogue, missing), "have C06 grant the operations that failed above"
        )
        return
    left_out = set(Operation) - asked_for
    detail = _lack(catalogue, left_out) if left_out else "every field of the procedures has its operation"
    remedy = "these fields are left for the citizen to declare" if left_out else ""
    sheet.passed("fields_granted", detail, remedy=remedy)


def _lack(catalogue: Catalogue, missing: Collection[Operation]) -> str:
    fields = sorted(name for name, operation in FIELD_OPERATIONS.items() if operation in missing)
    services = ", ".join(_services_with(catalogue, missing))
    return f"no operation brings {', '.join(fields) or 'a verdict'}; services affected: {services}"


def _services_with(catalogue: Catalogue, missing: Collection[Operation]) -> Iterator[str]:
    for procedure in catalogue.procedures:
        needed = {field.operation for role in procedure.roles for field in role.fields}
        if Operation.AUTHENTICATE in missing or needed & set(missing):
            yield procedure.slug
