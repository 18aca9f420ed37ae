"""The header `Idempotency-Key`: its form is a guard of shape, judged together with the body's.

Refuses a repeated header and what could be a person's number, unless it is a UUID; never repeats a value.
"""

import re
from collections.abc import Sequence

from starlette.requests import Request

from gateway.errors import FieldError
from gateway.identifiers import NO_LONG_NUMBER, UUID, is_uuid, refuse_long_number

HEADER = "Idempotency-Key"
_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
PATTERN = f"^(?:{UUID}|{NO_LONG_NUMBER}{_FORM.pattern})$"
"""The same as `parse_key`, for the document."""


def parse_key(values: Sequence[str]) -> str | None:
    """Return the key of a request's headers, None where there is none. Raises `ValueError`."""
    if not values:
        return None
    if len(values) > 1:
        raise ValueError("one header at most")
    if not _FORM.fullmatch(values[0]):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ -")
    if not is_uuid(values[0]):
        refuse_long_number(values[0])
    return values[0]


def find_key(request: Request) -> str | None:
    """Return the key of a request. Raises `ValueError`, as `list_key_errors` said before."""
    return parse_key(request.headers.getlist(HEADER))


def list_key_errors(request: Request) -> tuple[FieldError, ...]:
    """Return what is wrong with a request's key, to stand beside what is wrong with its body."""
    try:
        find_key(request)
    except ValueError as error:
        return (FieldError(field=HEADER, code="request_invalid", detail=str(error)),)
    return ()
