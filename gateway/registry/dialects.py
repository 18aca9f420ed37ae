"""Ask C06 in a connection's dialect: SOAP 1.1, its own protocol, or JSON through a provincial platform (LGSP).

The SOAP envelope is an escaped template: building a tree with a library costs ten times as much. Three JSON wrappers are
known: `passthrough` is the SOAP message converted to JSON; `camel` answers `{"data": …}`; `pascal` answers the whole SOAP
envelope as a string.

Refuses a value that is too long or not plain text for C06, before anything is sent. A refusal in an answer becomes our error
with its short code and nothing else: fault texts may quote a person.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryRefused,
    RegistryUnavailable,
    RequestInvalid,
)
from gateway.procedures.model import Operation
from gateway.registry import wire as names
from gateway.registry.connection import Connection, DateForm, Dialect
from gateway.registry.http_sender import HttpAnswer
from gateway.registry.model import REFUSED_VALUE, Question
from gateway.registry.reader import Branch, branch_of, branches_of, leaf, parse_envelope, parse_object
from gateway.registry.session import RegistrySession

_SOAP_HEADERS = {"content-type": "text/xml; charset=utf-8", "accept": "text/xml", "soapaction": '""'}
_JSON_HEADERS = {"content-type": "application/json; charset=utf-8", "accept": "application/json"}
_CODE = re.compile(r"[0-9A-Za-z]{1,8}")
_SUCCESS = frozenset({"0", "00"})
_LIMITS = {
    names.REQUEST_CODE: ("request_code", 40),
    names.SERVICE_CODE: ("procedure", 20),
    names.INTEGRATION_CODE: ("operation", 20),
    names.OFFICER: ("initiated_by.id", 20),
    names.AGENCY: ("organisation", 35),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """A question as a message of C06: plain members in order, then the date or the year of birth."""

    members: tuple[tuple[str, str], ...]
    birth_date: date | None
    birth_year: int | None
    date_form: DateForm | None = None

    def birth(self, usual: DateForm) -> str:
        """Return the birth date in the connection's form, or in the dialect's usual one; or the year."""
        if self.birth_date is None:
            return f"{self.birth_year:04d}"
        written = self.birth_date.isoformat()
        return written.replace("-", "") if (self.date_form or usual) is DateForm.COMPACT else written


def message_of(question: Question, connection: Connection) -> Message:
    """Return the question as a message; the connection has the agency, and may have its own codes.

    Raises `RequestInvalid` for a value that is too long or not plain text for C06, `ClaimInvalid` for such a name.
    """
    claim = question.claim
    plain = (
        (names.REQUEST_CODE, question.request_code),
        (names.SERVICE_CODE, connection.service_codes.get(question.procedure, question.service_code)),
        (names.INTEGRATION_CODE, connection.integration_code(question.operation)),
        (names.OFFICER, question.officer),
        (names.AGENCY, connection.agency),
    )
    for name, value in plain:
        field, limit = _LIMITS[name]
        if len(value) > limit or not value.isprintable():
            raise RequestInvalid.of(field, REFUSED_VALUE)
    number = (
        (names.CITIZEN_ID, claim.citizen_id)
        if claim.citizen_id is not None
        else (names.ID_CARD_NUMBER, claim.id_card_number or "")
    )
    return Message(
        members=(*plain, number, (names.FULL_NAME, claim.registry_name)),
        birth_date=claim.birth_date,
        birth_year=claim.birth_year,
        date_form=connection.date_form,
    )


async def ask(session: RegistrySession, connection: Connection, question: Question) -> Branch:
    """Send a question and return the body of the answer; raises `RegistryError`."""
    content = question.content or write(question, connection)
    if connection.dialect is Dialect.SOAP:
        return await _ask_in_soap(session, question, content)
    return await _ask_in_json(session, connection.dialect, question, content)


def write(question: Question, connection: Connection) -> bytes:
    """Return the body of a question as it is sent. Raises `RequestInvalid` or `ClaimInvalid`."""
    message = message_of(question, connection)
    if connection.dialect is Dialect.SOAP:
        return write_envelope(question.operation.value, message)
    wrap, _ = _WRAPPERS[connection.dialect]
    return json.dumps(wrap(message), ensure_ascii=False).encode()


async def _ask_in_soap(session: RegistrySession, question: Question, content: bytes) -> Branch:
    answer = await session.call(question, question.operation.value, _SOAP_HEADERS, content)
    try:
        body = parse_envelope(answer.content)
    except RegistryAnswerInvalid:
        if answer.status >= 500:  # a proxy's error page, not an answer of C06
            raise RegistryUnavailable from None
        raise
    refuse_fault(body)
    if answer.status != 200:
        raise RegistryAnswerInvalid("unexpected status")
    return body


async def _ask_in_json(
    session: RegistrySession, dialect: Dialect, question: Question, content: bytes
) -> Branch:
    _, read = _WRAPPERS[dialect]
    answer = await session.call(question, _first_lower(question.operation.value), _JSON_HEADERS, content)
    body = read(_read_object(answer), question.operation)
    refuse_fault(body)
    return body


def write_envelope(operation: str, message: Message) -> bytes:
    """Return a question as the bytes of a SOAP 1.1 request."""
    members = "".join(f"<dan:{name}>{escape(value)}</dan:{name}>" for name, value in message.members)
    part = names.BIRTH_YEAR if message.birth_date is None else names.BIRTH_DATE
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<soapenv:Envelope xmlns:soapenv="{names.SOAP_NAMESPACE}" xmlns:dan="{names.REQUEST_NAMESPACE}">'
        f"<soapenv:Header/><soapenv:Body><dan:{operation}>{members}"
        f"<dan:{names.BIRTH}><dan:{part}>{message.birth(DateForm.COMPACT)}</dan:{part}></dan:{names.BIRTH}>"
        f"</dan:{operation}></soapenv:Body></soapenv:Envelope>"
    ).encode()


def write_passthrough(message: Message) -> dict[str, object]:
    """Return the SOAP request's body as JSON."""
    part = names.BIRTH_YEAR if message.birth_date is None else names.BIRTH_DATE
    return {**dict(message.members), names.BIRTH: {part: message.birth(DateForm.COMPACT)}}


def write_camel(message: Message) -> dict[str, object]:
    """Return the flat camelCase request, its date with hyphens."""
    members = {_first_lower(name): value for name, value in message.members}
    return {**members, names.CAMEL_BIRTH: message.birth(DateForm.HYPHENS)}


def write_pascal(message: Message) -> dict[str, object]:
    """Return the flat PascalCase request, its date without hyphens."""
    return {**dict(message.members), names.BIRTH: message.birth(DateForm.COMPACT)}


def _first_lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _read_object(answer: HttpAnswer) -> Branch:
    try:
        found = parse_object(answer.content)
    except RegistryAnswerInvalid:
        if answer.status >= 500:  # a proxy's error page, not an answer of the platform
            raise RegistryUnavailable from None
        raise
    refuse_error_code(found)
    if answer.status >= 500:
        raise RegistryUnavailable
    if answer.status != 200:
        raise RegistryAnswerInvalid("unexpected status")
    return found


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


def _short(code: str) -> str:
    if _CODE.fullmatch(code) is None:
        raise RegistryAnswerInvalid("malformed refusal code")
    return code


def _read_passthrough(found: Branch, _operation: Operation) -> Branch:
    if "Envelope" in found and "Body" in found:
        raise RegistryAnswerInvalid("two bodies")
    envelope = branch_of(found["Envelope"]) if "Envelope" in found else found
    if "Body" not in envelope:
        raise RegistryAnswerInvalid("answer without a body")
    return branch_of(envelope["Body"])


def _read_camel(found: Branch, operation: Operation) -> Branch:
    """Return `data` in the shape of the SOAP body: a boolean is a verdict, else a person or a collection."""
    if "data" not in found:
        raise RegistryAnswerInvalid("answer without data")
    data = found["data"]
    if operation is Operation.AUTHENTICATE:
        return {names.VERDICT_RESULT: {names.VERDICT_EXISTS: data}}
    people = branches_of(data)
    if len(people) == 1 and names.COLLECTION in people[0]:
        return people[0]
    if len(people) == 1 and names.CITIZEN in people[0]:
        return {names.COLLECTION: dict(people[0])}
    as_of = leaf(people[0], names.COLLECTION_AS_OF) if len(people) == 1 else ""
    return {names.COLLECTION: {names.CITIZEN: data, names.COLLECTION_AS_OF: as_of}}


def _read_pascal(found: Branch, _operation: Operation) -> Branch:
    if not leaf(found, "error_code"):  # this wrapper sends 0 with each answer
        raise RegistryAnswerInvalid("answer without a code")
    message = found.get("message")
    if not isinstance(message, str) or not message:
        raise RegistryAnswerInvalid("answer without a message")
    try:
        raw = message.encode()
    except UnicodeEncodeError:
        raise RegistryAnswerInvalid("encoding is not UTF-8") from None
    return parse_envelope(raw)


_WRAPPERS: dict[
    Dialect, tuple[Callable[[Message], dict[str, object]], Callable[[Branch, Operation], Branch]]
] = {
    Dialect.LGSP_PASSTHROUGH: (write_passthrough, _read_passthrough),
    Dialect.LGSP_CAMEL: (write_camel, _read_camel),
    Dialect.LGSP_PASCAL: (write_pascal, _read_pascal),
}
