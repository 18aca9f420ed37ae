"""The JSON of provincial platforms in its three variants: read a request into the common fields, write answers.

`passthrough` is the SOAP body turned into JSON; `camel` flattens it; `pascal` wraps the whole XML envelope in a
string. Refusals come with HTTP 200 and an error code (a guess, parity ledger). Source: domain §1.1.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mock_c06.accounts.model import Account, Dialect, Switches
from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.wire.enquiry import BIRTH, HEAD, LOGIN, NUMBERS, Enquiry, invalid_request, parse_enquiry
from mock_c06.wire.record import Answer, Tree
from mock_c06.wire.soap import MAX_BODY, SHORT_NAME, TEST_DATA, as_of_text, write_envelope

_MAX_COLONS = 1024
"""Counted before a request is parsed: each member has one colon, and a request has a dozen members."""
_PLAIN = (*HEAD, *LOGIN, *NUMBERS, "HoVaTen")
_IGNORED_BY_CAMEL = "userNameService"
_CAMEL = {name[0].lower() + name[1:]: name for name in _PLAIN} | {"ngayThangNam": "NgayThangNam"}
_PASCAL = {name: name for name in _PLAIN} | {"NgayThangNamSinh": "NgayThangNam"}


def require_json(content_type: str | None) -> None:
    """Refuse another media type; raises `RequestRefused`."""
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise invalid_request("Content-Type phải là application/json")


def parse_json(body: bytes, operation: Operation, dialect: Dialect, *, own_code: str) -> Enquiry:
    """Read a request of the account's variant; raises `RequestRefused` 01.

    `camel` may omit the operation's `own_code`, as its one known client does: the path names the operation.
    """
    members = _load(body)
    match dialect:
        case Dialect.LGSP_PASSTHROUGH:
            birth = members.pop("NgayThangNamSinh", None)
            if not isinstance(birth, dict) or not set(birth) <= set(BIRTH):
                raise invalid_request("NgayThangNamSinh không hợp lệ")
            names = {name: name for name in (*_PLAIN, *BIRTH)}
            return parse_enquiry(operation, _fields(members | birth, names))
        case Dialect.LGSP_CAMEL:
            members.pop(_IGNORED_BY_CAMEL, None)
            members.setdefault("maTichHop", own_code)
            return parse_enquiry(operation, _fields(members, _CAMEL))
        case Dialect.LGSP_PASCAL:
            return parse_enquiry(operation, _fields(members, _PASCAL))
    raise invalid_request("Tài khoản không dùng JSON")


def _load(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY:
        raise invalid_request("Thông điệp quá lớn")
    if body.count(b":") > _MAX_COLONS:
        raise invalid_request("Thông điệp có quá nhiều trường")
    try:
        members = json.loads(body.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as exc:
        raise invalid_request("Thông điệp không phải JSON hợp lệ") from exc
    if not isinstance(members, dict):
        raise invalid_request("Thông điệp phải là một đối tượng JSON")
    return members


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _fields(members: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    for position, (name, value) in enumerate(members.items(), start=1):
        if name not in names:
            shown = f" {name}" if SHORT_NAME.fullmatch(name) else ""
            raise invalid_request(f"Có trường không được định nghĩa:{shown} (trường thứ {position})")
        if not isinstance(value, str):
            raise invalid_request(f"Mọi giá trị phải là chuỗi: {name}")
    return {names[member]: value for member, value in members.items()}


def write_json(answer: Answer, account: Account) -> dict[str, Any]:
    """Write the answer in the account's variant."""
    match account.dialect:
        case Dialect.LGSP_CAMEL:
            return {"data": _camel_data(answer, account.switches)}
        case Dialect.LGSP_PASCAL:
            return {"error_code": "0", "message": write_envelope(answer, account.switches)}
    body = {"Body": _passthrough_body(answer, account.switches)}
    return {"Envelope": body} if account.switches.json_envelope else body


def write_refusal(refusal: RequestRefused, dialect: Dialect) -> dict[str, Any]:
    """Write a refusal in the variant."""
    text = "message" if dialect is Dialect.LGSP_PASCAL else "error_message"
    return {"error_code": refusal.code, text: refusal.message}


def _camel_data(answer: Answer, switches: Switches) -> Any:
    if answer.operation is Operation.AUTHENTICATE:
        exists = answer.count > 0
        return str(exists).lower() if switches.text_verdict else exists
    # Flattened: each person has the collection's attributes.
    stamp = _stamp(answer, switches) if answer.count else {}
    people = [{**record, **stamp} for record in answer.records]
    return _one_or_list(people, switches) if people else None


def _stamp(answer: Answer, switches: Switches) -> dict[str, Any]:
    if switches.bare_collection:
        return {}
    return {"ThoiDiemDuLieu": as_of_text(answer), "GhiChu": TEST_DATA}


def _passthrough_body(answer: Answer, switches: Switches) -> dict[str, Any]:
    if answer.operation is not Operation.AUTHENTICATE:
        if switches.empty_body and not answer.count:
            return {}
        found = {"CongDan": _one_or_list(answer.records, switches)} if answer.records else {}
        count = {} if switches.bare_collection else {"SoCongDan": str(answer.count)}
        return {"CongdanCollection": count | _stamp(answer, switches) | found}
    if switches.exists_verdict:
        return {"KetQuaXacThuc": {"TonTai": str(answer.count > 0).lower()}}
    return {f"{Operation.AUTHENTICATE}Response": {"SoLuongCongDan": str(answer.count)}}


def _one_or_list(people: Sequence[Tree], switches: Switches) -> Any:
    """Write one person as an object and several as a list, as converters of XML do."""
    return people[0] if len(people) == 1 and not switches.people_as_list else people
