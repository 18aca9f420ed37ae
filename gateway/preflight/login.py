"""The lines of a preflight that its first question decides: clock, token, login, and the unit of the timestamp.

A login is tried once. A refusal doesn't say what was wrong, and C06 may lock the account; so nothing else is tried, on
either profile, and a person decides (docs/decisions/0055).
"""

from gateway.errors.registry import RegistryCredentialsRejected, RegistryRefused
from gateway.preflight.probe import Probe
from gateway.preflight.recorder import IMPOSSIBLE, ProbeOutcome, ProbeResult
from gateway.preflight.report import Report
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.registry.connection import Connection, Dialect, TimestampUnit

_REMEDIES = {
    403: "the account is not active: ask C06 whether it is granted, suspended or revoked",
    429: "the account is over its rate: run the preflight again later, or ask C06 for a higher one",
}
_UNITS = {TimestampUnit.MILLISECONDS: "milliseconds", TimestampUnit.SECONDS: "seconds"}
_WARN_SECONDS, _FAIL_SECONDS = 60, 300


async def log_in(report: Report, probe: Probe, connection: Connection, procedure: Procedure) -> ProbeResult:
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
