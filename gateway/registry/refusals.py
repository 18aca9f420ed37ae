"""Turn the registry's refusals into our errors: SOAP faults, a platform's `error_code`, HTTP statuses.

Returns a refusal's short code and nothing else: fault texts may quote a person.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import structlog

from gateway.clock import Clock
from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryUnavailable,
)
from gateway.registry import wire as names
from gateway.registry.reader import Branch, branch_of, leaf

_log = structlog.get_logger(__name__)

_CODE = re.compile(r"[0-9A-Za-z]{1,8}")
_SUCCESS = frozenset({"0", "00"})
_DECIDED_BY_BODY = frozenset({200, 400, 500})
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_RETRY_SECONDS = re.compile(r"[0-9]{1,6}")
_RETRY_DEFAULT = 5
_RETRY_MAX = 300
_MAX_DATE = 64


def refuse_fault(body: Branch) -> None:
    """Raise our error for a SOAP fault, if the body has one."""
    if names.FAULT not in body:
        return
    fault = branch_of(body[names.FAULT])
    code = leaf(branch_of(fault.get(names.FAULT_DETAIL)), names.REFUSAL_CODE)
    if code:
        raise RegistryRefused(_short(code))
    if leaf(fault, names.FAULT_CODE).rpartition(":")[2] == "Server":
        raise RegistryUnavailable
    raise RegistryAnswerInvalid("fault without a code")


def refuse_error_code(answer: Branch) -> None:
    """Raise our error for a refusal in a platform's answer, if there is one."""
    code = leaf(answer, "error_code")
    if code and code not in _SUCCESS:
        raise RegistryRefused(_short(code))


def refuse_status(status: int, retry_after: str, clock: Clock) -> None:
    """Raise our error for a status; 200, 400 and 500 raise nothing, since the body decides."""
    if status in _DECIDED_BY_BODY:
        return
    if status in {401, 403}:
        raise RegistryCredentialsRejected
    if status in _UNAVAILABLE:
        raise RegistryUnavailable(_seconds(retry_after, clock.now()))
    if 300 <= status < 400:
        raise RegistryAnswerInvalid("redirected")
    if status > 500:
        raise RegistryUnavailable
    raise RegistryAnswerInvalid("unexpected status")


def unforeseen(error: Exception, at: str) -> RegistryAnswerInvalid:
    """Log an unforeseen error (its class, never a value) and return it as an invalid answer.

    `at` names the step at which it occurred.
    """
    _log.error("registry_unforeseen", error=type(error).__qualname__, at=at)
    return RegistryAnswerInvalid("unforeseen")


def _short(code: str) -> str:
    if _CODE.fullmatch(code) is None:
        raise RegistryAnswerInvalid("malformed refusal code")
    return code


def _seconds(retry_after: str, now: datetime) -> int:
    """Read `Retry-After`, seconds or a date (RFC 9110 §10.2.3), limited to what callers may get."""
    if _RETRY_SECONDS.fullmatch(retry_after) is not None:
        return min(max(int(retry_after), 1), _RETRY_MAX)
    until = find_http_date(retry_after)
    if until is None:
        return _RETRY_DEFAULT
    return min(max(int((until - now).total_seconds()), 1), _RETRY_MAX)


def find_http_date(written: str) -> datetime | None:
    """Return a header's date (RFC 9110 §5.6.7) in UTC; None if it is malformed, impossible or too long."""
    if len(written) > _MAX_DATE:
        return None
    try:
        found = parsedate_to_datetime(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
