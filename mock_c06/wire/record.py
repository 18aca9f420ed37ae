"""A person's record on the wire: an ordered tree of element names, which both dialects write.

A field that the account was not granted, or that is unknown, is an empty element. The number asked by is always
answered: the caller knows it, and checks by it that the record is the right one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from mock_c06.accounts.model import Account, Switches
from mock_c06.operations import Operation
from mock_c06.people.model import HEAD_OF_HOUSEHOLD, Address, Kin, Person
from mock_c06.unfrozen import unfrozen

Tree: TypeAlias = "Mapping[str, Value]"
Value: TypeAlias = "str | Tree | list[Tree]"
"""Text, children, or an element that occurs several times (JSON's own form: once is no list)."""

_WHOLE = (
    *("GioiTinh", "DanToc", "TonGiao", "TinhTrangHonNhan", "NhomMau", "NgayThangNamSinh"),
    *("NoiDangKyKhaiSinh", "QuocTich", "QueQuan", "ThuongTru", "NoiOHienTai"),
    *("Cha", "Me", "VoChong", "NguoiDaiDien", "ChuHo", "SoSoHoKhau", "TrangThai"),
)
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
        fields, switches = frozenset(self.account.fields), self._switches
        name = _parts_of(person.full_name.upper(), switches)
        tree: dict[str, Value] = {
            "SoDinhDanh": self._number("citizen_id", person.citizen_id),
            "SoCMND": self._number("id_card_number", person.id_card_number),
            "HoVaTen": name if "full_name" in fields else "",
        }
        members = list(household)
        for element in _PARTS[operation]:
            if (plain := _PLAIN.get(element)) is not None:
                field, write = plain
                value = getattr(person, field) if field in fields else None
                tree[element] = write(value, switches) if value else ""
            elif element == "ThanhVien":
                tree |= self._members(members)
            else:
                tree[element] = self._part(element, person, members)
        return _without_empty(tree) if switches.absent_elements else tree

    @property
    def _switches(self) -> Switches:
        return self.account.switches

    def _sees(self, field: str, or_else: str | None = None) -> bool:
        return field in self.account.fields or or_else in self.account.fields

    def _number(self, field: str, number: str | None) -> str:
        return number if number and (self._sees(field) or number == self.asked_by) else ""

    def _part(self, element: str, person: Person, household: list[Person]) -> Value:
        match element:
            case "NgayThangNamSinh":
                return self._birth(person)
            case "ChuHo":
                return self._head(person, household)
            case "SoSoHoKhau":
                return (person.household_book or "") if self._sees("household_head") else ""
        return "" if self._switches.no_life_status else person.status.value  # TrangThai

    def _birth(self, person: Person) -> Tree:
        born = person.birth_date.isoformat() if person.birth_date and self._sees("birth_date") else ""
        return {
            "Nam": f"{person.birth_year:04d}" if self._sees("birth_year", "birth_date") else "",
            "NgayThangNam": born if self._switches.hyphen_dates else born.replace("-", ""),
        }

    def _head(self, person: Person, household: list[Person]) -> Value:
        """Write the head; `QuanHe` is the person's relation to the head, or names the head by the switch."""
        head = next((p for p in household if p.relation_to_head == HEAD_OF_HOUSEHOLD), None)
        if head is None or not self._sees("household_head"):
            return ""
        names_head = self._switches.relation_names_head
        return {
            "QuanHe": HEAD_OF_HOUSEHOLD if names_head else person.relation_to_head or "",
            "SoDinhDanh": head.citizen_id or "",
            "SoCMND": head.id_card_number or "",
            "HoVaTen": _kin_name(head.full_name, self._switches),
        }

    def _members(self, household: list[Person]) -> Tree:
        if not household or not self._sees("household_members"):
            return {"ThanhVien": ""}
        members: Tree = {"ThanhVien": _once_or_list([self._member(member) for member in household])}
        return {"DanhSachThanhVien": members} if self._switches.wrapped_members else members

    def _member(self, member: Person) -> Tree:
        return {
            "QuanHe": member.relation_to_head or "",
            "SoDinhDanh": member.citizen_id or "",
            "HoVaTen": _kin_name(member.full_name, self._switches),
        }


def _once_or_list(trees: list[Tree]) -> Value:
    return trees[0] if len(trees) == 1 else trees


def _text(value: str, _switches: Switches) -> Value:
    return value


def _code(value: str, switches: Switches) -> Value:
    """Write a code of two digits."""
    return str(int(value)) if switches.unpadded_codes else value


def _address(value: Address, _switches: Switches) -> Value:
    return {
        "MaTinhThanh": value.province_code or "",
        "MaQuanHuyen": value.district_code or "",
        "MaPhuongXa": value.ward_code or "",
        "ChiTiet": value.detail.upper(),
        "QuocGia": value.country,
    }


def _kin(value: Kin, switches: Switches) -> Value:
    return {
        "HoVaTen": _kin_name(value.full_name, switches),
        "QuocTich": value.nationality,
        "SoDinhDanh": value.citizen_id or "",
        "SoCMND": value.id_card_number or "",
    }


_PLAIN: Mapping[str, tuple[str, Callable[[Any, Switches], Value]]] = {
    "GioiTinh": ("gender", _text),
    "DanToc": ("ethnicity", _code),
    "TonGiao": ("religion", _code),
    "TinhTrangHonNhan": ("marital_status", _text),
    "NhomMau": ("blood_type", _code),
    "NoiDangKyKhaiSinh": ("birth_registration_place", _address),
    "QuocTich": ("nationality", _text),
    "QueQuan": ("native_place", _address),
    "ThuongTru": ("permanent_residence", _address),
    "NoiOHienTai": ("current_residence", _address),
    "Cha": ("father", _kin),
    "Me": ("mother", _kin),
    "VoChong": ("spouse", _kin),
    "NguoiDaiDien": ("representative", _kin),
}
"""The elements that have one field: its name, and how a value is written."""


def _kin_name(full_name: str, switches: Switches) -> Value:
    """Write a relative's name: a plain string, or the parts under the switch."""
    name = full_name.upper()
    return _parts_of(name, switches) if switches.structured_relatives else name


def _parts_of(name: str, switches: Switches) -> Tree:
    if switches.split_name and len(words := name.split()) > 1:
        return {"Ho": words[0], "ChuDem": " ".join(words[1:-1]), "Ten": words[-1]}
    return {"Ho": "", "ChuDem": "", "Ten": name}


def _without_empty(tree: Tree) -> Tree:
    """Remove elements without text, and those without children after that."""
    kept: dict[str, Value] = {}
    for name, value in tree.items():
        inner = value
        if isinstance(value, list):
            inner = _once_or_list([each for each in map(_without_empty, value) if each])
        elif not isinstance(value, str):
            inner = _without_empty(value)
        if inner:
            kept[name] = inner
    return kept


def write_empty_record(operation: Operation) -> Tree:
    """Write a record whose elements are all empty."""
    return dict.fromkeys(("SoDinhDanh", "SoCMND", "HoVaTen", *_PARTS[operation]), "")
