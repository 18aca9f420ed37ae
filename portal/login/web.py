"""`/dang-nhap` and `/thoat`: sign in at the national login, sign out. What counts: docs/decisions/0102 and 0119."""

from contextlib import nullcontext
from typing import Any

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from portal.errors import SignInRefused
from portal.login.openid import CALLBACK, STARTED_S
from portal.sealing import SealBroken
from portal.web import AnyVisitor, Visitor, local_path, read_form

_ROW = "sign-in"


def build_router() -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.add_api_route("/dang-nhap", _start, methods=["GET"])
    router.add_api_route(CALLBACK, _finish, methods=["GET"])
    router.add_api_route("/thoat", _leave, methods=["POST"])
    return router


async def _start(visitor: AnyVisitor) -> Response:
    """Send the visitor to the login; `tiep` is the page to come back to."""
    portal = visitor.portal
    back = local_path(visitor.request.query_params.get("tiep", "/"))
    try:
        address, kept = await portal.login.start()
    except SignInRefused as refusal:
        return _refused(visitor, refusal)
    response = RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
    at = int(portal.clock.now().timestamp())
    sealed = portal.sealer.seal({**kept, "back": back, "at": at}, row=_ROW)
    portal.set_cookie(response, "signin", sealed.hex(), seconds=STARTED_S)
    return response


async def _finish(visitor: AnyVisitor) -> Response:
    """Read the login's answer, open a session under a new secret, and go back."""
    portal, request = visitor.portal, visitor.request
    try:
        kept = portal.sealer.open(bytes.fromhex(request.cookies.get(portal.cookie("signin"), "")), row=_ROW)
        code = portal.login.read_answer(dict(request.query_params), kept, since=kept["at"])
        claims, id_token = await _redeem(visitor, code, kept)
    except (SealBroken, ValueError):
        return _refused(visitor, SignInRefused("this browser started no sign-in"))
    except SignInRefused as refusal:
        return _refused(visitor, refusal)
    portal.sign_ins.count(str(claims["sub"]))
    known = ("sub", "auth_time", "citizen_id", "name", "birth_date", "officer_id")
    # A claim that is null or empty is none: an `officer_id` of null makes nobody an officer.
    session = {name: claims[name] for name in known if claims.get(name)} | {"id_token": id_token}
    await portal.store.end_session(visitor.secret)
    secret = await portal.store.open_session(session, portal.clock.now())
    response = RedirectResponse(
        local_path(kept["back"]), status_code=303, headers={"Cache-Control": "no-store"}
    )
    portal.set_cookie(response, "visitor", secret)
    portal.set_cookie(response, "signin", "")
    return response


async def _redeem(visitor: Visitor, code: str, kept: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Redeem the code at the login, once for each start; a network that failed too often takes turns.

    Raises:
        SignInRefused: the login refuses the code, or this sign-in was answered before.
        TooOften: a few others of this network wait already.
    """
    portal, network, failed = visitor.portal, visitor.network, visitor.portal.failed_sign_ins
    async with portal.turns.take(network) if failed.is_spent(network) else nullcontext():
        if not portal.used_states.use(kept["state"], until=kept["at"] + STARTED_S):
            raise SignInRefused("this sign-in was answered before")
        counts = not failed.is_spent(network)
        if counts:
            failed.count(network)  # before the login answers: else codes sent at once would all pass
        redeemed = await portal.login.redeem(code, kept)
        if counts:
            failed.take_back(network)
        return redeemed


async def _leave(visitor: AnyVisitor) -> Response:
    """End the session."""
    await read_form(visitor)
    await visitor.portal.store.end_session(visitor.secret)
    response = RedirectResponse("/", status_code=303, headers={"Clear-Site-Data": '"cache"'})
    visitor.portal.set_cookie(response, "visitor", "")
    return response


def _refused(visitor: Visitor, refusal: SignInRefused) -> Response:
    # The sign-in in the cookie may be another tab's. It ends by itself, and is answered once.
    return visitor.page("sign_in_refused.html", status=400, reason=str(refusal))
