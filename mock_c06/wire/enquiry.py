"""An enquiry and the rules of its fields, which are the same for both dialects.

Refused, with code 01 and the element's name but never its value: missing or too long fields, both numbers or none,
date and year both or none, a date that does not exist. Source: the specification's table (domain §1.3).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from mock_c06.errors import RequestRefused
from mock_c06.operations import Operation
from mock_c06.people.model import Claim
from mock_c06.unfrozen import unfrozen

HEAD = ("MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo")
LOGIN = ("MaDonVi", "TaiKhoan", "SoDienThoai")
NUMBERS = ("SoDinhDanh", "SoCMND")
BIRTH = ("NgayThangNam", "Nam")
FEED = ("TuNgay", "DenNgay", "Loai", "Trang", "SoBanGhi")

_PATTERNS = {
    "MaYeuCau": re.compile(r".{1,40}"),
    "MaDVC": re.compile(r".{1,20}"),
    "MaTichHop": re.compile(r"[0-9]{1,20}"),
    "MaCanBo": re.compile(r".{1,20}"),
    "MaDonVi": re.compile(r".{1,35}"),
    "TaiKhoan": re.compile(r".{0,100}"),
    "SoDienThoai": re.compile(r".{0,20}"),
    "SoDinhDanh": re.compile(r"[0-9]{12}"),
    "SoCMND": re.compile(r"[0-9]{9}"),
    "HoVaTen": re.compile(r".{1,100}"),
    "NgayThangNam": re.compile(r"[0-9]{4}|[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "Nam": re.compile(r"[0-9]{4}"),
}
# JSON can contain what XML cannot: controls and halves of a surrogate pair. None of these is printable.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# In a name these become spaces, as in the schema's type `token`; matching/match.py handles the other white space.
_BLANKS = re.compile("[\t\r\n]+")
_REQUIRED = (*HEAD, "HoVaTen")

_MAX_PAGE_SIZE = 1000
FEED_KINDS = {
    "1": {"birth"},
    "2": {"death"},
    "3": {"marriage"},
    "4": {"divorce"},
    "5": {"move"},
    "6": {"name_correction"},
    "7": {"renumbered", "cmnd_to_cccd"},
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = re.compile(r"[0-9]{1,14}")
_COUNT = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedWindow:
    """The requested changes, and the page of them (faces/exchange.py)."""

    since: datetime
    until: datetime
    kind: str
    page: int
    size: int


@unfrozen
class Enquiry:
    """A request of one of the five operations; `question` is a claim about a person, or a window of changes."""

    operation: Operation
    ma_yeu_cau: str
    service_code: str
    integration_code: str
    officer: str
    agency: str | None
    question: Claim | FeedWindow
    is_birth_compact: bool = False

    @property
    def claim(self) -> Claim | None:
        """The claim, None for a window of changes."""
        return self.question if isinstance(self.question, Claim) else None


def invalid_request(message: str) -> RequestRefused:
    """Make the refusal of a malformed request."""
    return RequestRefused("01", message)


def duplicate_code() -> RequestRefused:
    """Make the refusal of a MaYeuCau that the account has used before."""
    return RequestRefused("007", "MaYeuCau đã được sử dụng")


def _require_well_formed(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if _PATTERNS[name].fullmatch(value) is None or not (
            value.isprintable() or _UNWRITABLE.search(value) is None
        ):
            raise invalid_request(f"Giá trị của {name} không hợp lệ")


def parse_enquiry(operation: Operation, fields: Mapping[str, str]) -> Enquiry:
    """Check the fields by their wire names, the birth's child included; raises `RequestRefused` 01."""
    values = {name: value.strip() for name, value in fields.items()}
    for name in _REQUIRED:
        if not values.get(name):
            raise invalid_request(f"Thiếu {name}")
    if not values["HoVaTen"].isprintable():
        values["HoVaTen"] = _BLANKS.sub(" ", values["HoVaTen"])
    _require_well_formed(values)
    _require_one(values, NUMBERS)
    _require_one(values, BIRTH)
    birth = values.get("NgayThangNam") or values["Nam"]
    birth_date, birth_year = _parse_birth(birth)
    claim = Claim(
        citizen_id=values.get("SoDinhDanh"),
        id_card_number=values.get("SoCMND"),
        full_name=values["HoVaTen"],
        birth_date=birth_date,
        birth_year=birth_year,
    )
    return _enquiry(operation, values, claim, is_birth_compact=len(birth) == len("yyyyMMdd"))


def _enquiry(
    operation: Operation,
    values: Mapping[str, str],
    question: Claim | FeedWindow,
    *,
    is_birth_compact: bool = False,
) -> Enquiry:
    return Enquiry(
        operation=operation,
        ma_yeu_cau=values["MaYeuCau"],
        service_code=values["MaDVC"],
        integration_code=values["MaTichHop"],
        officer=values["MaCanBo"],
        agency=values.get("MaDonVi"),
        question=question,
        is_birth_compact=is_birth_compact,
    )


def _require_one(values: Mapping[str, str], names: tuple[str, str]) -> None:
    if (names[0] in values) is (names[1] in values):
        raise invalid_request(f"Phải có đúng một trong hai: {names[0]}, {names[1]}")


def _parse_birth(text: str) -> tuple[date | None, int | None]:
    """Read yyyy, yyyyMMdd or yyyy-MM-dd (the pattern refuses everything else)."""
    if len(text) == 4:
        return None, int(text)
    digits = text.replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])), None
    except ValueError as exc:
        raise invalid_request("Ngày sinh không hợp lệ: NgayThangNam") from exc


def parse_feed(fields: Mapping[str, str]) -> Enquiry:
    """Read the fields, by their wire names; raises `RequestRefused` 01."""
    if missing := [name for name in (*HEAD, *FEED) if not fields.get(name, "").strip() and name != "Loai"]:
        raise invalid_request(f"Thiếu {missing[0]}")
    values = {name: value.strip() for name, value in fields.items()}
    since, until = _instant(values, "TuNgay"), _instant(values, "DenNgay")
    kind = values.get("Loai") or "0"
    if kind != "0" and kind not in FEED_KINDS:
        raise invalid_request("Giá trị của Loai không hợp lệ")
    if since >= until:
        raise invalid_request("DenNgay phải sau TuNgay")
    size = _count(values, "SoBanGhi")
    if size > _MAX_PAGE_SIZE:
        raise invalid_request(f"SoBanGhi không được quá {_MAX_PAGE_SIZE}")
    window = FeedWindow(since=since, until=until, kind=kind, page=_count(values, "Trang"), size=size)
    _require_well_formed({name: values[name] for name in (*HEAD, *LOGIN) if name in values})
    return _enquiry(Operation.LOOK_UP, values, window)


def _instant(values: Mapping[str, str], name: str) -> datetime:
    if not _MS.fullmatch(values[name]):
        raise invalid_request(f"Giá trị của {name} không hợp lệ")
    return _EPOCH + timedelta(milliseconds=int(values[name]))


def _count(values: Mapping[str, str], name: str) -> int:
    if not _COUNT.fullmatch(values[name]):
        raise invalid_request(f"Giá trị của {name} không hợp lệ")
    return int(values[name])
