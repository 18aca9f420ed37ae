"""Turn the registry's refusals into our errors: SOAP faults, a platform's `error_code`, HTTP's own statuses.

Passes on a refusal's short code and nothing else: fault texts may quote a person.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import structlog

from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryUnavailable,
)
from gateway.registry import wire_names as names
from gateway.registry.tree import Branch, branch_of, leaf

_log = structlog.get_logger(__name__)

_CODE = re.compile(r"[0-9A-Za-z]{1,8}")
_SUCCESS = frozenset({"0", "00"})
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_RETRY_SECONDS = re.compile(r"[0-9]{1,6}")
_RETRY_DEFAULT = 5
_RETRY_LONGEST = 300
_LONGEST_DATE = 64


def refuse_fault(body: Branch) -> None:
    """Raise what a SOAP fault means, if the body holds one."""
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
    """Raise the refusal that a platform's answer carries, if it carries one."""
    code = leaf(answer, "error_code")
    if code and code not in _SUCCESS:
        raise RegistryRefused(_short(code))


def refuse_status(status: int, retry_after: str, now: datetime) -> None:
    """Raise what the status alone means; 200, 400 and 500 are left to be read."""
    if status in {401, 403}:
        raise RegistryCredentialsRejected
    if status in _UNAVAILABLE:
        raise RegistryUnavailable(_seconds(retry_after, now))
    if 300 <= status < 400:
        raise RegistryAnswerInvalid("redirected")
    if status > 500:
        raise RegistryUnavailable
    if status not in {200, 400, 500}:
        raise RegistryAnswerInvalid("unexpected status")


def unforeseen(error: Exception, at: str) -> RegistryAnswerInvalid:
    """Return what an answer is that no check of ours foresaw, and raise the alarm: a class's name, never a value.

    `at` names the piece that met it.
    """
    _log.error("registry_unforeseen", error=type(error).__qualname__, at=at)
    return RegistryAnswerInvalid("unforeseen")


def _short(code: str) -> str:
    if _CODE.fullmatch(code) is None:
        raise RegistryAnswerInvalid("malformed refusal code")
    return code


def _seconds(retry_after: str, now: datetime) -> int:
    """Read `Retry-After`, seconds or a date (RFC 9110 §10.2.3), within what a caller may be told."""
    if _RETRY_SECONDS.fullmatch(retry_after) is not None:
        return min(max(int(retry_after), 1), _RETRY_LONGEST)
    until = find_http_date(retry_after)
    if until is None:
        return _RETRY_DEFAULT
    return min(max(int((until - now).total_seconds()), 1), _RETRY_LONGEST)


def find_http_date(written: str) -> datetime | None:
    """Return the instant in UTC that a header's date (RFC 9110 §5.6.7) names; None where it names none.

    A year, a day or a zone outside what a calendar holds is no date: the header is then as good as absent.
    """
    if len(written) > _LONGEST_DATE:
        return None
    try:
        found = parsedate_to_datetime(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
