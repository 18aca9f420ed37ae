"""Run a preflight: check, line by line, whether a candidate connection would work, before anything is switched.

The connection's members and the endpoint are checked first, and nothing is sent if a question could carry the wrong
credential or reach the wrong registry; then one login; then each operation with a number that nobody can have. The
recorder gets every question before it is sent. Nothing is changed or kept. See docs/decisions/0055.

A login is tried once. A refusal doesn't say what was wrong, and C06 may lock the account; so nothing else is tried, on
either profile, and a person decides.
"""

import re
from collections.abc import Collection, Sequence
from datetime import date

from gateway.clock import Clock, today
from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import FieldsError, RegistryCredentialsRejected, RegistryRefused
from gateway.identifiers import Profile
from gateway.preflight.candidate import OtherProfile, check_endpoint, find_shared_members
from gateway.preflight.operations import OperationsCheck
from gateway.preflight.probe import Probe, check_messages
from gateway.preflight.recorder import IMPOSSIBLE, PreflightNetwork, ProbeOutcome, ProbeRecorder, ProbeResult
from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS, Preflight, Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.model import Operation, Procedure
from gateway.profiles.revisions import WARNING_DAYS
from gateway.registry.connection import Connection, Dialect, TimestampUnit
from gateway.registry.model import Claim

FIRST_PROCEDURE = "khai-sinh"
"""The procedure whose MaDVC is known, not guessed."""

_REMEDIES = {
    403: "the account is not active: ask C06 whether it is granted, suspended or revoked",
    429: "the account is over its rate: run the preflight again later, or ask C06 for a higher one",
}
_SLUG = re.compile(r"[a-z]{1,20}(-[a-z]{1,20}){0,6}")
_MEMBERS = {
    "initiated_by.id": "officer",
    "organisation": "agency",
    "procedure": "service_codes",
    "operation": "integration_codes",
}
"""The member of the connection that each field of a question comes from."""
_UNITS = {TimestampUnit.MILLISECONDS: "milliseconds", TimestampUnit.SECONDS: "seconds"}
_WARN_SECONDS, _FAIL_SECONDS = 60, 300


async def run_preflight(
    connection: Connection,
    *,
    other: OtherProfile,
    catalogue: Catalogue,
    preflight_network: PreflightNetwork,
    clock: Clock,
    recorder: ProbeRecorder,
    expires_on: date | None = None,
    test_identity: Claim | None = None,
    procedures: Sequence[str] = (FIRST_PROCEDURE,),
    operations: Collection[Operation] = tuple(Operation),
    login_only: bool = False,
) -> Preflight:
    """Return all lines; an error of the recorder is raised, any other failure is a line.

    `other`: the candidate must share nothing with it. `procedures` are slugs: one question for each shows whether it is
    licensed, and the operations are asked with the first. `operations` must be licensed; `AUTHENTICATE` is always among
    them, and the report leaves the fields of the other operations to the citizen. `test_identity` is a person that the
    registry issued for tests; the report says only whether the registry knows it. `login_only` ends after the login, one
    question with the impossible number.

    Raises:
        KeyError: a slug that the catalogue doesn't have.
    """
    report = Report(clock)
    known = {procedure.slug: procedure for procedure in catalogue.procedures}
    chosen = tuple(known[slug] for slug in procedures)
    _check_members(report, connection, other, expires_on, catalogue, clock)
    if not report.stopped:
        await check_endpoint(report, connection, other, preflight_network.resolve, clock)
    if not report.stopped:
        try:
            probe = Probe(connection, preflight_network=preflight_network, clock=clock, recorder=recorder)
        except SettingInvalid as error:
            report.failed("login", error.reason, "complete the credentials of this dialect")
            report.stop("the credentials are not complete")
        else:
            # On sandbox no answer can be about a real person, so the forms of answers may be reported.
            check = OperationsCheck(
                report=report,
                probe=probe,
                procedures=chosen,
                operations=frozenset(operations) | {Operation.AUTHENTICATE},
                test_identity=test_identity,
                shows_forms=connection.profile is Profile.SANDBOX,
            )
            try:
                first = await _log_in(report, probe, connection, chosen[0])
                if not login_only:
                    await check.ask(first)
            finally:
                await probe.aclose()
            if not login_only:
                check.judge(catalogue)
    return report.finish((*BEFORE_LOGIN, *LOGIN, *(() if login_only else QUESTIONS)))


def _check_members(
    report: Report,
    connection: Connection,
    other: OtherProfile,
    expires_on: date | None,
    catalogue: Catalogue,
    clock: Clock,
) -> None:
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
    codes = {each: connection.integration_code(each) for each in Operation}
    bad = [each.value for each, code in codes.items() if not (code.isascii() and code.isdigit())]
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


async def _log_in(report: Report, probe: Probe, connection: Connection, procedure: Procedure) -> ProbeResult:
    """Ask one question, and report what it shows about clock, token and login."""
    asked = await probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
    _judge_clock(report, asked)
    _judge_token(report, connection, asked)
    _judge_login(report, connection, asked)
    return asked


def _judge_clock(report: Report, asked: ProbeResult) -> None:
    if asked.status is None:
        return
    if asked.skew_seconds is None:
        report.passed("clock_skew", "the registry's answers have no date")
        return
    skew = round(asked.skew_seconds)
    detail = f"the registry's clock is {abs(skew)} s {'ahead' if skew > 0 else 'behind'}"
    remedy = "set this machine's clock by NTP; the registry refuses a login that is more than 300 s away"
    if abs(skew) > _FAIL_SECONDS:
        report.failed("clock_skew", detail, remedy)
    else:
        report.passed("clock_skew", detail, remedy=remedy if abs(skew) > _WARN_SECONDS else "")


def _judge_token(report: Report, connection: Connection, asked: ProbeResult) -> None:
    if connection.dialect is Dialect.SOAP:
        report.passed("token", "this dialect needs no token")
    elif asked.sent:
        report.passed("token", "the platform issued a token")
    else:
        remedy = "correct ngsp_key, ngsp_secret and adapter, or ask the platform's operators"
        report.failed("token", asked.failure_text, remedy, ms=asked.ms)
        report.stop("the platform issued no token")


def _judge_login(report: Report, connection: Connection, asked: ProbeResult) -> None:
    if report.stopped:
        return
    failure = asked.failure
    if failure is None or isinstance(failure, RegistryRefused) or asked.outcome is ProbeOutcome.SOMEBODY:
        report.passed("login", "the registry accepted the login", ms=asked.ms)
        unit = f"the registry accepted Timestamp in {_UNITS[connection.timestamp_unit]}"
        is_soap = connection.dialect is Dialect.SOAP
        report.passed("timestamp_unit", unit if is_soap else "this dialect sends no Timestamp")
        return
    report.failed("login", asked.failure_text, _remedy_of_login(connection, asked), ms=asked.ms)
    if isinstance(failure, RegistryCredentialsRejected):
        if connection.dialect is Dialect.SOAP and asked.status == 401:
            _suspect_unit(report, connection)
        report.stop("the login was refused, and is not tried again")
    else:
        report.stop("the registry gave no readable answer")


def _suspect_unit(report: Report, connection: Connection) -> None:
    """Report that the unit may be wrong, and name the other one for a person to try."""
    now = connection.timestamp_unit
    other = TimestampUnit.SECONDS if now is TimestampUnit.MILLISECONDS else TimestampUnit.MILLISECONDS
    report.failed(
        "timestamp_unit",
        f"Timestamp was sent in {_UNITS[now]}, and the refusal does not say whether that was wrong",
        f'if user and secret are right, set timestamp_unit to "{other.value}" ({_UNITS[other]}) and run the preflight again',
    )


def _remedy_of_login(connection: Connection, asked: ProbeResult) -> str:
    if asked.status in _REMEDIES:
        return _REMEDIES[asked.status]
    if isinstance(asked.failure, RegistryCredentialsRejected):
        if asked.skew_seconds is not None and abs(asked.skew_seconds) > _FAIL_SECONDS:
            return "set this machine's clock by NTP first, then run the preflight again"
        if connection.dialect is Dialect.SOAP:
            return "correct c06_user and c06_secret; C06 locks the account after several wrong logins"
        return "correct the adapter's members, or ask the platform's operators"
    if asked.status is not None and 300 <= asked.status < 400:
        return "set registry_url to the final address: redirects are never followed"
    return "check registry_url and dialect, and whether the registry is up"
