"""The lines of a preflight that need only the connection's members: the other profile, message texts, codes, expiry.

Stops the preflight where a question could carry the wrong credential: then nothing is sent.
"""

import re
from datetime import date

from gateway.clock import Clock, today
from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import FieldsError
from gateway.preflight.cross_profile import find_shared_members
from gateway.preflight.network import OtherProfile
from gateway.preflight.probe import check_messages
from gateway.preflight.report import Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import Operation
from gateway.profiles.revisions import WARNING_DAYS
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES, Connection

_SLUG = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,6}")
_MEMBERS = {
    "initiated_by.id": "officer",
    "organisation": "agency",
    "procedure": "service_codes",
    "operation": "integration_codes",
}
"""The connection's member behind each field of a question."""


def check_members(
    report: Report,
    connection: Connection,
    other: OtherProfile,
    expires_on: date | None,
    catalogue: Catalogue,
    clock: Clock,
) -> None:
    """Report the lines that need only the members."""
    _compare_with_other(report, connection, other)
    _check_messages(report, connection, catalogue, clock)
    _check_service_codes(report, connection, catalogue)
    _check_integration_codes(report, connection)
    _check_expiry(report, expires_on, today(clock))


def _compare_with_other(report: Report, connection: Connection, other: OtherProfile) -> None:
    line = "not_the_other_profile"
    if other.sealed:
        numbers = ", ".join(map(str, other.sealed))
        report.failed(
            line,
            f"the other profile's revision {numbers} can't be unsealed to compare",
            "run the preflight with the present master key",
        )
        report.stop("the other profile's connection is not known")
        return
    try:
        shared = find_shared_members(connection, other)
    except SettingInvalid as error:
        report.failed(line, error.reason, "correct registry_url")
        report.stop("the address can't be read")
        return
    if shared:
        report.failed(
            line,
            f"the other profile has the same {', '.join(shared)}",
            "use the host and the account that C06 issued for this profile; "
            "if a proposal of the other profile has them by mistake, reject it",
        )
        report.stop("the connection shares something with the other profile")
    elif other.connections:
        report.passed(line, "host and credentials differ from the other profile's")
    else:
        report.passed(line, "the other profile has no connection yet")


def _check_messages(report: Report, connection: Connection, catalogue: Catalogue, clock: Clock) -> None:
    try:
        check_messages(connection, catalogue.procedures, clock)
    except FieldsError as error:
        members = ", ".join(sorted({_MEMBERS.get(fault.field, fault.field) for fault in error.errors}))
        remedy = "officer ≤ 20, agency ≤ 35, codes ≤ 20 characters"
        report.failed("message", f"C06 does not accept this value: {members}", remedy)
        report.stop("no message can be written with these members")
    else:
        report.passed("message", "agency, officer and codes fit a message of C06")


def _check_service_codes(report: Report, connection: Connection, catalogue: Catalogue) -> None:
    slugs = {procedure.slug for procedure in catalogue.procedures}
    unknown = sorted(connection.service_codes.keys() - slugs)
    empty = sorted(slug for slug, code in connection.service_codes.items() if not code.strip())
    if unknown or empty:
        # What doesn't have a slug's form is there by mistake and may be anything, even a secret.
        shown = ", ".join(slug if _SLUG.fullmatch(slug) else "(not a slug)" for slug in (*unknown, *empty))
        report.failed(
            "service_codes",
            f"no such procedure, or no code: {shown}",
            "use the slugs of `gateway procedures`",
        )
        return
    guessed = sum(
        procedure.service_code_guess and procedure.slug not in connection.service_codes
        for procedure in catalogue.procedures
    )
    detail = f"{len(slugs) - guessed} of {len(slugs)} codes are known, {guessed} are this project's guess"
    report.passed(
        "service_codes", detail, remedy="ask C06 for the MaDVC of each procedure" if guessed else ""
    )


def _check_integration_codes(report: Report, connection: Connection) -> None:
    line = "integration_codes"
    codes = {**DEFAULT_INTEGRATION_CODES, **connection.integration_codes}
    bad = [each.value for each in Operation if not (codes[each].isascii() and codes[each].isdigit())]
    if bad:
        report.failed(line, f"digits are expected for {', '.join(bad)}", "correct integration_codes")
        return
    unset = [each.value for each in Operation if each not in connection.integration_codes]
    detail = f"taken from the project's own list: {', '.join(unset)}" if unset else "all five are set"
    report.passed(line, detail)


def _check_expiry(report: Report, expires_on: date | None, day: date) -> None:
    if expires_on is None:
        report.passed("expiry", "no expiry date is set", remedy="set expires_on if C06 gave a date")
        return
    left = (expires_on - day).days
    if left < 0:
        remedy = "ask C06 to renew the account, then set expires_on"
        report.failed("expiry", f"the account ended {-left} day(s) ago", remedy)
    else:
        remedy = "ask C06 to renew the account soon" if left <= WARNING_DAYS else ""
        report.passed("expiry", f"{left} day(s) left", remedy=remedy)
