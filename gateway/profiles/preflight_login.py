"""The lines of a preflight that its first question settles: clock, token, login, and the unit of its timestamp.

A login is tried once. A refusal doesn't say what was wrong, so no other unit, user or secret is tried after it, on
neither profile: a person decides (docs/decisions/0055).
"""

from gateway.errors.registry import RegistryCredentialsRejected, RegistryRefused
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure
from gateway.profiles.preflight_sheet import Sheet
from gateway.profiles.preflight_words import why
from gateway.registry.connection import Connection, Dialect, TimestampUnit
from gateway.registry.probe import Probe
from gateway.registry.probe_model import IMPOSSIBLE, Asked, Outcome

_REMEDIES = {
    403: "the account is not active: ask C06 whether it is granted, suspended or revoked",
    429: "the account is over its rate: run the preflight again later, or ask C06 for a higher one",
}
_WARN_SECONDS, _FAIL_SECONDS = 60, 300


async def log_in(sheet: Sheet, probe: Probe, connection: Connection, procedure: Procedure) -> Asked:
    """Ask one question, and note what it says of clock, token and login."""
    asked = await probe.ask(Operation.AUTHENTICATE, IMPOSSIBLE, procedure)
    _judge_clock(sheet, asked)
    _judge_token(sheet, connection, asked)
    _judge_login(sheet, connection, asked)
    return asked


def _judge_clock(sheet: Sheet, asked: Asked) -> None:
    if asked.status is None:
        return
    if asked.skew_seconds is None:
        sheet.passed("clock_skew", "the registry's answers tell no time")
        return
    skew = round(asked.skew_seconds)
    detail = f"the registry's clock is {abs(skew)} s {'ahead' if skew > 0 else 'behind'}"
    remedy = "set this machine's clock by NTP; the registry refuses a login that is more than 300 s away"
    if abs(skew) > _FAIL_SECONDS:
        sheet.failed("clock_skew", detail, remedy)
    else:
        sheet.passed("clock_skew", detail, remedy=remedy if abs(skew) > _WARN_SECONDS else "")


def _judge_token(sheet: Sheet, connection: Connection, asked: Asked) -> None:
    if connection.dialect is Dialect.SOAP:
        sheet.passed("token", "this dialect needs no token")
    elif asked.sent:
        sheet.passed("token", "the platform issued a token")
    else:
        remedy = "correct ngsp_key, ngsp_secret and adapter, or ask the platform's operators"
        sheet.failed("token", why(asked), remedy, ms=asked.ms)
        sheet.stop("the platform issued no token")


def _judge_login(sheet: Sheet, connection: Connection, asked: Asked) -> None:
    if sheet.stopped:
        return
    failure = asked.failure
    if failure is None or isinstance(failure, RegistryRefused) or asked.outcome is Outcome.SOMEBODY:
        sheet.passed("login", "the registry took the login", ms=asked.ms)
        _note_unit(sheet, connection)
        return
    sheet.failed("login", why(asked), _remedy_of_login(connection, asked), ms=asked.ms)
    if isinstance(failure, RegistryCredentialsRejected):
        if connection.dialect is Dialect.SOAP and asked.status == 401:
            _suspect_unit(sheet, connection)
        sheet.stop("the login was refused, and is not tried twice")
    else:
        sheet.stop("the registry gave no answer that can be read")


def _note_unit(sheet: Sheet, connection: Connection) -> None:
    if connection.dialect is Dialect.SOAP:
        sheet.passed("timestamp_unit", f"the registry took Timestamp in {_unit(connection.timestamp_unit)}")
    else:
        sheet.passed("timestamp_unit", "this dialect sends no Timestamp")


def _suspect_unit(sheet: Sheet, connection: Connection) -> None:
    """Say which other unit there is; it is a person who tries it, since a refusal doesn't say what was wrong."""
    now = connection.timestamp_unit
    other = TimestampUnit.SECONDS if now is TimestampUnit.MILLISECONDS else TimestampUnit.MILLISECONDS
    sheet.failed(
        "timestamp_unit",
        f"Timestamp was sent in {_unit(now)}, and the refusal does not say whether that was wrong",
        f'if user and secret are right, set timestamp_unit to "{other.value}" ({_unit(other)}) and run the preflight again',
    )


def _unit(unit: TimestampUnit) -> str:
    return "milliseconds" if unit is TimestampUnit.MILLISECONDS else "seconds"


def _remedy_of_login(connection: Connection, asked: Asked) -> str:
    if asked.status in _REMEDIES:
        return _REMEDIES[asked.status]
    if isinstance(asked.failure, RegistryCredentialsRejected):
        if asked.skew_seconds is not None and abs(asked.skew_seconds) > _FAIL_SECONDS:
            return "set this machine's clock by NTP first, then run the preflight again"
        if connection.dialect is Dialect.SOAP:
            return "correct c06_user and c06_secret; each wrong try brings the account nearer to a lock"
        return "correct the adapter's members, or ask the platform's operators"
    if _is_redirected(asked):
        return "put the final address into registry_url: redirects are never followed"
    return "look at registry_url and dialect, and whether the registry is up"


def _is_redirected(asked: Asked) -> bool:
    return asked.status is not None and 300 <= asked.status < 400
