"""A person's record on the wire: an ordered tree of element names, which both dialects write.

A field that the account was not granted, or that is unknown, is an empty element. The number asked by is always
answered: the caller knows it, and checks by it that the record is the right one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from mock_c06.accounts.model import Account
from mock_c06.accounts.switches import Switches
from mock_c06.operations import Operation
from mock_c06.people.index import HEAD_OF_HOUSEHOLD
from mock_c06.people.model import Address, Kin, Person
from mock_c06.unfrozen import unfrozen

Tree: TypeAlias = "list[tuple[str, Value]]"
Value: TypeAlias = "str | Tree"

_ELEMENTS = {
    "GioiTinh": "gender",
    "DanToc": "ethnicity",
    "TonGiao": "religion",
    "TinhTrangHonNhan": "marital_status",
    "NhomMau": "blood_type",
    "NoiDangKyKhaiSinh": "birth_registration_place",
    "QuocTich": "nationality",
    "QueQuan": "native_place",
    "ThuongTru": "permanent_residence",
    "NoiOHienTai": "current_residence",
    "Cha": "father",
    "Me": "mother",
    "VoChong": "spouse",
    "NguoiDaiDien": "representative",
}
_WHOLE = (
    *("GioiTinh", "DanToc", "TonGiao", "TinhTrangHonNhan", "NhomMau", "NgayThangNamSinh"),
    *("NoiDangKyKhaiSinh", "QuocTich", "QueQuan", "ThuongTru", "NoiOHienTai"),
    *("Cha", "Me", "VoChong", "NguoiDaiDien", "ChuHo", "SoSoHoKhau", "TrangThai"),
)
_TWO_DIGITS = {"DanToc", "TonGiao", "NhomMau"}
_PARTS = {
    Operation.LOOK_UP: _WHOLE,
    Operation.MARITAL_STATUS: ("TinhTrangHonNhan", "VoChong"),
    Operation.RELATIVES: ("Cha", "Me", "VoChong", "NguoiDaiDien"),
    Operation.HOUSEHOLD: ("ChuHo", "ThanhVien"),
}


@unfrozen
class Answer:
    """The number of people, and their records if the operation has records."""

    operation: Operation
    count: int
    records: tuple[Tree, ...] = ()
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordWriter:
    """Writes records for one account; `asked_by` is the number of the claim."""

    account: Account
    asked_by: str | None

    def write(self, person: Person, household: Iterable[Person], operation: Operation) -> Tree:
        """Write the elements of the operation's record."""
        tree: Tree = [
            ("SoDinhDanh", self._number("citizen_id", person.citizen_id)),
            ("SoCMND", self._number("id_card_number", person.id_card_number)),
            ("HoVaTen", self._name(person) if self._sees("full_name") else ""),
        ]
        members = list(household)
        for element in _PARTS[operation]:
            if element == "ThanhVien":
                tree += self._members(members)
            else:
                tree.append((element, self._part(element, person, members)))
        return _without_empty(tree) if self._switches.absent_elements else tree

    @property
    def _switches(self) -> Switches:
        return self.account.switches

    def _sees(self, field: str, or_else: str | None = None) -> bool:
        return field in self.account.fields or or_else in self.account.fields

    def _number(self, field: str, number: str | None) -> str:
        return number if number and (self._sees(field) or number == self.asked_by) else ""

    def _name(self, person: Person) -> Tree:
        return _parts_of(person.full_name.upper(), self._switches)

    def _part(self, element: str, person: Person, household: list[Person]) -> Value:
        match element:
            case "NgayThangNamSinh":
                return self._birth(person)
            case "ChuHo":
                return self._head(person, household)
            case "SoSoHoKhau":
                return (person.household_book or "") if self._sees("household_head") else ""
            case "TrangThai":
                return "" if self._switches.no_life_status else person.status.value
        return self._plain(element, person)

    def _plain(self, element: str, person: Person) -> Value:
        field = _ELEMENTS[element]
        written = _write(getattr(person, field), self._switches) if self._sees(field) else ""
        unpadded = element in _TWO_DIGITS and self._switches.unpadded_codes
        return str(int(written)) if unpadded and isinstance(written, str) and written else written

    def _birth(self, person: Person) -> Tree:
        full = person.birth_date is not None and self._sees("birth_date")
        form = "%Y-%m-%d" if self._switches.hyphen_dates else "%Y%m%d"
        return [
            ("Nam", f"{person.birth_year:04d}" if self._sees("birth_year", "birth_date") else ""),
            ("NgayThangNam", f"{person.birth_date:{form}}" if full else ""),
        ]

    def _head(self, person: Person, household: list[Person]) -> Value:
        """Write the head; `QuanHe` is the person's relation to the head, or names the head by the switch."""
        head = next((p for p in household if p.relation_to_head == HEAD_OF_HOUSEHOLD), None)
        if head is None or not self._sees("household_head"):
            return ""
        names_head = self._switches.relation_names_head
        return [
            ("QuanHe", HEAD_OF_HOUSEHOLD if names_head else person.relation_to_head or ""),
            ("SoDinhDanh", head.citizen_id or ""),
            ("SoCMND", head.id_card_number or ""),
            ("HoVaTen", _kin_name(head.full_name, self._switches)),
        ]

    def _members(self, household: list[Person]) -> Tree:
        if not household or not self._sees("household_members"):
            return [("ThanhVien", "")]
        members: Tree = [("ThanhVien", self._member(member)) for member in household]
        return [("DanhSachThanhVien", members)] if self._switches.wrapped_members else members

    def _member(self, member: Person) -> Tree:
        return [
            ("QuanHe", member.relation_to_head or ""),
            ("SoDinhDanh", member.citizen_id or ""),
            ("HoVaTen", _kin_name(member.full_name, self._switches)),
        ]


def _write(value: str | Address | Kin | None, switches: Switches) -> Value:
    match value:
        case Address():
            return [
                ("MaTinhThanh", value.province_code or ""),
                ("MaQuanHuyen", value.district_code or ""),
                ("MaPhuongXa", value.ward_code or ""),
                ("ChiTiet", value.detail.upper()),
                ("QuocGia", value.country),
            ]
        case Kin():
            return [
                ("HoVaTen", _kin_name(value.full_name, switches)),
                ("QuocTich", value.nationality),
                ("SoDinhDanh", value.citizen_id or ""),
                ("SoCMND", value.id_card_number or ""),
            ]
    return value or ""


def _kin_name(full_name: str, switches: Switches) -> Value:
    """Write a relative's name: a plain string, or the parts under the switch."""
    name = full_name.upper()
    return _parts_of(name, switches) if switches.structured_relatives else name


def _parts_of(name: str, switches: Switches) -> Tree:
    words = name.split()
    if switches.split_name and len(words) > 1:
        return [("Ho", words[0]), ("ChuDem", " ".join(words[1:-1])), ("Ten", words[-1])]
    return [("Ho", ""), ("ChuDem", ""), ("Ten", name)]


def _without_empty(tree: Tree) -> Tree:
    """Remove elements without text, and those without children after that."""
    kept: Tree = []
    for name, value in tree:
        inner = value if isinstance(value, str) else _without_empty(value)
        if inner:
            kept.append((name, inner))
    return kept


def write_empty_record(operation: Operation) -> Tree:
    """Write a record whose elements are all empty."""
    return [(name, "") for name in ("SoDinhDanh", "SoCMND", "HoVaTen", *_PARTS[operation])]
