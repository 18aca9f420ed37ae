"""The lines of a preflight that need a connection's members alone: the fence, the words of a message, codes, expiry.

Stops everything where a packet could carry the wrong credential: then none leaves at all.
"""

import re
from dataclasses import dataclass
from datetime import date

from gateway.clock import Clock, today
from gateway.errors.commands import SettingInvalid
from gateway.errors.requests import FieldsError
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import Operation
from gateway.profiles.other_profile import OtherProfile, find_shared_members
from gateway.profiles.preflight_sheet import Sheet
from gateway.profiles.revisions import WARNING_DAYS
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES, Connection
from gateway.registry.probe import check_words

_SLUG = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,6}")
_MEMBERS = {
    "initiated_by.id": "officer",
    "organisation": "agency",
    "procedure": "service_codes",
    "operation": "integration_codes",
}
"""What a question's fields are called in a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A connection that may come to serve, with what it is judged against."""

    connection: Connection
    other: OtherProfile
    expires_on: date | None


def look_at_members(sheet: Sheet, candidate: Candidate, catalogue: Catalogue, clock: Clock) -> None:
    """Note the lines that need nothing but the members."""
    _look_across(sheet, candidate)
    _look_at_words(sheet, candidate.connection, catalogue, clock)
    _look_at_service_codes(sheet, candidate.connection, catalogue)
    _look_at_integration_codes(sheet, candidate.connection)
    _look_at_expiry(sheet, candidate.expires_on, today(clock))


def _look_across(sheet: Sheet, candidate: Candidate) -> None:
    other = candidate.other
    if other.sealed:
        told = ", ".join(map(str, other.sealed))
        sheet.failed(
            "not_the_other_profile",
            f"the other profile's revision {told} can't be unsealed to compare",
            "run this with the master key of now",
        )
        sheet.stop("the other profile's connection is not known")
        return
    try:
        shared = find_shared_members(candidate.connection, other)
    except SettingInvalid as error:
        sheet.failed("not_the_other_profile", error.reason, "correct registry_url")
        sheet.stop("the address can't be read")
        return
    if shared:
        sheet.failed(
            "not_the_other_profile",
            f"the other profile's: {', '.join(shared)}",
            "put in the host and the account that C06 issued for this profile; "
            "where they are in the wrong proposal of the other one, reject that",
        )
        sheet.stop("the connection carries something of the other profile")
    elif other.connections:
        sheet.passed("not_the_other_profile", "host and credentials are not the other profile's")
    else:
        sheet.passed("not_the_other_profile", "the other profile has no connection to be mistaken for")


def _look_at_words(sheet: Sheet, connection: Connection, catalogue: Catalogue, clock: Clock) -> None:
    try:
        check_words(connection, catalogue.procedures, clock)
    except FieldsError as error:
        told = ", ".join(sorted({_MEMBERS.get(fault.field, fault.field) for fault in error.errors}))
        sheet.failed(
            "message", f"C06 takes no such value: {told}", "officer ≤ 20, agency ≤ 35, codes ≤ 20 characters"
        )
        sheet.stop("no message can be written with these members")
    else:
        sheet.passed("message", "agency, officer and codes fit a message of C06")


def _look_at_service_codes(sheet: Sheet, connection: Connection, catalogue: Catalogue) -> None:
    slugs = {procedure.slug for procedure in catalogue.procedures}
    unknown = sorted(connection.service_codes.keys() - slugs)
    empty = sorted(slug for slug, code in connection.service_codes.items() if not code.strip())
    if unknown or empty:
        # What isn't shaped like a slug was put there by mistake, and may be anything.
        told = ", ".join(slug if _SLUG.fullmatch(slug) else "(not a slug)" for slug in (*unknown, *empty))
        sheet.failed(
            "service_codes", f"no such procedure, or no code: {told}", "use the slugs of `gateway procedures`"
        )
        return
    guessed = sum(
        procedure.service_code_guess and procedure.slug not in connection.service_codes
        for procedure in catalogue.procedures
    )
    detail = f"{len(slugs) - guessed} of {len(slugs)} codes are known, {guessed} are this project's guess"
    sheet.passed("service_codes", detail, remedy="ask C06 for the MaDVC of each procedure" if guessed else "")


def _look_at_integration_codes(sheet: Sheet, connection: Connection) -> None:
    codes = {**DEFAULT_INTEGRATION_CODES, **connection.integration_codes}
    bad = [
        operation.value
        for operation in Operation
        if not codes[operation].isascii() or not codes[operation].isdigit()
    ]
    if bad:
        sheet.failed(
            "integration_codes", f"digits are expected for {', '.join(bad)}", "correct integration_codes"
        )
        return
    unset = [operation.value for operation in Operation if operation not in connection.integration_codes]
    detail = f"taken from the project's own list: {', '.join(unset)}" if unset else "all five are set"
    sheet.passed("integration_codes", detail)


def _look_at_expiry(sheet: Sheet, expires_on: date | None, day: date) -> None:
    if expires_on is None:
        sheet.passed("expiry", "no day of expiry is set", remedy="set expires_on if C06 named a day")
        return
    left = (expires_on - day).days
    if left < 0:
        sheet.failed(
            "expiry",
            f"the account ended {-left} day(s) ago",
            "have C06 renew the account, then set expires_on",
        )
    else:
        remedy = "have C06 renew the account soon" if left <= WARNING_DAYS else ""
        sheet.passed("expiry", f"{left} day(s) left", remedy=remedy)
