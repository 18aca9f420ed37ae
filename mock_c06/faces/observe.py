"""Observe a call for the report card.

The body of a refused enquiry is read again, as far as that is possible; this module refuses nothing.
"""

import re

from lxml import etree

from mock_c06.accounts.model import Account
from mock_c06.errors import RequestRefused
from mock_c06.faces.call import Call, Endpoint
from mock_c06.journal import NumbersSent, Observation, TimestampUnit
from mock_c06.matching import fold_name
from mock_c06.wire.enquiry import NUMBERS, Enquiry
from mock_c06.wire.reply import Reply
from mock_c06.wire.soap import parse_root

_LENGTHS = dict(zip(NUMBERS, (12, 9), strict=True))
_LEAST_MS = 100_000_000_000
"""A smaller timestamp counts seconds: in milliseconds it would be before March 1973."""

_JSON_MEMBER = re.compile(r'"(\w{1,40})"\s*:\s*"((?:[^"\\]|\\.){0,200})"')


def observe(call: Call, enquiry: Enquiry | None, account: Account | None, reply: Reply) -> Observation:
    """Return the observations of a call and its reply."""
    if enquiry is None:
        fields = _find_fields(call)
        name, numbers, service_code = fields.get("HoVaTen"), _numbers(fields), fields.get("MaDVC")
    else:
        name, service_code = enquiry.claim.full_name if enquiry.claim else None, enquiry.service_code
        numbers = NumbersSent.ONE if enquiry.claim else None
    return Observation(
        arrived_s=call.monotonic,
        status=reply.status,
        retry_after_s=_seconds(reply),
        is_cut=reply.cut is not None,
        is_name_folded=name == fold_name(name) if name else None,
        numbers=numbers,
        timestamp=_unit(call.headers.get("timestamp"))
        if call.route.endpoint not in {Endpoint.LGSP, Endpoint.TOKEN}
        else None,
        wants_seconds=account is not None and account.switches.seconds,
        service_code=service_code,
    )


def _find_fields(call: Call) -> dict[str, str]:
    if call.route.endpoint is Endpoint.TOKEN:
        return {}
    if call.route.endpoint is Endpoint.LGSP:
        text = call.body.decode("utf-8", "replace")
        return {name[0].upper() + name[1:]: value for name, value in _JSON_MEMBER.findall(text)}
    try:
        root = parse_root(call.body)
    except RequestRefused:
        return {}
    leaves = (leaf for leaf in root.iter(etree.Element) if not len(leaf))
    return {etree.QName(leaf).localname: (leaf.text or "").strip() for leaf in leaves}


def _numbers(fields: dict[str, str]) -> NumbersSent | None:
    """Return which numbers a request with a name has; one without, such as a feed's, is about nobody."""
    if "HoVaTen" not in fields:
        return None
    sent = [name for name in NUMBERS if fields.get(name)]
    if len(sent) != 1:
        return NumbersSent.BOTH if sent else NumbersSent.NONE
    value = fields[sent[0]]
    right = value.isascii() and value.isdigit() and len(value) == _LENGTHS[sent[0]]
    return NumbersSent.ONE if right else NumbersSent.WRONG_LENGTH


def _unit(timestamp: str | None) -> TimestampUnit | None:
    if timestamp is None:
        return None
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16):
        return TimestampUnit.OTHER
    return TimestampUnit.MILLISECONDS if int(timestamp) >= _LEAST_MS else TimestampUnit.SECONDS


def _seconds(reply: Reply) -> float | None:
    written = reply.headers.get("Retry-After", "")
    return float(written) if written.isdigit() else None
