"""`/can-bo` and `/toi/ai-da-xem`: the officer's desk and the citizen's own ledger."""

from fastapi import APIRouter
from starlette.responses import Response

from portal.dossiers.views import list_own
from portal.errors import GatewayUnreachable, SignInNeeded
from portal.pages import Text
from portal.services.catalogue import ROLES, ask, group
from portal.web import AnyVisitor, Known, Visitor, acting

ACTS = {
    "confirmed": Text("đã hỏi thông tin của quý vị có khớp không: khớp", "asked whether your data agree: they do"),
    "not_confirmed": Text("đã hỏi thông tin của quý vị có khớp không: chưa khớp", "asked whether your data agree: they don’t"),
    "found": Text("đã tra cứu thông tin của quý vị để điền sẵn", "looked your data up to fill a form"),
    "nobody_found": Text("đã tra cứu nhưng cơ sở dữ liệu không thấy ai", "looked up, and the database found nobody"),
    "answered": Text("đã hỏi, nhưng cơ sở dữ liệu không trả lời được", "asked, and the database gave no answer"),
    "delivered": Text("đã nhận thông tin của quý vị để điền sẵn", "received your data to fill a form"),
    "reused": Text("đã dùng lại lần xác thực trước, không hỏi lại", "reused an earlier verification, without asking"),
    "refused": Text("đã hỏi nhưng bị từ chối, không nhận được gì", "asked and was refused, and got nothing"),
    "inspected": Text("cán bộ bảo vệ dữ liệu đã xem sổ tra cứu này", "a data-protection officer read this ledger"),
    "shown": Text("đã cho xem trang này", "showed this page"),
}  # fmt: skip
"""What an organisation did: by the outcome of an answered question, else by the kind of the ledger's entry."""

OUTCOMES = {
    "open": Text("đang chờ cơ quan quản lý dữ liệu xem xét", "is being looked at"),
    "corrected": Text("đã được sửa", "was corrected"),
    "rejected": Text("không được sửa", "was not corrected"),
}
"""How a correction that the citizen asked for ended."""


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/can-bo", _desk, methods=["GET"])
    router.add_api_route("/toi/ai-da-xem", _ledger, methods=["GET"])
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
    if not visitor.has_recent_login:
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
        disputes=list(reversed(answer.members.get("discrepancies", []))),
        outcomes=OUTCOMES,
        names={each.slug: each.name for each in services},
        roles=ROLES,
        acts=ACTS,
        labels={
            field.name: field.label for each in forms if each for role in each.roles for field in role.fields
        },
    )


def _refuse_ledger(visitor: Visitor, status: int, problem: str) -> Response:
    return visitor.page("ledger.html", status=status, entries=None, disputes=(), problem=problem)
