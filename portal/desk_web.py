"""`/can-bo`, `/toi/ai-da-xem` and `/_test`: the officer's desk, the citizen's own ledger, and faults for QA."""

from typing import Any

import httpx
from fastapi import APIRouter
from starlette.responses import Response

from portal.dossiers.views import list_own, read_own
from portal.errors import GatewayUnreachable, SignInNeeded
from portal.login.openid import MAX_AGE_S
from portal.pages import Text
from portal.services.catalogue import ROLES, ask, group
from portal.web import AnyVisitor, Known, Visitor, acting, read_form, text_of

RUN = "default"

FAULTS: dict[str, tuple[Text, Text, dict[str, Any]]] = {
    "slow": (
        Text("Chậm 4 giây", "Slow by 4 seconds"),
        Text("Vẫn trả lời đúng, nhưng muộn.", "The answer is right, but late."),
        {"kind": "latency", "delay_ms": 4_000},
    ),
    "silent": (
        Text("Không trả lời", "No answer"),
        Text("Cổng xác thực chờ hết hạn rồi báo quá chậm.", "The gateway waits until its time limit."),
        {"kind": "hang", "delay_ms": 60_000},
    ),
    "down": (
        Text("Tạm ngừng", "Down"),
        Text("Cơ sở dữ liệu đáp 503.", "The registry answers 503."),
        {"kind": "unavailable"},
    ),
    "maintenance": (
        Text("Bảo trì", "Maintenance"),
        Text("503 kèm thời điểm thử lại.", "503 with a time to come again."),
        {"kind": "maintenance", "delay_ms": 120_000},
    ),
    "refusing": (
        Text("Từ chối", "Refusing"),
        Text("Cơ sở dữ liệu từ chối câu hỏi bằng một mã lỗi.", "The registry refuses the question with a code."),
        {"kind": "duplicate_refused"},
    ),
    "garbled": (
        Text("Trả lời hỏng", "A garbled answer"),
        Text("Câu trả lời không đọc được.", "The answer can't be read."),
        {"kind": "garbled"},
    ),
    "nobody": (
        Text("Không tìm thấy ai", "Nobody found"),
        Text("Mọi câu hỏi đều không khớp.", "No question is confirmed."),
        {"kind": "empty"},
    ),
    "half": (
        Text("Chỉ một phần", "Only a part"),
        Text("Xác thực được, nhưng tra cứu thông tin thì không: các mục đó phải tự khai.",
             "Verification works, the look-up fails: those fields are to declare."),
        {"kind": "unavailable", "operation": "TraCuuThongTinCongDan"},
    ),
}  # fmt: skip

BUDGET_TRIES = 60

ACTS = {
    "confirmed": Text("đã hỏi thông tin của quý vị có khớp không: khớp", "asked whether your data agree: they do"),
    "not_confirmed": Text("đã hỏi thông tin của quý vị có khớp không: chưa khớp", "asked whether your data agree: they don’t"),
    "found": Text("đã tra cứu thông tin của quý vị để điền sẵn", "looked your data up to fill a form"),
    "nobody_found": Text("đã tra cứu nhưng cơ sở dữ liệu không thấy ai", "looked up, and the database found nobody"),
    "answered": Text("đã hỏi, nhưng cơ sở dữ liệu không trả lời được", "asked, and the database gave no answer"),
    "delivered": Text("đã nhận thông tin của quý vị để điền sẵn", "received your data to fill a form"),
    "reused": Text("đã dùng lại lần xác thực trước, không hỏi lại", "reused an earlier verification, without asking"),
    "refused": Text("đã hỏi nhưng bị từ chối, không nhận được gì", "asked and was refused, and got nothing"),
    "shown": Text("đã cho xem trang này", "showed this page"),
}  # fmt: skip
"""What an organisation did: by the outcome of an answered question, else by the kind of the ledger's entry."""


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/can-bo", _desk, methods=["GET"])
    router.add_api_route("/toi/ai-da-xem", _ledger, methods=["GET"])
    router.add_api_route("/_test", _show_faults, methods=["GET"])
    router.add_api_route("/_test", _arm_fault, methods=["POST"])
    return router


async def _desk(visitor: AnyVisitor) -> Response:
    """Show the desk to an officer whom the account names."""
    if not visitor.is_officer:
        raise SignInNeeded(officer=True)
    await acting(visitor.request)
    services = await visitor.portal.catalogue.services()
    return visitor.page("desk.html", groups=group(services), **await list_own(visitor))


async def _ledger(visitor: Known) -> Response:
    """Show every enquiry about the signed-in citizen, of all organisations."""
    if visitor.is_officer:
        return _refuse_ledger(visitor, 403, "officer")
    age = int(visitor.portal.clock.now().timestamp()) - int(visitor.session["auth_time"])
    if age > MAX_AGE_S:
        return _refuse_ledger(visitor, 401, "citizen_token_invalid")
    try:
        answer = await ask(visitor.portal.gateway.own_ledger(visitor.session["id_token"]))
    except GatewayUnreachable:
        return _refuse_ledger(visitor, 503, "gateway_unreachable")
    if answer.status != 200:
        code = str(answer.members.get("code", answer.status))
        return _refuse_ledger(visitor, 401 if code.startswith("citizen_token_") else 503, code)
    catalogue = visitor.portal.catalogue
    services = await catalogue.services()
    forms = [await catalogue.service(each.slug) for each in services]
    return visitor.page(
        "ledger.html",
        entries=list(reversed(answer.members["entries"])),
        has_earlier=answer.members.get("earlier_left_out", False),
        names={each.slug: each.name for each in services},
        roles=ROLES,
        acts=ACTS,
        labels={
            field.name: field.label for each in forms if each for role in each.roles for field in role.fields
        },
    )


def _refuse_ledger(visitor: Visitor, status: int, problem: str) -> Response:
    return visitor.page("ledger.html", status=status, entries=None, problem=problem)


async def _show_faults(visitor: AnyVisitor) -> Response:
    control = visitor.portal.control
    if control is None:
        return visitor.page("missing.html", status=404)
    return visitor.page("faults.html", faults=FAULTS, done=visitor.request.query_params.get("xong", "")[:40])


async def _arm_fault(visitor: AnyVisitor) -> Response:
    """Arm one state on the mock, replacing the former; or clear; or spend a budget; or end the visitor's verifications."""
    portal = visitor.portal
    if portal.control is None:
        return visitor.page("missing.html", status=404)
    form = await read_form(visitor)
    act = text_of(form, "fault", longest=40)
    try:
        if act == "budget":
            await _spend_budget(visitor)
        elif act == "ended":
            await _end_verifications(visitor)
        else:
            (await portal.control.delete(f"/runs/{RUN}/faults")).raise_for_status()
            if act in FAULTS:
                (await portal.control.post(f"/runs/{RUN}/faults", json=FAULTS[act][2])).raise_for_status()
    except (httpx.HTTPError, GatewayUnreachable):
        return visitor.page("faults.html", status=503, faults=FAULTS, done="failed")
    return visitor.go(
        f"/_test?xong={act}" if act in FAULTS or act in {"budget", "ended"} else "/_test?xong=clear"
    )


async def _spend_budget(visitor: Visitor) -> None:
    """Send wrong claims about the signed-in citizen, or else An, until the budget of the person is spent."""
    number = visitor.session.get("citizen_id", "001090000123")
    for each in range(BUDGET_TRIES):
        claim = {
            "citizen_id": number,
            "full_name": f"Sai Thử {'ABCDEFGH'[each % 8]}{'IKLMNOPQ'[each // 8]}",
            "birth_year": 1950,
        }
        enquiry = {
            "procedure": "khai-sinh", "dossier": "QA-BUDGET", "subject_role": "requester", "claim": claim,
            "initiated_by": {"kind": "citizen"},
        }  # fmt: skip
        if (await ask(visitor.portal.gateway.verify(enquiry))).status == 429:
            return


async def _end_verifications(visitor: Visitor) -> None:
    """Revoke every verification of the visitor's dossiers, as if they had ended while a form is open."""
    if not visitor.session:
        return
    for dossier in await read_own(visitor):
        for person in dossier.people.values():
            if person.verification:
                await ask(visitor.portal.gateway.revoke(person.verification["id"]))
