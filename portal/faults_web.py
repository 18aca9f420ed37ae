"""`/_test`: each failure at one click, for QA.

Failures of the registry are armed on the mock, for everybody. The others concern this browser or its dossiers: a budget that
is really spent, a suspended account that the gateway really refuses, verifications that end. None needs an operator's rights.
"""

from collections.abc import Collection, Iterator
from typing import Any

import httpx
from fastapi import APIRouter
from starlette.responses import Response

from portal.clock import rfc3339
from portal.dossiers.model import Dossier, Person
from portal.errors import GatewayUnreachable
from portal.pages import Text
from portal.services.catalogue import ask
from portal.web import AnyVisitor, Visitor, read_form, text_of

RUN = "default"

REGISTRY: dict[str, tuple[Text, Text, dict[str, Any]]] = {
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

OWN: dict[str, tuple[Text, Text]] = {
    "suspended": (
        Text("Tài khoản của cổng bị tạm dừng", "The portal’s account is suspended"),
        Text("Trình duyệt này hỏi bằng một tài khoản đã bị tạm dừng; bấm lần nữa để thôi.",
             "This browser asks with a suspended account; a second click ends it."),
    ),
    "budget": (
        Text("Hết lượt thử", "Budget spent"),
        Text("Gửi tên sai về người đang đăng nhập cho đến khi hết lượt.",
             "Sends wrong names about the signed-in person until the budget is spent."),
    ),
    "expired": (
        Text("Biên nhận hết hạn giữa chừng", "Receipt expires mid-form"),
        Text("Các biên nhận trong hồ sơ của người đang đăng nhập hết hạn ngay.",
             "The receipts in the signed-in person’s dossiers expire now."),
    ),
    "revoked": (
        Text("Xác thực bị thu hồi giữa chừng", "Verification revoked mid-form"),
        Text("Thu hồi các lần xác thực trong hồ sơ của người đang đăng nhập.",
             "Revokes the verifications of the signed-in person’s dossiers."),
    ),
}  # fmt: skip

BUDGET_TRIES = 60


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/_test", _show, methods=["GET"])
    router.add_api_route("/_test", _arm, methods=["POST"])
    return router


async def _show(visitor: AnyVisitor) -> Response:
    if visitor.portal.control is None:
        return visitor.page("missing.html", status=404)
    return await _show_faults(visitor, done=visitor.request.query_params.get("xong", "")[:40])


async def _show_faults(visitor: Visitor, *, status: int = 200, done: str) -> Response:
    own = {name: each for name, each in OWN.items() if name != "suspended" or visitor.portal.suspended}
    armed = [*await _find_armed(visitor), *(["suspended"] if visitor.is_suspended else [])]
    names = {name: each[0] for name, each in (REGISTRY | OWN).items()}
    return visitor.page(
        "faults.html", status=status, registry=REGISTRY, own=own, armed=armed, names=names, done=done
    )


async def _find_armed(visitor: Visitor) -> Collection[str]:
    """Return what is armed on the mock now; nothing where it gives no answer."""
    assert visitor.portal.control is not None
    try:
        planned = (
            (await visitor.portal.control.get(f"/runs/{RUN}/faults")).raise_for_status().json()["faults"]
        )
    except (httpx.HTTPError, ValueError, KeyError):
        return ()
    return [
        name
        for name, (_, _, fault) in REGISTRY.items()
        if any(
            each["kind"] == fault["kind"]
            and each["operation"] == fault.get("operation")
            and each["times_left"] != 0
            for each in planned
        )
    ]


async def _arm(visitor: AnyVisitor) -> Response:
    """Arm one state, replacing the former on the mock; or end them."""
    portal = visitor.portal
    if portal.control is None:
        return visitor.page("missing.html", status=404)
    act = text_of(await read_form(visitor), "fault", longest=40)
    is_suspended = act == "suspended" and portal.suspended is not None and not visitor.is_suspended
    try:
        if act == "budget":
            await _spend_budget(visitor)
        elif act == "expired":
            await _expire_receipts(visitor)
        elif act == "revoked":
            await _revoke_verifications(visitor)
        elif act != "suspended":
            (await portal.control.delete(f"/runs/{RUN}/faults")).raise_for_status()
            if act in REGISTRY:
                (await portal.control.post(f"/runs/{RUN}/faults", json=REGISTRY[act][2])).raise_for_status()
    except (httpx.HTTPError, GatewayUnreachable):
        return await _show_faults(visitor, status=503, done="failed")
    done = act if act in REGISTRY or act in {"budget", "expired", "revoked"} or is_suspended else "clear"
    response = visitor.go(f"/_test?xong={done}")
    if is_suspended or done == "clear":
        portal.set_cookie(response, "fault", "suspended" if is_suspended else "")
    return response


async def _spend_budget(visitor: Visitor) -> None:
    """Send wrong claims about the signed-in citizen, or else An, until the budget that their next one counts in is spent."""
    number = str(visitor.session.get("citizen_id", "001090000123"))
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
        answer = await ask(visitor.portal.gateway.verify(enquiry, id_token=visitor.own_login(number)))
        if answer.status == 429:
            return


async def _expire_receipts(visitor: Visitor) -> None:
    """Let every receipt of the visitor's open dossiers be of a time that is over."""
    now = rfc3339(visitor.portal.clock.now())
    for dossier in await _list_open(visitor):
        for person in _verified(dossier):
            assert person.verification is not None
            person.verification["expires_at"] = now
        await visitor.portal.store.save_dossier(dossier, visitor.owner)


async def _revoke_verifications(visitor: Visitor) -> None:
    """Revoke every verification of the visitor's open dossiers."""
    for dossier in await _list_open(visitor):
        for person in _verified(dossier):
            assert person.verification is not None
            await ask(visitor.portal.gateway.revoke(person.verification["id"]))


async def _list_open(visitor: Visitor) -> list[Dossier]:
    if not visitor.session:
        return []
    own = await visitor.portal.store.list_dossiers(visitor.owner, visitor.portal.clock.now())
    return [dossier for dossier in own if dossier.submitted_at is None]


def _verified(dossier: Dossier) -> Iterator[Person]:
    return (person for person in dossier.people.values() if person.verification)
