"""What a planned fault does: before the question is looked at, to the answer, or to the bytes that leave.

One small function a kind, in three tables. Two kinds stand in none: a token that expires early is the token
desk's matter (token_call.py), a duplicate refused the exchange's.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from mock_c06.runs.delays import MOST_MS
from mock_c06.runs.faults import Cut, Fault, Kind
from mock_c06.runs.plan import Hit
from mock_c06.wire.answering import Answer
from mock_c06.wire.record import Tree
from mock_c06.wire.reply import HTML, JSON, TEXT, XML, Reply
from mock_c06.wire.soap_out import RESPONSE, write_server_fault

ANNOUNCED = "X-Mock-Fault"
OVERSIZED_BYTES = 16 * 1024 * 1024
FOREIGN_NAMESPACE = "http://gtel.vn/qldc"
_STRANGER = "001199000999"
_HANG_MS = MOST_MS

_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


def _unavailable(_fault: Fault) -> Reply:
    return Reply(status=503, body=b"503 Service Unavailable", content_type=TEXT)


def _maintenance(fault: Fault) -> Reply:
    text = "Hệ thống đang bảo trì, vui lòng quay lại sau".encode()
    return Reply(status=503, body=text, content_type=TEXT, headers={"Retry-After": _seconds(fault, 120_000)})


def _html_error(_fault: Fault) -> Reply:
    return Reply(status=502, body=_HTML, content_type=HTML)


def _unauthorised(_fault: Fault) -> Reply:
    return Reply(status=401, body=b"401 Unauthorized", content_type=TEXT)


def _throttle(fault: Fault) -> Reply:
    headers = {"Retry-After": _seconds(fault, 1000)}
    return Reply(status=429, body=b"429 Too Many Requests", content_type=TEXT, headers=headers)


def _seconds(fault: Fault, default_ms: int) -> str:
    # Rounded up: who waits as long as this says has waited long enough.
    return str(max(1, math.ceil(_or(fault.delay_ms, default_ms) / 1000)))


def _empty(answer: Answer) -> Answer:
    return replace(answer, count=0, records=())


def _two_people(answer: Answer) -> Answer:
    if not answer.count:
        return answer
    doubled = (*answer.records, *(_with(record, SoDinhDanh=_STRANGER) for record in answer.records))
    return replace(answer, count=2, records=doubled)


def _wrong_person(answer: Answer) -> Answer:
    return replace(
        answer,
        records=tuple(_with(record, SoDinhDanh=_STRANGER, SoCMND="") for record in answer.records),
    )


def _swapped_fields(answer: Answer) -> Answer:
    """Do what a real portal did: nationality in religion's place, religion in ethnicity's (domain §1.6)."""
    swapped: list[Tree] = []
    for record in answer.records:
        values = {name: value for name, value in record if isinstance(value, str)}
        changes = {"DanToc": values.get("TonGiao", ""), "TonGiao": values.get("QuocTich", "")}
        swapped.append(_with(record, **changes))
    return replace(answer, records=tuple(swapped))


def _with(record: Tree, **changes: str) -> Tree:
    return [(name, changes.get(name, value)) for name, value in record]


def _soap_fault(reply: Reply, _fault: Fault) -> Reply:
    if reply.content_type == JSON:
        body = '{"error_code": "99", "error_message": "Lỗi hệ thống"}'
        return replace(reply, status=500, body=body.encode())
    return Reply(status=500, body=write_server_fault().encode(), content_type=XML)


def _truncated(reply: Reply, _fault: Fault) -> Reply:
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def _garbled(reply: Reply, _fault: Fault) -> Reply:
    middle = len(reply.body) // 2
    return replace(reply, body=reply.body[:middle] + b"\x00\xff</garbled{" + reply.body[middle:])


def _wrong_encoding(reply: Reply, _fault: Fault) -> Reply:
    """Still say UTF-8 over Latin-1 bytes. (UTF-16 would not do: parsers detect it, whatever is declared.)"""
    marked = _insert_before_end(reply.body, "\u00a0".encode())
    return replace(reply, body=marked.decode().encode("latin-1", "replace"))


def _wrong_namespace(reply: Reply, _fault: Fault) -> Reply:
    return replace(reply, body=reply.body.replace(RESPONSE.encode(), FOREIGN_NAMESPACE.encode()))


def _oversized(reply: Reply, _fault: Fault) -> Reply:
    """Stay well-formed: blank space inside the document, before its last tag or bracket."""
    return replace(reply, body=_insert_before_end(reply.body, b" " * OVERSIZED_BYTES))


def _insert_before_end(body: bytes, inserted: bytes) -> bytes:
    last = max(body.rfind(b"</"), body.rfind(b"}"), 0)
    return body[:last] + inserted + body[last:]


def _latency(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delay_s=_or(fault.delay_ms, 2000) / 1000)


def _hang(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delay_s=_or(fault.delay_ms, _HANG_MS) / 1000, cut=Cut.BEFORE)


def _reset(reply: Reply, fault: Fault) -> Reply:
    return replace(reply, delay_s=_or(fault.delay_ms, 0) / 1000, cut=fault.cut)


def _trickle(reply: Reply, fault: Fault) -> Reply:
    """Pause after each byte, but let no answer take longer than the bound."""
    longest_ms = MOST_MS / max(1, len(reply.body))
    return replace(reply, trickle_s=min(_or(fault.delay_ms, 1000), longest_ms) / 1000)


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


INSTEAD: dict[Kind, Callable[[Fault], Reply]] = {
    Kind.UNAVAILABLE: _unavailable,
    Kind.MAINTENANCE: _maintenance,
    Kind.HTML_ERROR: _html_error,
    Kind.UNAUTHORISED_ONCE: _unauthorised,
    Kind.THROTTLE: _throttle,
}
TO_ANSWER: dict[Kind, Callable[[Answer], Answer]] = {
    Kind.EMPTY: _empty,
    Kind.TWO_PEOPLE: _two_people,
    Kind.WRONG_PERSON: _wrong_person,
    Kind.SWAPPED_FIELDS: _swapped_fields,
}
TO_REPLY: dict[Kind, Callable[[Reply, Fault], Reply]] = {
    Kind.SOAP_FAULT: _soap_fault,
    Kind.TRUNCATED: _truncated,
    Kind.GARBLED: _garbled,
    Kind.WRONG_ENCODING: _wrong_encoding,
    Kind.WRONG_NAMESPACE: _wrong_namespace,
    Kind.OVERSIZED: _oversized,
    Kind.LATENCY: _latency,
    Kind.HANG: _hang,
    Kind.RESET: _reset,
    Kind.TRICKLE: _trickle,
}
DELAY_IS_ITS_OWN = frozenset(
    {
        Kind.LATENCY,
        Kind.HANG,
        Kind.RESET,
        Kind.TRICKLE,
        Kind.MAINTENANCE,
        Kind.THROTTLE,
        Kind.TOKEN_EXPIRES_EARLY,
    }
)
"""The kinds that make something of their own of `delay_ms`; under any other the answer comes so late."""


def changes_outcome(kind: Kind) -> bool:
    """Say whether the caller gets no proper answer: the journal then says `fault` (latency still answers)."""
    return kind not in {Kind.LATENCY, Kind.TRICKLE, Kind.TOKEN_EXPIRES_EARLY}


def can_bend_answer(answer: Answer, kind: Kind) -> bool:
    """Say whether the kind would change what is said: nobody can't be doubled, nor what isn't told be swapped."""
    if kind is Kind.SWAPPED_FIELDS:
        return any(name == "DanToc" for record in answer.records for name, _ in record)
    return answer.count > 0


def can_bend_reply(reply: Reply, kind: Kind) -> bool:
    """Say whether the kind would change the bytes: an answer that has no namespace can't get a wrong one."""
    return kind is not Kind.WRONG_NAMESPACE or RESPONSE.encode() in reply.body


def bend_answer(answer: Answer, fault: Fault | None) -> Answer:
    """Let a fault change what is said."""
    bend = TO_ANSWER.get(fault.kind) if fault is not None else None
    return bend(answer) if bend is not None else answer


def bend_reply(reply: Reply, fault: Fault | None) -> Reply:
    """Let a fault change the bytes and their pace."""
    bend = TO_REPLY.get(fault.kind) if fault is not None else None
    return bend(reply, fault) if bend is not None and fault is not None else reply


def mark(reply: Reply, hit: Hit | None) -> Reply:
    """Send what a fault has met as late as it says, and name it in a header: its id in the plan, its kind, and which of the calls it is about this is."""
    if hit is None:
        return reply
    told = f"{hit.fault_id};kind={hit.fault.kind};call={hit.n}"
    delay_s = reply.delay_s
    if hit.fault.delay_ms is not None:
        told += f";delay_ms={hit.fault.delay_ms}"
        delay_s = delay_s if hit.fault.kind in DELAY_IS_ITS_OWN else hit.fault.delay_ms / 1000
    return replace(reply, delay_s=delay_s, headers={**reply.headers, ANNOUNCED: told})
