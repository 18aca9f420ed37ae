"""C06's element names, in one table, and a question written as a message of C06.

Refuses a value that is too long or not plain text for C06, before anything is sent. `dialects.py` writes the message; no other
folder uses these names. Source: QCVN 109:2017/BTTTT for the answer's namespace, specification of the NDXP services §4.3 and
public clients for the rest; the parity ledger lists the guesses.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from gateway.errors import FieldError
from gateway.errors.requests import ClaimInvalid, RequestInvalid
from gateway.normal_forms import MAX_CODE_POINTS, normalise
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES, Connection, DateForm
from gateway.registry.model import Question

SOAP_NAMESPACE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
REQUEST_NAMESPACE: Final = "http://dancuquocgia.bca"
ANSWER_NAMESPACE: Final = "http://www.mic.gov.vn/dancu/1.0"

# A request, in the order that C06 requires.
REQUEST_CODE: Final = "MaYeuCau"
SERVICE_CODE: Final = "MaDVC"
INTEGRATION_CODE: Final = "MaTichHop"
OFFICER: Final = "MaCanBo"
AGENCY: Final = "MaDonVi"
CITIZEN_ID: Final = "SoDinhDanh"
ID_CARD_NUMBER: Final = "SoCMND"
FULL_NAME: Final = "HoVaTen"
BIRTH: Final = "NgayThangNamSinh"
BIRTH_DATE: Final = "NgayThangNam"
BIRTH_YEAR: Final = "Nam"
CAMEL_BIRTH: Final = "ngayThangNam"

# A verdict: three forms are known.
VERDICT: Final = "XacThucThongTinCongDanResponse"
VERDICT_COUNT: Final = "SoLuongCongDan"
VERDICT_RESULT: Final = "KetQuaXacThuc"
VERDICT_EXISTS: Final = "TonTai"

# A record.
COLLECTION: Final = "CongdanCollection"
COLLECTION_COUNT: Final = "SoCongDan"
COLLECTION_AS_OF: Final = "ThoiDiemDuLieu"
COLLECTION_NOTE: Final = "GhiChu"
CITIZEN: Final = "CongDan"
FAMILY_NAME: Final = "Ho"
MIDDLE_NAME: Final = "ChuDem"
GIVEN_NAME: Final = "Ten"
GENDER: Final = "GioiTinh"
ETHNICITY: Final = "DanToc"
RELIGION: Final = "TonGiao"
MARITAL_STATUS: Final = "TinhTrangHonNhan"
BLOOD_TYPE: Final = "NhomMau"
NATIONALITY: Final = "QuocTich"
BIRTH_REGISTRATION: Final = "NoiDangKyKhaiSinh"
NATIVE_PLACE: Final = "QueQuan"
PERMANENT_RESIDENCE: Final = "ThuongTru"
CURRENT_RESIDENCE: Final = "NoiOHienTai"
PROVINCE: Final = "MaTinhThanh"
DISTRICT: Final = "MaQuanHuyen"
WARD: Final = "MaPhuongXa"
ADDRESS_DETAIL: Final = "ChiTiet"
COUNTRY: Final = "QuocGia"
FATHER: Final = "Cha"
MOTHER: Final = "Me"
SPOUSE: Final = "VoChong"
REPRESENTATIVE: Final = "NguoiDaiDien"
HOUSEHOLD_HEAD: Final = "ChuHo"
HOUSEHOLD_MEMBER: Final = "ThanhVien"
HOUSEHOLD_LIST: Final = "DanhSachThanhVien"
RELATION: Final = "QuanHe"
LIFE_STATUS: Final = "TrangThai"

REPEATABLE: Final = frozenset({CITIZEN, HOUSEHOLD_MEMBER})

# A refusal.
FAULT: Final = "Fault"
FAULT_CODE: Final = "faultcode"
FAULT_DETAIL: Final = "detail"
REFUSAL_CODE: Final = "MaLoi"


_BARRED_D = frozenset("Đ\u00d0\u0189")
# Apostrophes that Unicode counts as letters; the others are dropped as punctuation.
_LETTER_APOSTROPHES = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\ua78b\ua78c"
)
# Latin letters and their marks are below it; code points above are not cached, so that the table stays small.
_LAST_OF_NAMES = 0x2000
_NAME_LIMIT = 100
_MAX_CAPITALS = 12
"""Code points that one character can become: four when decomposed, each with at most three capitals."""

_LIMITS = {
    REQUEST_CODE: ("request_code", 40),
    SERVICE_CODE: ("procedure", 20),
    INTEGRATION_CODE: ("operation", 20),
    OFFICER: ("initiated_by.id", 20),
    AGENCY: ("organisation", 35),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """A question as a message of C06: plain members in order, then the date or the year of birth."""

    members: tuple[tuple[str, str], ...]
    birth_date: date | None
    birth_year: int | None
    date_form: DateForm | None = None

    def birth(self, usual: DateForm) -> str:
        """Return the birth date in the connection's form, or in the dialect's usual one; or the year."""
        if self.birth_date is None:
            return f"{self.birth_year:04d}"
        written = self.birth_date.isoformat()
        return written.replace("-", "") if (self.date_form or usual) is DateForm.COMPACT else written


def message_of(question: Question, connection: Connection) -> Message:
    """Return the question as a message; the connection has the agency, and may have its own codes."""
    operation = question.operation
    claim = question.claim
    integration = connection.integration_codes.get(operation, DEFAULT_INTEGRATION_CODES[operation])
    plain = (
        (REQUEST_CODE, question.request_code),
        (SERVICE_CODE, connection.service_codes.get(question.procedure, question.service_code)),
        (INTEGRATION_CODE, integration),
        (OFFICER, question.officer),
        (AGENCY, connection.agency),
    )
    for name, value in plain:
        field, limit = _LIMITS[name]
        if len(value) > limit or not value.isprintable():
            raise RequestInvalid((_fault(field),))
    number = (
        (CITIZEN_ID, claim.citizen_id)
        if claim.citizen_id is not None
        else (ID_CARD_NUMBER, claim.id_card_number or "")
    )
    return Message(
        members=(*plain, number, (FULL_NAME, fold_name(claim.full_name))),
        birth_date=claim.birth_date,
        birth_year=claim.birth_year,
        date_form=connection.date_form,
    )


def fold_name(full_name: str) -> str:
    """Return a name as three known clients send it: upper case, no marks, no spaces, only `[A-Z0-9]`.

    Raises:
        ClaimInvalid: a letter or digit is none of these even without its marks, or nothing is left.
    """
    folded = _folded(full_name)
    if not folded or len(folded) > _NAME_LIMIT:
        raise ClaimInvalid((_fault("claim.full_name"),))
    return folded


def is_same_name(answered: str, claimed: str) -> bool:
    """Return whether two names are equal once folded: the registry compares folded names."""
    folded = _folded(answered)
    return folded != "" and folded == _folded(claimed)


def _folded(full_name: str) -> str:
    """Return the folded name; "" if nothing is left, a letter can't be folded, or it is too long."""
    if len(full_name) > MAX_CODE_POINTS * _NAME_LIMIT:
        return ""
    # First to lower case: ß and ẞ are one letter (`enquiries/claim.py`), and only ß has the capitals SS.
    capitals = normalise("NFD", full_name, longest=_NAME_LIMIT).lower().upper()
    folded = normalise("NFD", capitals, longest=_MAX_CAPITALS * _NAME_LIMIT).translate(_FOLDS)
    return folded if folded.isascii() else ""


class _Folds(dict[int, str | None]):
    """Maps a code point to itself, to D, or to None if it is dropped; computed once.

    Keeps letters and digits that are not Latin, so that the name is refused: without them it would be another name.
    """

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        folded: str | None = None
        if character in _BARRED_D:
            folded = "D"
        elif character not in _LETTER_APOSTROPHES and unicodedata.category(character)[0] in {"L", "N"}:
            folded = character
        if code < _LAST_OF_NAMES:
            self[code] = folded
        return folded


_FOLDS = _Folds()


def _fault(field: str) -> FieldError:
    return FieldError(
        field=field,
        code="claim_invalid" if field.startswith("claim.") else "request_invalid",
        detail="the registry does not accept this value",
    )
