"""Ask C06 in a connection's dialect: SOAP 1.1, its own protocol, or JSON through a provincial platform (LGSP).

The SOAP envelope is an escaped template: building a tree with a library costs ten times as much. Three JSON wrappers are
known: `passthrough` is the SOAP message converted to JSON; `camel` answers `{"data": …}`; `pascal` answers the whole SOAP
envelope as a string.
"""

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

from gateway.errors.registry import RegistryAnswerInvalid, RegistryUnavailable
from gateway.procedures.fields import Operation
from gateway.registry import wire as names
from gateway.registry.connection import Connection, DateForm, Dialect
from gateway.registry.http_sender import HttpAnswer
from gateway.registry.model import Question
from gateway.registry.reader import Branch, branch_of, branches_of, leaf, parse_envelope, parse_object
from gateway.registry.refusals import refuse_error_code, refuse_fault
from gateway.registry.session import RegistrySession
from gateway.registry.wire import Message, message_of

_SOAP_HEADERS = {"content-type": "text/xml; charset=utf-8", "accept": "text/xml", "soapaction": '""'}
_JSON_HEADERS = {"content-type": "application/json; charset=utf-8", "accept": "application/json"}


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
