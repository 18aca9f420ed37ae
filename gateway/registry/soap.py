"""Ask C06 in SOAP 1.1, its own protocol.

The envelope is an escaped template: building a tree with a library costs ten times as much.
"""

from xml.sax.saxutils import escape

from gateway.errors.registry import RegistryAnswerInvalid, RegistryUnavailable
from gateway.registry import wire as names
from gateway.registry.connection import Connection, DateForm
from gateway.registry.model import Question
from gateway.registry.reader import Branch, parse_envelope
from gateway.registry.refusals import refuse_fault
from gateway.registry.session import RegistrySession
from gateway.registry.wire import Message, message_of

_HEADERS = {"content-type": "text/xml; charset=utf-8", "accept": "text/xml", "soapaction": '""'}


async def ask(session: RegistrySession, connection: Connection, question: Question) -> Branch:
    """Send a question and return the body of the answer; raises `RegistryError`."""
    content = question.content or write(question, connection)
    answer = await session.call(question, question.operation.value, _HEADERS, content)
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


def write(question: Question, connection: Connection) -> bytes:
    """Return the body of a question as it is sent. Raises `RequestInvalid` or `ClaimInvalid`."""
    return write_envelope(question.operation.value, message_of(question, connection))


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
