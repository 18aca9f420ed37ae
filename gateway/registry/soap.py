"""Ask C06 in SOAP 1.1, its own tongue.

Builds the envelope from an escaped template: a tree built by a library costs ten times as much. Refuses what
`xml_in.py`, `records.py` and `verdicts.py` refuse.
"""

from xml.sax.saxutils import escape

from gateway.errors.registry import RegistryAnswerInvalid, RegistryUnavailable
from gateway.registry import wire_names as names
from gateway.registry.connection import DateForm
from gateway.registry.model import Question
from gateway.registry.outbound import Answer
from gateway.registry.refusals import refuse_fault
from gateway.registry.spoken import SpokenRegistry
from gateway.registry.tree import Branch
from gateway.registry.wire import Message, message_of
from gateway.registry.xml_in import parse_envelope

_HEADERS = {"content-type": "text/xml; charset=utf-8", "accept": "text/xml", "soapaction": '""'}


class SoapRegistry(SpokenRegistry):
    """The registry behind one profile, spoken to in SOAP."""

    async def _ask(self, question: Question) -> Branch:
        operation = question.operation.value
        content = write_envelope(operation, message_of(question, self._connection))
        return _body(await self._session.call(question, operation, _HEADERS, content))


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


def _body(answer: Answer) -> Branch:
    try:
        body = parse_envelope(answer.content)
    except RegistryAnswerInvalid:
        if answer.status >= 500:  # A proxy's page about an error, not C06's own word.
            raise RegistryUnavailable from None
        raise
    refuse_fault(body)
    if answer.status != 200:
        raise RegistryAnswerInvalid("unexpected status")
    return body
