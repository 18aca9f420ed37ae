"""The table of faults: one row a kind, with what it does, which calls it can hit, and its effect.

A new kind is a row in `KINDS` and its effect above: plan, schema, control face and `mock-c06 faults` read the row.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from mock_c06.faults.model import (
    MAX_DELAY_MS,
    QUESTIONS,
    AnswerChange,
    FaultKind,
    FaultMembers,
    InsteadOfRegistry,
    Refusal,
    ReplyChange,
    TokenLifetime,
)
from mock_c06.operations import TOKEN, Operation
from mock_c06.wire.enquiry import duplicate_code
from mock_c06.wire.record import Answer, Tree
from mock_c06.wire.reply import HTML, JSON, TEXT, XML, Cut, Reply
from mock_c06.wire.soap import RESPONSE, write_server_fault

OVERSIZED_BYTES = 16 * 1024 * 1024
FOREIGN_NAMESPACE = "http://gtel.vn/qldc"
_OTHER_NUMBER = "001199000999"
_HTML_PAGE = (
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


def _plain(status: int, text: str) -> InsteadOfRegistry:
    return InsteadOfRegistry(lambda _fault: Reply(status=status, body=text.encode(), content_type=TEXT))


def _retry_later(status: int, text: str, default_ms: int) -> InsteadOfRegistry:
    def reply(fault: FaultMembers) -> Reply:
        # Rounded up: a caller who waits as long as the header says has waited long enough.
        seconds = max(1, math.ceil(_delay_ms(fault, default_ms) / 1000))
        headers = {"Retry-After": str(seconds)}
        return Reply(status=status, body=text.encode(), content_type=TEXT, headers=headers)

    return InsteadOfRegistry(reply)


def _delay_ms(fault: FaultMembers, default_ms: int) -> int:
    return default_ms if fault.delay_ms is None else fault.delay_ms


def _two_people(answer: Answer) -> Answer:
    doubled = (*answer.records, *(_with(record, SoDinhDanh=_OTHER_NUMBER) for record in answer.records))
    return replace(answer, count=2, records=doubled)


def _wrong_person(answer: Answer) -> Answer:
    records = tuple(_with(record, SoDinhDanh=_OTHER_NUMBER, SoCMND="") for record in answer.records)
    return replace(answer, records=records)


def _swapped_fields(answer: Answer) -> Answer:
    """Do what a real portal did: nationality as religion, religion as ethnicity (domain §1.6)."""
    swapped: list[Tree] = []
    for record in answer.records:
        values = {name: value for name, value in record.items() if isinstance(value, str)}
        changes = {"DanToc": values.get("TonGiao", ""), "TonGiao": values.get("QuocTich", "")}
        swapped.append(_with(record, **changes))
    return replace(answer, records=tuple(swapped))


def _with(record: Tree, **changes: str) -> Tree:
    return {name: changes.get(name, value) for name, value in record.items()}


def _soap_fault(reply: Reply, _fault: FaultMembers) -> Reply:
    if reply.content_type == JSON:
        body = '{"error_code": "99", "error_message": "Lỗi hệ thống"}'
        return replace(reply, status=500, body=body.encode())
    return Reply(status=500, body=write_server_fault().encode(), content_type=XML)


def _garbled(reply: Reply, _fault: FaultMembers) -> Reply:
    middle = len(reply.body) // 2
    return replace(reply, body=reply.body[:middle] + b"\x00\xff</garbled{" + reply.body[middle:])


def _wrong_encoding(reply: Reply, _fault: FaultMembers) -> Reply:
    """Still declare UTF-8 over Latin-1 bytes. (UTF-16 would not do: parsers detect it, whatever is declared.)"""
    marked = _insert_before_end(reply.body, "\u00a0".encode())
    return replace(reply, body=marked.decode().encode("latin-1", "replace"))


def _oversized(reply: Reply, _fault: FaultMembers) -> Reply:
    """Stay well-formed: blanks inside the document, before its last tag or bracket."""
    return replace(reply, body=_insert_before_end(reply.body, b" " * OVERSIZED_BYTES))


def _insert_before_end(body: bytes, inserted: bytes) -> bytes:
    last = max(body.rfind(b"</"), body.rfind(b"}"), 0)
    return body[:last] + inserted + body[last:]


def _trickle(reply: Reply, fault: FaultMembers) -> Reply:
    """Pause after each byte, but let no reply take longer than an hour."""
    longest_ms = MAX_DELAY_MS / max(1, len(reply.body))
    return replace(reply, trickle_s=min(_delay_ms(fault, 1000), longest_ms) / 1000)


_ROWS = (
    FaultKind(
        name="latency",
        description="answers rightly, late: delay_ms (2000), or drawn from a distribution",
        effect=ReplyChange(lambda reply, fault: replace(reply, delay_s=_delay_ms(fault, 2000) / 1000)),
        members=frozenset({"distribution"}),
        uses_delay=True,
        keeps_outcome=True,
    ),
    FaultKind(
        name="hang",
        description="gives no answer, and cuts after delay_ms (an hour)",
        effect=ReplyChange(
            lambda reply, fault: replace(reply, delay_s=_delay_ms(fault, MAX_DELAY_MS) / 1000, cut=Cut.BEFORE)
        ),
        uses_delay=True,
    ),
    FaultKind(
        name="reset",
        description="cuts the connection before the answer, mid its body or after it (at)",
        effect=ReplyChange(
            lambda reply, fault: replace(reply, delay_s=_delay_ms(fault, 0) / 1000, cut=Cut(fault.at))
        ),
        members=frozenset({"at"}),
        uses_delay=True,
    ),
    FaultKind(name="unavailable", description="503", effect=_plain(503, "503 Service Unavailable")),
    FaultKind(
        name="maintenance",
        description="503 with Retry-After: what is left of the window, or delay_ms",
        effect=_retry_later(503, "Hệ thống đang bảo trì, vui lòng quay lại sau", 120_000),
        uses_delay=True,
        delay_until_end=True,
    ),
    FaultKind(
        name="html_error",
        description="502 with a page of HTML",
        effect=InsteadOfRegistry(lambda _fault: Reply(status=502, body=_HTML_PAGE, content_type=HTML)),
    ),
    FaultKind(
        name="soap_fault",
        description="a fault of the server, without a code",
        effect=ReplyChange(_soap_fault),
    ),
    FaultKind(
        name="unauthorised_once", description="401, once", effect=_plain(401, "401 Unauthorized"), times=1
    ),
    FaultKind(
        name="token_expires_early",
        description="a token that expires after delay_ms (0), whatever its expires_in says",
        effect=TokenLifetime(lambda fault: _delay_ms(fault, 0) / 1000),
        operations=frozenset({TOKEN}),
        uses_delay=True,
        keeps_outcome=True,
    ),
    FaultKind(
        name="throttle",
        description="429 with Retry-After from delay_ms (1000)",
        effect=_retry_later(429, "429 Too Many Requests", 1000),
        uses_delay=True,
    ),
    FaultKind(
        name="truncated",
        description="half of the answer's text",
        effect=ReplyChange(lambda reply, _fault: replace(reply, body=reply.body[: len(reply.body) // 2])),
    ),
    FaultKind(name="garbled", description="bytes that are no XML or JSON", effect=ReplyChange(_garbled)),
    FaultKind(
        name="wrong_encoding",
        description="Latin-1 that is declared as UTF-8",
        effect=ReplyChange(_wrong_encoding),
    ),
    FaultKind(
        name="wrong_namespace",
        description="an answer in an older endpoint's namespace",
        effect=ReplyChange(
            lambda reply, _fault: replace(
                reply, body=reply.body.replace(RESPONSE.encode(), FOREIGN_NAMESPACE.encode())
            ),
            can_change=lambda reply: RESPONSE.encode() in reply.body,
        ),
        operations=QUESTIONS,
    ),
    FaultKind(
        name="empty",
        description="nobody, although the person is in the registry",
        effect=AnswerChange(lambda answer: replace(answer, count=0, records=())),
        operations=QUESTIONS,
    ),
    FaultKind(
        name="two_people",
        description="two people for one number",
        effect=AnswerChange(_two_people),
        operations=QUESTIONS,
    ),
    FaultKind(
        name="wrong_person",
        description="another person's record",
        effect=AnswerChange(_wrong_person),
        # A verdict names nobody.
        operations=QUESTIONS - {Operation.AUTHENTICATE},
    ),
    FaultKind(
        name="swapped_fields",
        description="ethnicity and religion swapped",
        effect=AnswerChange(
            _swapped_fields,
            can_change=lambda answer: any("DanToc" in record for record in answer.records),
        ),
        operations=frozenset({Operation.LOOK_UP}),
    ),
    FaultKind(name="oversized", description="16 MiB of a well-formed answer", effect=ReplyChange(_oversized)),
    FaultKind(
        name="trickle",
        description="one byte at a time, delay_ms (1000) between two",
        effect=ReplyChange(_trickle),
        uses_delay=True,
        keeps_outcome=True,
    ),
    FaultKind(
        name="duplicate_refused",
        description="007, although the code is new",
        effect=Refusal(duplicate_code),
        operations=QUESTIONS,
    ),
)
KINDS: Mapping[str, FaultKind] = {row.name: row for row in _ROWS}
