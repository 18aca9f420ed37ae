"""The controls of form fields and the check of what was typed: the right control, and an error that helps.

The browser checks the same by attributes; the server decides. Values become the shapes of the gateway's contract: an
address with codes and list, a code with its label, a day, a number.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from portal.dossiers.model import Person
from portal.normal_forms import compose, fold
from portal.pages import Text
from portal.services.catalogue import Field
from portal.services.code_lists import UNITS, Code, find, provinces, read_codes, wards

MAX_TEXT, MAX_LONG = 200, 1_000
_FIRST_YEAR = 1875
SHORT = 5
"""A code list of so many entries is shown whole; a longer one is searched."""

_CODES = {
    "gender": "gender", "child_gender": "gender", "marital_status": "marital", "blood_type": "blood",
    "ethnicity": "ethnic-qd121", "child_ethnicity": "ethnic-qd121", "religion": "religion-portal",
    "nationality": "iso3166-1", "child_nationality": "iso3166-1",
}  # fmt: skip
_ADDRESSES = {
    "permanent_residence", "current_residence", "native_place", "birth_registration_place", "child_birth_place",
    "child_native_place", "death_place", "new_residence", "lodging_address", "supply_address",
    "organisation_address", "absence_destination",
}  # fmt: skip
_DAYS_PAST = {"birth_date", "child_birth_date", "death_date", "violation_date", "contract_end_date"}
_DAYS = {"stay_from", "stay_to", "registration_date_wanted"}
_NUMBERS = {"marriage_count_husband": (1, 9), "marriage_count_wife": (1, 9), "renewal_months": (1, 12)}
_LONG = {
    "death_cause", "confirmation_purpose", "request_content", "absence_reason", "residence_history",
    "household_members", "tax_change_content", "land_change_content", "admission_wishes", "contract_end_reason",
}  # fmt: skip
_OPTIONAL = {
    "death_notice_number", "email", "other_names", "previous_passport_number", "health_insurance_number",
    "tax_code", "social_insurance_number", "father", "mother", "spouse", "representative", "household_members",
    "id_card_number", "religion", "blood_type",
}  # fmt: skip
_FATHER, _MOTHER, _CHILD = Text("Cha", "Father"), Text("Mẹ", "Mother"), Text("Con", "Child")
_WIFE, _HUSBAND = Text("Vợ", "Wife"), Text("Chồng", "Husband")
_RELATIVE = Text("Người thân thích khác", "Another relative")
_SUGGESTED = {
    "relation_to_child": (_FATHER, _MOTHER, Text("Ông", "Grandfather"), Text("Bà", "Grandmother"), _RELATIVE),
    "relation_to_deceased": (_WIFE, _HUSBAND, _CHILD, _FATHER, _MOTHER, _RELATIVE),
    "relation_to_head": (
        _WIFE, _HUSBAND, _CHILD, _FATHER, _MOTHER, Text("Cháu", "Grandchild, nephew or niece"),
        Text("Ở nhờ, ở thuê", "Lodger or tenant"),
    ),
}  # fmt: skip
_PATTERNS = {
    "citizen_id": (r"[0-9]{12}", Text("Số định danh gồm đúng 12 chữ số.", "A personal number has exactly 12 digits.")),
    "id_card_number": (r"[0-9]{9}", Text("Số CMND gồm đúng 9 chữ số.", "An identity card number has exactly 9 digits.")),
    "phone_number": (r"[0-9+ ]{8,15}", Text("Số điện thoại gồm 8 đến 15 chữ số.", "A telephone number has 8 to 15 digits.")),
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", Text("Thư điện tử có dạng ten@noi.vn.", "An e-mail address looks like name@place.vn.")),
}  # fmt: skip
_REQUIRED = Text("Hãy điền mục này.", "Fill this in.")
_DAY_FORM = Text("Hãy viết ngày như 31/01/1990.", "Write the day as 31/01/1990.")
_NO_SUCH_DAY = Text("Lịch không có ngày này.", "The calendar has no such day.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How a field is asked. `codes` are the entries of a short list; `suggested` are free texts."""

    kind: str
    required: bool
    codes: tuple[Code, ...] = ()
    list_name: str | None = None
    suggested: tuple[Text, ...] = ()
    pattern: str | None = None
    least: str | None = None
    most: str | None = None
    longest: int = MAX_TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was typed into a field: its value, or what is wrong with it."""

    value: Any = None
    error: Text | None = None


def control_of(name: str, *, day: date) -> Control:
    """Return the control of a field by its name."""
    required = name not in _OPTIONAL
    control = Control(kind="text", required=required, suggested=_SUGGESTED.get(name, ()))
    if name in _CODES:
        codes = tuple(code for code in read_codes(_CODES[name]) if code.label != "Chưa có thông tin")
        kind = "choice" if len(codes) <= SHORT else "list"
        control = Control(kind=kind, required=required, codes=codes, list_name=_CODES[name])
    elif name in _ADDRESSES:
        control = Control(kind="address", required=required, list_name=UNITS)
    elif name in _DAYS_PAST:
        control = Control(kind="date", required=required, least=f"{_FIRST_YEAR}-01-01", most=day.isoformat())
    elif name in _DAYS:
        control = Control(kind="date", required=required, least="2000-01-01", most="2100-12-31")
    elif name == "birth_year":
        control = Control(kind="number", required=required, least=str(_FIRST_YEAR), most=str(day.year))
    elif name in _NUMBERS:
        least, most = _NUMBERS[name]
        control = Control(kind="number", required=required, least=str(least), most=str(most))
    elif name in _LONG:
        control = Control(kind="long", required=required, longest=MAX_LONG)
    elif name in _PATTERNS:
        control = Control(kind="text", required=required, pattern=_PATTERNS[name][0])
    return control


def control_for(person: Person, field: Field, *, day: date) -> Control:
    """Return the control of a person's field: for a birth date, the year's if the papers and the registry have no day."""
    has_day = person.fields.get(field.name, {}).get("state") == "filled"
    asks_year = field.name == "birth_date" and "birth_year" in person.claim and not has_day
    return control_of("birth_year" if asks_year else field.name, day=day)


def typed_names(key: str, control: Control) -> tuple[str, ...]:
    """Return the names of the inputs of a field."""
    return (f"{key}.province", f"{key}.ward", f"{key}.detail") if control.kind == "address" else (key,)


def check_typed(key: str, control: Control, typed: Mapping[str, str]) -> Checked:
    """Return the value of what was typed, or the error to show beside the field."""
    if all(not typed.get(name, "").strip() for name in typed_names(key, control)):
        return Checked(error=_REQUIRED if control.required else None)
    return _CHECKS[control.kind](key, control, typed)


def _check_text(key: str, control: Control, typed: Mapping[str, str]) -> Checked:
    text = compose(typed[key].strip(), longest=control.longest)
    if len(text) > control.longest:
        return Checked(
            error=Text(f"Tối đa {control.longest} ký tự.", f"At most {control.longest} characters.")
        )
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs"} and letter not in "\n\r" for letter in text):
        return Checked(
            error=Text("Có ký tự không hiển thị được.", "It holds characters that can't be shown.")
        )
    name = key.rpartition(".")[2]
    if control.pattern and not re.fullmatch(control.pattern, text):
        return Checked(error=_PATTERNS[name][1])
    # Not folded: `ba`, a father, would become `bà`, a grandmother.
    suggested = (each for each in control.suggested if text.lower() in {each.vi.lower(), each.en.lower()})
    return Checked(value=next(suggested, text))


def _check_date(key: str, control: Control, typed: Mapping[str, str]) -> Checked:
    text = typed[key].strip()
    if found := re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", text):
        text = f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return Checked(error=_DAY_FORM)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return Checked(error=_NO_SUCH_DAY)
    if control.most and day.isoformat() > control.most:
        return Checked(error=Text("Ngày này chưa tới.", "This day hasn't come yet."))
    if control.least and day.isoformat() < control.least:
        return Checked(error=Text("Ngày này quá xa trong quá khứ.", "This day is too far in the past."))
    return Checked(value=day.isoformat())


def _check_number(key: str, control: Control, typed: Mapping[str, str]) -> Checked:
    text = typed[key].strip()
    least, most = int(control.least or 0), int(control.most or 10**6)
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        return Checked(
            error=Text(f"Hãy viết một số từ {least} đến {most}.", f"Write a number from {least} to {most}.")
        )
    return Checked(value=int(text))


def _check_code(key: str, control: Control, typed: Mapping[str, str]) -> Checked:
    text = fold(typed[key].strip()[:MAX_TEXT])
    by_name = (each for each in control.codes if text in {fold(each.label), fold(each.of("en"))})
    by_code = (each for each in control.codes if text == each.code.lower())
    found = next(chain(by_name, by_code), None)  # Áo is Austria, and not the code of Angola
    if found is None:
        return Checked(error=Text("Hãy chọn một mục trong danh sách.", "Choose an entry of the list."))
    return Checked(value={"code": found.code, "label": found.label, "code_list": control.list_name})


def _check_address(key: str, _control: Control, typed: Mapping[str, str]) -> Checked:
    province = find(provinces(), typed.get(f"{key}.province", ""))
    if province is None:
        return Checked(error=Text("Hãy chọn tỉnh, thành phố.", "Choose a province or city."))
    ward = find(wards(province.code), typed.get(f"{key}.ward", ""))
    if ward is None:
        return Checked(
            error=Text("Hãy chọn xã, phường của tỉnh đã chọn.", "Choose a ward or commune of that province.")
        )
    typed_detail = typed.get(f"{key}.detail", "").strip()
    detail = _check_text("detail", Control(kind="text", required=False), {"detail": typed_detail})
    if detail.error:
        return detail
    parts = [part for part in (str(detail.value), ward.label, province.label) if part]
    return Checked(
        value={
            "province_code": province.code, "district_code": None, "ward_code": ward.code,
            "code_list": UNITS, "detail": ", ".join(parts), "country": "VN",
        }
    )  # fmt: skip


_CHECKS: dict[str, Callable[[str, Control, Mapping[str, str]], Checked]] = {
    "text": _check_text,
    "long": _check_text,
    "date": _check_date,
    "number": _check_number,
    "choice": _check_code,
    "list": _check_code,
    "address": _check_address,
}


def bare_number(text: str) -> str:
    """Return a number without the blanks, dots and hyphens that people write in it."""
    return re.sub(r"[\s.-]", "", text)


def check_claim(typed: Mapping[str, str], *, day: date) -> tuple[dict[str, str], dict[str, Text]]:
    """Return the claim for the gateway, and what is wrong by field."""
    number = bare_number(typed.get("number", ""))
    name = compose(typed.get("full_name", ""), longest=100).strip()
    born = typed.get("born", "").strip()
    errors: dict[str, Text] = {}
    claim: dict[str, str] = {}
    if re.fullmatch(r"[0-9]{12}", number):
        claim["citizen_id"] = number
    elif re.fullmatch(r"[0-9]{9}", number):
        claim["id_card_number"] = number
    else:
        errors["number"] = Text(
            "Viết đủ 12 chữ số (hoặc 9 chữ số của CMND cũ).", "Write all 12 digits (or the 9 of an old card)."
        )
    if len(name) > 100:
        errors["full_name"] = Text("Tối đa 100 ký tự.", "At most 100 characters.")
    elif not name or not all(letter.isprintable() for letter in name):
        errors["full_name"] = Text(
            "Viết họ, chữ đệm và tên như trên giấy tờ.", "Write the full name as on the papers."
        )
    claim["full_name"] = name
    if re.fullmatch(r"[0-9]{4}", born) and _FIRST_YEAR <= int(born) <= day.year:
        claim["birth_year"] = born
    else:
        checked = check_typed("born", control_of("birth_date", day=day), {"born": born})
        if checked.error in (_DAY_FORM, _REQUIRED):
            errors["born"] = Text(
                "Viết ngày sinh như 31/01/1990; chỉ viết 4 chữ số của năm nếu giấy tờ chỉ ghi năm.",
                "Write the birth date as 31/01/1990; the 4 digits of the year only if your papers have only that.",
            )
        elif checked.error:
            errors["born"] = checked.error
        else:
            claim["birth_date"] = str(checked.value)
    return claim, errors
