"""Which readings of C06 an endpoint showed: the parity ledger's entries that the form of an answer can decide.

`EXPECTED` names entries by the ledger's own ids, with what is expected and what the other reading is; a test holds it
against the ledger. Says nothing of what it did not see; what the form of an answer shows is told by `answer_forms.py`.
Source: docs/parity.md.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.procedures.fields import Operation
from gateway.registry.connection import (
    DEFAULT_INTEGRATION_CODES,
    Connection,
    DateForm,
    Dialect,
    TimestampUnit,
)
from gateway.registry.payloads import json_of

EXPECTED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "soap-1.1": ("SOAP 1.1 is spoken", "another tongue is spoken"),
        "namespaces": ("answers stand in the namespace of QCVN 109", "answers stand in another namespace"),
        "wrappers": ("the platform wraps as this dialect says", "the platform wraps otherwise"),
        "json-envelope": ("the wrapper begins at Body", "the wrapper begins at Envelope"),
        "c06-login": ("the login by a hash over the URL is taken", "the login is another"),
        "timestamp-unit": ("Timestamp counts milliseconds", "Timestamp counts seconds"),
        "platform-token": ("a token is a UUID that lives an hour", "a token has another form or life"),
        "date-forms-in": ("dates without hyphens are taken", "dates need hyphens"),
        "integration-codes": ("003 is the verdict's code, 037 the record's", "these codes are others"),
        "integration-codes-further": ("038 to 040 are the further codes", "the further codes are others"),
        "verdict-form": ("a verdict is a count", "a verdict is true or false"),
        "verdict-boolean": ("a verdict is a JSON boolean", "a verdict is a text"),
        "match-silence": ("no match is an empty answer", "no match says more"),
        "match-triple": ("number, name and birth together find the person", "they do not"),
        "nobody": ("nobody is a collection without people", "nobody is a person with nothing in them"),
        "nobody-without-collection": ("nobody has a collection", "nobody has none"),
        "collection-attributes": ("a collection says how many and of when", "a collection says nothing"),
        "date-forms-out": ("dates are answered without hyphens", "dates are answered with hyphens"),
        "name-in-ten": ("the whole name stands in one part", "the name is split in three"),
        "relatives-as-text": ("relatives' names are plain text", "relatives' names have parts"),
        "empty-elements": ("what is not known is an empty element", "what is not known is left out"),
        "padded-codes": ("codes keep their zeros", "codes come without their zeros"),
        "object-or-list": ("one person comes as an object", "one person comes as a list"),
        "life-status": ("a person's state is told", "a person's state is not told"),
        "household-members": ("members are repeated", "members stand in a list of their own"),
        "partial-records": ("further operations bring their part alone", "further operations bring more"),
        "refusal-form": ("refusals come under the status expected", "refusals come under another status"),
        "licence-codes": ("procedures and officers are refused by 004 and 005", "they are not"),
        "operation-code": ("an operation is refused by 006", "an operation is refused otherwise"),
    }
)

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Seen = tuple[str, bool]
"""An entry's id, and whether it was as expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One entry of the ledger as this endpoint showed it."""

    id: str
    confirmed: bool

    @property
    def words(self) -> str:
        """Return what was seen, in words."""
        expected, otherwise = EXPECTED[self.id]
        return expected if self.confirmed else otherwise


def united(seen: Iterable[Seen]) -> tuple[Reading, ...]:
    """Return one reading an entry, in the table's order; one answer otherwise outweighs others as expected."""
    found: dict[str, bool] = {}
    for name, confirmed in seen:
        found[name] = confirmed and found.get(name, True)
    return tuple(Reading(id=name, confirmed=found[name]) for name in EXPECTED if name in found)


def see_question(connection: Connection, operation: Operation, *, dated: bool) -> Iterator[Seen]:
    """Tell what it means that a question was answered at all, whatever the answer."""
    if connection.dialect is Dialect.SOAP:
        yield "soap-1.1", True
        yield "namespaces", True
        yield "c06-login", True
        yield "timestamp-unit", connection.timestamp_unit is TimestampUnit.MILLISECONDS
    else:
        yield "wrappers", True
    usual = DateForm.HYPHENS if connection.dialect is Dialect.LGSP_CAMEL else DateForm.COMPACT
    if dated and (connection.date_form or usual) is DateForm.COMPACT:
        yield "date-forms-in", True
    expected = DEFAULT_INTEGRATION_CODES[operation]
    first = operation in {Operation.AUTHENTICATE, Operation.LOOK_UP}
    as_expected = connection.integration_codes.get(operation, expected) == expected
    yield "integration-codes" if first else "integration-codes-further", as_expected


def see_refusal(dialect: Dialect, status: int, code: str) -> Iterator[Seen]:
    """Tell what a refusal shows by its status and its code."""
    yield "refusal-form", status == (500 if dialect is Dialect.SOAP else 200)
    if code in {"004", "005"}:
        yield "licence-codes", True
    if code == "006":
        yield "operation-code", True


def see_token(content: bytes) -> Iterator[Seen]:
    """Tell what a token call's answer shows, good or bad."""
    try:
        found = json_of(content)
    except (ValueError, RecursionError):
        return
    if "access_token" in found:
        is_uuid = _UUID.fullmatch(str(found["access_token"])) is not None
        yield "platform-token", is_uuid and str(found.get("expires_in")) == "3600"
