"""What the pages of a dossier show: its steps, its form, its summary with where each value comes from; what went wrong, in words."""

from datetime import date
from typing import Any

from starlette.responses import Response

from portal.clock import today
from portal.dossiers.forms import Checked, bare_number, check_typed, control_for
from portal.dossiers.model import Dossier
from portal.dossiers.use_cases import new_attempt
from portal.pages import Text
from portal.services.catalogue import Role, Service
from portal.services.code_lists import provinces, wards
from portal.web import Visitor

_HAND = Text(
    "Quý vị có thể thử lại, hoặc tự khai và nộp kèm bản chính khi được yêu cầu.",
    "Try again, or declare by hand and bring the original when asked.",
)

TROUBLES: dict[str, tuple[Text, Text]] = {
    "not_confirmed": (
        Text("Thông tin chưa khớp với Cơ sở dữ liệu quốc gia về dân cư", "The data don't agree with the national population database"),
        Text("Hệ thống không cho biết phần nào chưa khớp. Hãy đối chiếu từng chữ số, họ tên và ngày sinh với giấy tờ rồi gửi lại. Nếu vẫn chưa khớp, hãy tự khai, và liên hệ công an nơi cư trú để kiểm tra dữ liệu.",
             "The system doesn't say which part differs. Compare every digit, the name and the birth date with the papers and send again. If it still differs, declare by hand and have the police of the residence check the data."),
    ),
    "registry_timeout": (Text("Cơ sở dữ liệu trả lời quá chậm", "The database is too slow"), _HAND),
    "registry_unavailable": (Text("Cơ sở dữ liệu đang tạm ngừng", "The database is down"), _HAND),
    "registry_refused": (Text("Cơ sở dữ liệu từ chối câu hỏi này", "The database refuses this question"), _HAND),
    "registry_answer_invalid": (Text("Cơ sở dữ liệu trả lời không đọc được", "The database's answer can't be read"), _HAND),
    "registry_credentials_rejected": (Text("Kết nối với cơ sở dữ liệu bị từ chối", "The connection to the database is refused"), _HAND),
    "enquiry_budget_spent": (
        Text("Đã thử quá nhiều lần với thông tin chưa khớp", "Too many tries with data that don't agree"),
        Text("Để bảo vệ người có số định danh này, hệ thống tạm ngừng nhận thêm. Hãy chờ rồi thử lại, hoặc tự khai.",
             "To protect the person with this number, no more tries are taken for a while. Wait and try again, or declare by hand."),
    ),
    "account_suspended": (
        Text("Kết nối của cổng dịch vụ đang bị tạm dừng", "The portal's connection is suspended"),
        Text("Đây là việc của cơ quan vận hành, không phải lỗi của quý vị. Quý vị có thể tự khai.",
             "This is for the operators, and not your mistake. You can declare by hand."),
    ),
    "profile_suspended": (
        Text("Việc khai thác dữ liệu dân cư đang tạm dừng", "Reading the population database is suspended"),
        Text("Đây là việc của cơ quan vận hành. Quý vị có thể tự khai.", "This is for the operators. You can declare by hand."),
    ),
    "officer_not_granted": (
        Text("Cán bộ này chưa được cấp quyền", "This officer is not granted"),
        Text("Tài khoản của cổng không có tên cán bộ này. Hãy đăng nhập bằng cán bộ khác, hoặc đề nghị cơ quan vận hành bổ sung.",
             "The portal's account doesn't name this officer. Sign in as another, or ask the operators to add them."),
    ),
    "consent_missing": (
        Text("Hãy xác nhận ô đồng ý trước khi hỏi về người này.", "Confirm the consent before asking about this person."),
        Text("", ""),
    ),
    "claim_invalid": (
        Text("Thông tin viết chưa đúng quy cách", "The data are not written rightly"),
        Text("Hãy xem lại số, họ tên và ngày sinh.", "Look at number, name and birth date again."),
    ),
    "rate_limited": (Text("Quá nhiều câu hỏi cùng lúc", "Too many questions at once"), _HAND),
    "overloaded": (Text("Hệ thống đang quá tải", "The system is overloaded"), _HAND),
    "gateway_unreachable": (Text("Không kết nối được với cổng xác thực", "The verification gateway can't be reached"), _HAND),
    "verification_expired": (
        Text("Lần xác thực đã hết hạn trong khi quý vị điền", "The verification expired while you were filling the form"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại bằng một lần bấm, hoặc tự khai.",
             "What you typed is kept. Verify again with one press, or declare by hand."),
    ),
    "verification_revoked": (
        Text("Lần xác thực đã được thu hồi", "The verification was revoked"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại, hoặc tự khai.", "What you typed is kept. Verify again, or declare by hand."),
    ),
    "verification_invalidated": (
        Text("Dữ liệu của người này vừa thay đổi trong cơ sở dữ liệu", "This person's record has just changed in the database"),
        Text("Những gì quý vị đã nhập vẫn còn nguyên. Hãy xác thực lại, hoặc tự khai.", "What you typed is kept. Verify again, or declare by hand."),
    ),
}  # fmt: skip
_ENDS_FIRST = Text("Ngày này trước ngày bắt đầu.", "This day is before the first one.")
OTHER = (Text("Chưa xác thực được", "It could not be verified"), _HAND)

REASONS = {
    "registry_has_none": Text("Cơ sở dữ liệu không có thông tin này.", "The database has no such value."),
    "registry_unavailable": Text("Cơ sở dữ liệu không trả lời phần này.", "The database gave no answer to this part."),
    "registry_refused": Text("Cơ sở dữ liệu từ chối phần này.", "The database refused this part."),
    "registry_answer_invalid": Text("Không đọc được phần trả lời này của cơ sở dữ liệu.", "This part of the answer can't be read."),
    "not_granted": Text("Cổng này không được cấp quyền đọc thông tin này.", "This portal may not read this value."),
    "not_asked": Text("Cổng không hỏi thông tin này.", "The portal doesn't ask for this value."),
    "not_from_registry": Text("", ""),
    "under_correction": Text("Quý vị đã báo thông tin này không đúng; giá trị do công dân khai.", "You reported this value as wrong; it is declared by the citizen."),
    "by_hand": Text("Do công dân khai.", "Declared by the citizen."),
}  # fmt: skip


def explain(code: str) -> tuple[Text, Text]:
    """Return what happened, and what the citizen can do."""
    return TROUBLES.get(code, OTHER)


MAY_BE_ABSENT = frozenset({"father"})
_MALE, _FEMALE = 0, 1
SELF = {"father": _MALE, "husband": _MALE, "mother": _FEMALE, "wife": _FEMALE, "household_head": None}
"""Roles that the requester may have as well, with the parity of the fourth digit of the number, which says the gender
(Decree 137/2015, Article 13); None: any."""


def _fits(role: Role, number: str) -> bool:
    """Return whether a number's gender is that of a role; a number of nine digits says none, given as an empty text."""
    parity = SELF.get(role.name)
    return parity is None or not number or int(number[3]) % 2 == parity


def may_be_self(dossier: Dossier, role: Role) -> bool:
    """Return whether the requester, once verified, may say that this person is they themselves."""
    requester = dossier.people["requester"]
    is_verified = requester.mode == "registry"
    return is_verified and role.name in SELF and _fits(role, requester.claim.get("citizen_id", ""))


def check_gender(role: Role, claim: dict[str, str]) -> Text | None:
    """Return what is wrong with a claim whose number is not one of those who may have the role."""
    number = claim.get("citizen_id", "")
    if _fits(role, number):
        return None
    whose = Text("nam", "man’s") if int(number[3]) % 2 == _MALE else Text("nữ", "woman’s")
    return Text(
        f"Chữ số thứ tư cho biết đây là số của {whose.vi}. Hãy xem lại số, hoặc tự khai.",
        f"The fourth digit says that this is a {whose.en} number. Check the number, or declare by hand.",
    )


async def list_own(visitor: Visitor) -> dict[str, Any]:
    """Return the visitor's dossiers and the names of all services, as `dossier_rows.html` shows them."""
    services = await visitor.portal.catalogue.services()
    dossiers = await visitor.portal.store.list_dossiers(visitor.owner, visitor.portal.clock.now())
    return {"dossiers": dossiers, "names": {each.slug: each.name for each in services}}


def show_dossier(
    visitor: Visitor, dossier: Dossier, service: Service, *, status: int = 200, errors: dict[str, Any] | None = None,
    claims: dict[str, dict[str, str]] | None = None, headers: dict[str, str] | None = None, waits: int | None = None,
) -> Response:  # fmt: skip
    """Return the page of a dossier that is not submitted, with errors beside their fields."""
    day = today(visitor.portal.clock)
    return visitor.page(
        "dossier.html",
        status=status,
        headers=headers,
        dossier=dossier,
        service=service,
        steps=[_step(visitor, dossier, role, (claims or {}).get(role.name)) for role in service.roles],
        parts=[_part(dossier, role, errors or {}, day=day) for role in service.roles],
        errors=errors or {},
        provinces=provinces(),
        wards=wards,
        attempt=new_attempt(),
        waits=waits,
        lists=_lists(dossier, service, day=day),
        labels={
            f"{role.name}.{each.name}": (role.label, each.label)
            for role in service.roles
            for each in role.fields
        },
    )


def _lists(dossier: Dossier, service: Service, *, day: date) -> dict[str, Any]:
    """Return the long code lists that the page's controls search, each once."""
    controls = [
        control_for(dossier.people[role.name], each, day=day)
        for role in service.roles
        for each in dossier.declared(role)
    ]
    return {each.list_name: each.codes for each in controls if each.kind == "list" and each.list_name}


def _step(visitor: Visitor, dossier: Dossier, role: Role, typed: dict[str, str] | None) -> dict[str, Any]:
    person = dossier.people[role.name]
    claim = person.claim
    shown = typed or {
        "number": claim.get("citizen_id", claim.get("id_card_number", "")),
        "full_name": claim.get("full_name", ""),
        "born": claim.get("birth_date", claim.get("birth_year", "")),
    }
    own = role.name == "requester" and not visitor.is_officer
    what, do = explain(person.trouble["code"]) if person.trouble else (None, None)
    # After a trouble the number may be corrected, and another person's consent is another one.
    needs_consent = not person.has_consent(bare_number(shown["number"]))
    return {
        "role": role,
        "person": person,
        "claim": shown,
        "own_number": own,
        "may_be_self": may_be_self(dossier, role),
        "asks_consent": role.name != "requester" and (needs_consent or bool(person.trouble)),
        "needs_consent": needs_consent,
        "may_be_absent": role.name in MAY_BE_ABSENT,
        "what": what,
        "do": do,
    }


def _part(dossier: Dossier, role: Role, errors: dict[str, Any], *, day: date) -> dict[str, Any]:
    person = dossier.people[role.name]
    fields = []
    for each in role.fields:
        key = f"{role.name}.{each.name}"
        locked = person.locked(each.name)
        fields.append(
            {
                "key": key,
                "field": each,
                "locked": locked,
                "control": control_for(person, each, day=day),
                "reason": REASONS.get(person.reason(each.name)) if each.from_registry else None,
                "disputed": each.name in person.disputed,
                "error": errors.get(key),
                "typed": {
                    name: text
                    for name, text in dossier.typed.items()
                    if name == key or name.startswith(f"{key}.")
                },
            }
        )
    return {"role": role, "person": person, "fields": fields}


def check_all(dossier: Dossier, service: Service, *, day: date) -> dict[str, Checked]:
    """Return what is typed into each field that must be declared."""
    checked: dict[str, Checked] = {}
    for role in service.roles:
        person = dossier.people[role.name]
        for each in dossier.declared(role):
            key = f"{role.name}.{each.name}"
            checked[key] = check_typed(key, control_for(person, each, day=day), dossier.typed)
        start, end = (
            checked.get(f"{role.name}.{name}", Checked()).value for name in ("stay_from", "stay_to")
        )
        if start and end and end < start:
            checked[f"{role.name}.stay_to"] = Checked(error=_ENDS_FIRST)
    return checked


def find_errors(checked: dict[str, Checked]) -> dict[str, Any]:
    """Return what is wrong, by field."""
    return {key: each.error for key, each in checked.items() if each.error is not None}


def summarise(visitor: Visitor, dossier: Dossier, service: Service) -> dict[str, Any]:
    """Return every field with its value and where it comes from."""
    checked = check_all(dossier, service, day=today(visitor.portal.clock))
    parts = []
    for role in service.roles:
        person = dossier.people[role.name]
        rows = []
        for each in role.fields if person.mode != "absent" else ():
            locked = person.locked(each.name)
            value = locked["value"] if locked else checked[f"{role.name}.{each.name}"].value
            rows.append(
                {"field": each, "value": value, "locked": locked, "disputed": each.name in person.disputed}
            )
        parts.append({"role": role, "person": person, "rows": rows})
    return {"dossier": dossier, "service": service, "parts": parts, "spared": dossier.spared(service)}
