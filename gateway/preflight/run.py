"""Run a preflight: check, line by line, whether a candidate connection would work, before anything is switched.

The other profile and the endpoint are checked first, and nothing is sent if a check there fails; then one login; then
each operation with a number that nobody can have. The recorder gets every question before it is sent. Nothing is
changed or kept. See docs/decisions/0055.

A login is tried once. A refusal doesn't say what was wrong, and C06 may lock the account; so nothing else is tried, on
either profile, and a person decides.
"""

from collections.abc import Collection, Sequence
from datetime import date

from gateway.clock import Clock
from gateway.errors.operators import SettingInvalid
from gateway.errors.registry import RegistryCredentialsRejected, RegistryRefused
from gateway.identifiers import Profile
from gateway.preflight.members import check_members
from gateway.preflight.network import OtherProfile, check_endpoint
from gateway.preflight.operations import OperationsCheck
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, PreflightNetwork, ProbeOutcome, ProbeRecorder, ProbeResult
from gateway.preflight.report import BEFORE_LOGIN, LOGIN, QUESTIONS, Preflight, Report
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.registry.connection import Connection, Dialect, TimestampUnit
from gateway.registry.model import Claim

FIRST_PROCEDURE = "khai-sinh"
"""The procedure whose MaDVC is known, not guessed."""

_REMEDIES = {
    403: "the account is not active: ask C06 whether it is granted, suspended or revoked",
    429: "the account is over its rate: run the preflight again later, or ask C06 for a higher one",
}
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

    `other`: the candidate must share nothing with it. `procedures` are slugs, each asked for its licence; the operations
    are asked with the first. `operations` must be licensed; `AUTHENTICATE` is always among them, and the fields of the
    others are reported as left to the citizen. `test_identity` is a person that the registry issued for tests; the
    report says only whether the registry knows it. `login_only` ends after the login, one question with the impossible
    number.

    Raises:
        KeyError: a slug that the catalogue doesn't have.
    """
    report = Report(clock)
    known = {procedure.slug: procedure for procedure in catalogue.procedures}
    chosen = tuple(known[slug] for slug in procedures)
    check_members(report, connection, other, expires_on, catalogue, clock)
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
