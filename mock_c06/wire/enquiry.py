"""An enquiry read off the wire, whichever face it came through: the field rules are the same.

Refuses, with code 01 and the element's name but never its value: missing or too long fields, both numbers or
none, date and year both or none, a day that no calendar has. Source: the specification's table (domain §1.3).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from mock_c06.errors import RequestRefused
from mock_c06.light import light_value
from mock_c06.operations import Operation

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
# JSON could carry what XML can't: controls and halves of a surrogate pair. Whatever is printable is none of these.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Within a name they are spaces, as the schema's `token` has it; everything else of a name's form is fold's matter.
_BLANKS = re.compile("[\t\r\n]+")
_REQUIRED = (*HEAD, "HoVaTen")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedWindow:
    """Which changes are asked for, and which page of them (wire/change_feed.py)."""

    since: datetime
    until: datetime
    kind: str
    page: int
    size: int


@light_value
class Enquiry:
    """Exactly one of the two numbers, and one of `birth_date` and `birth_year`, is set; none of them with a `feed`."""

    operation: Operation
    ma_yeu_cau: str
    service_code: str
    integration_code: str
    officer: str
    agency: str | None
    citizen_id: str | None
    id_card_number: str | None
    full_name: str
    birth_date: date | None
    birth_year: int | None
    is_birth_compact: bool
    feed: FeedWindow | None = None

    @property
    def number(self) -> str | None:
        """The number asked by."""
        return self.citizen_id or self.id_card_number


def wrong(message: str) -> RequestRefused:
    """Make the refusal that covers everything else wrong with a request."""
    return RequestRefused("01", message)


def parse_head(operation: Operation, values: Mapping[str, str], feed: FeedWindow) -> Enquiry:
    """Make an enquiry about nobody in particular; raises `RequestRefused` 01."""
    for name in (*HEAD, *LOGIN):
        if name in values and not _is_written_rightly(name, values[name]):
            raise wrong(f"Giá trị của {name} không hợp lệ")
    return Enquiry(
        operation=operation,
        ma_yeu_cau=values["MaYeuCau"],
        service_code=values["MaDVC"],
        integration_code=values["MaTichHop"],
        officer=values["MaCanBo"],
        agency=values.get("MaDonVi"),
        citizen_id=None,
        id_card_number=None,
        full_name="",
        birth_date=None,
        birth_year=None,
        is_birth_compact=False,
        feed=feed,
    )


def _is_written_rightly(name: str, value: str) -> bool:
    return _PATTERNS[name].fullmatch(value) is not None and (
        value.isprintable() or _UNWRITABLE.search(value) is None
    )


def parse_enquiry(operation: Operation, fields: Mapping[str, str]) -> Enquiry:
    """Check the fields, by their wire names with the birth's child among them; raises `RequestRefused` 01."""
    values = {name: value.strip() for name, value in fields.items()}
    for name in _REQUIRED:
        if not values.get(name):
            raise wrong(f"Thiếu {name}")
    if not values["HoVaTen"].isprintable():
        values["HoVaTen"] = _BLANKS.sub(" ", values["HoVaTen"])
    for name, value in values.items():
        if not _is_written_rightly(name, value):
            raise wrong(f"Giá trị của {name} không hợp lệ")
    _require_one(values, NUMBERS)
    _require_one(values, BIRTH)
    birth = values.get("NgayThangNam") or values["Nam"]
    birth_date, birth_year = _parse_birth(birth)
    return Enquiry(
        operation=operation,
        ma_yeu_cau=values["MaYeuCau"],
        service_code=values["MaDVC"],
        integration_code=values["MaTichHop"],
        officer=values["MaCanBo"],
        agency=values.get("MaDonVi"),
        citizen_id=values.get("SoDinhDanh"),
        id_card_number=values.get("SoCMND"),
        full_name=values["HoVaTen"],
        birth_date=birth_date,
        birth_year=birth_year,
        is_birth_compact=len(birth) == len("yyyyMMdd"),
    )


def _require_one(values: Mapping[str, str], names: tuple[str, str]) -> None:
    if (names[0] in values) is (names[1] in values):
        raise wrong(f"Phải có đúng một trong hai: {names[0]}, {names[1]}")


def _parse_birth(text: str) -> tuple[date | None, int | None]:
    """Read yyyy, yyyyMMdd or yyyy-MM-dd (the pattern has let nothing else pass)."""
    if len(text) == 4:
        return None, int(text)
    digits = text.replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:])), None
    except ValueError as exc:
        raise wrong("Ngày sinh không hợp lệ") from exc
