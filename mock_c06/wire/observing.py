"""Look at a call for the report card: what a parsed enquiry no longer shows is read off the bytes once more.

Only a call whose enquiry was refused is read again, as far as it can be; nothing here refuses anything.
"""

import re

from lxml import etree

from mock_c06.desk.accounts import Account
from mock_c06.errors import RequestRefused
from mock_c06.matching.fold import fold_name
from mock_c06.runs.seen import Numbers, Seen, Unit
from mock_c06.wire.call import Call
from mock_c06.wire.enquiry import NUMBERS, Enquiry
from mock_c06.wire.reply import Reply
from mock_c06.wire.routes import Door
from mock_c06.wire.soap_in import parse_root

_LENGTHS = dict(zip(NUMBERS, (12, 9), strict=True))
_LEAST_MS = 100_000_000_000
_JSON_MEMBER = re.compile(r'"(\w{1,40})"\s*:\s*"((?:[^"\\]|\\.){0,200})"')


def observe(call: Call, enquiry: Enquiry | None, account: Account | None, reply: Reply) -> Seen:
    """Say what was seen of a call and of its answer."""
    name, numbers, service_code = _told_by(enquiry) if enquiry is not None else _read_again(call)
    return Seen(
        arrived_s=call.monotonic,
        status=reply.status,
        retry_after_s=_seconds(reply),
        is_cut=reply.cut is not None,
        is_name_folded=name == fold_name(name) if name else None,
        numbers=numbers,
        timestamp=_unit(call.headers.get("timestamp"))
        if call.route.door not in {Door.LGSP, Door.TOKEN}
        else None,
        wants_seconds=account is not None and account.switches.seconds,
        service_code=service_code,
    )


def _told_by(enquiry: Enquiry) -> tuple[str | None, Numbers | None, str | None]:
    """Give name, numbers and service of what was parsed: that has exactly one right number, or is about nobody."""
    return enquiry.full_name or None, Numbers.ONE if enquiry.number else None, enquiry.service_code


def _read_again(call: Call) -> tuple[str | None, Numbers | None, str | None]:
    fields = _find_fields(call)
    return fields.get("HoVaTen"), _numbers(fields), fields.get("MaDVC")


def _find_fields(call: Call) -> dict[str, str]:
    if call.route.door is Door.TOKEN:
        return {}
    if call.route.door is Door.LGSP:
        text = call.body.decode("utf-8", "replace")
        return {name[0].upper() + name[1:]: value for name, value in _JSON_MEMBER.findall(text)}
    try:
        root = parse_root(call.body)
    except RequestRefused:
        return {}
    leaves = (leaf for leaf in root.iter(etree.Element) if not len(leaf))
    return {etree.QName(leaf).localname: (leaf.text or "").strip() for leaf in leaves}


def _numbers(fields: dict[str, str]) -> Numbers | None:
    """Judge a request that has a name: another, such as a feed's, is about nobody."""
    if "HoVaTen" not in fields:
        return None
    sent = [name for name in NUMBERS if fields.get(name)]
    if len(sent) != 1:
        return Numbers.BOTH if sent else Numbers.NONE
    value = fields[sent[0]]
    right = value.isascii() and value.isdigit() and len(value) == _LENGTHS[sent[0]]
    return Numbers.ONE if right else Numbers.WRONG_LENGTH


def _unit(timestamp: str | None) -> Unit | None:
    if timestamp is None:
        return None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16):
        return Unit.OTHER
    return Unit.MILLISECONDS if int(timestamp) >= _LEAST_MS else Unit.SECONDS


def _seconds(reply: Reply) -> float | None:
    written = reply.headers.get("Retry-After", "")
    return float(written) if written.isdigit() else None
