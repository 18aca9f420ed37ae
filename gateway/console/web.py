"""`/console/login` and `/console/logout`: operators sign in with a browser, by password and TOTP code.

The session is the one of `/ops/v1`; its token is in a cookie that no script reads: SameSite=Lax, and `__Host-` with Secure
where the gateway's address is https. A form's token is derived from another cookie, so strangers leave no row (threat 41).
Tries are slowed as at `/ops/v1/sessions`. See docs/decisions/0101.
"""

import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gateway.console.responses import HEADERS, local_path, render
from gateway.edge.requests import body_of
from gateway.errors.operators import LoginInvalid
from gateway.errors.requests import MediaTypeUnsupported, Overloaded, RateLimited, TokenInvalid
from gateway.oauth.web import gateway_of
from gateway.operators.model import NAME, Login, Operator
from gateway.operators.sessions import identify, login, logout
from gateway.operators.web import source_of

LOGIN = "/console/login"
_AFTER = "/reports/"
_FORM_TYPE = "application/x-www-form-urlencoded"
_MAX_FIELDS = 16
_SESSION, _FORM = "console", "console-form"

_INVALID = (
    "Tên, mật khẩu hoặc mã không đúng; mỗi mã chỉ dùng được một lần.",
    "Name, password or code is wrong; each code works once.",
)
_SLOWED = ("Quá nhiều lần thử. Hãy thử lại sau", "Too many tries. Try again in")
_BUSY = ("Hệ thống đang bận. Hãy thử lại sau ít phút.", "The system is busy. Try again in a few minutes.")


def build_router() -> APIRouter:
    """Return the routes; they are pages, so the OpenAPI document leaves them out."""
    router = APIRouter(include_in_schema=False)
    for path in ("/console", "/console/"):
        router.add_api_route(path, _go_to_sign_in, methods=["GET"])
    router.add_api_route(LOGIN, _show, methods=["GET"])
    router.add_api_route(LOGIN, _sign_in, methods=["POST"])
    router.add_api_route("/console/logout", _sign_out, methods=["POST"])
    return router


async def find_operator(request: Request) -> Operator | None:
    """Return who is signed in with this browser; None without a session that is still valid."""
    token = request.cookies.get(_cookie(request, _SESSION))
    if not token:
        return None
    try:
        found = await identify(gateway_of(request), token)
    except TokenInvalid:
        return None
    request.state.known = True
    return found


def ask_to_sign_in(request: Request) -> Response:
    """Send a browser to sign in, and then back to this page."""
    # Not `request.url`, which is made from the Host header.
    query = request.scope["query_string"].decode("latin-1")
    back = request.scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"{LOGIN}?next={quote(back, safe='/')}", status_code=303, headers=_no_store())


async def _go_to_sign_in() -> Response:
    return RedirectResponse(LOGIN, status_code=303, headers=_no_store())


async def _show(request: Request) -> Response:
    back = local_path(request.query_params.get("next", _AFTER), otherwise=_AFTER)
    return _login_page(request, operator=await find_operator(request), back=back)


async def _sign_in(request: Request) -> Response:
    form = _read_form(request)
    back = local_path(form.get("next", _AFTER), otherwise=_AFTER)
    name = form.get("name", "").strip()
    if not _is_own(request, form):
        return _refuse_form()
    attempt = Login(name=name, password=form.get("password", ""), totp=form.get("totp", "").strip())
    if not NAME.fullmatch(name) or not 1 <= len(attempt.password) <= 512:
        return _login_page(request, back=back, status=401, problem=_INVALID)
    state = request.app.state
    try:
        session = await login(
            gateway_of(request), state.passwords, state.throttle, attempt, source=source_of(request)
        )
    except LoginInvalid:
        return _login_page(request, back=back, status=401, problem=_INVALID)
    except RateLimited as refusal:
        seconds = f" {refusal.retry_after} s."
        slowed = (_SLOWED[0] + seconds, _SLOWED[1] + seconds)
        headers = {"Retry-After": str(refusal.retry_after)}
        return _login_page(request, back=back, status=429, problem=slowed, headers=headers)
    except Overloaded:
        return _login_page(request, back=back, status=503, problem=_BUSY, headers={"Retry-After": "5"})
    request.state.known = True
    response = RedirectResponse(back, status_code=303, headers=_no_store())
    _set_cookie(request, response, _SESSION, session.token)
    _set_cookie(request, response, _FORM, "")
    return response


async def _sign_out(request: Request) -> Response:
    if not _is_own(request, _read_form(request)):
        return _refuse_form()
    if await find_operator(request) is not None:
        token = request.cookies[_cookie(request, _SESSION)]
        await logout(gateway_of(request), token, source=source_of(request))
    response = RedirectResponse(LOGIN, status_code=303, headers={"Clear-Site-Data": '"cache"', **_no_store()})
    _set_cookie(request, response, _SESSION, "")
    return response


def _login_page(
    request: Request,
    *,
    back: str,
    operator: Operator | None = None,
    status: int = 200,
    problem: tuple[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    secret = request.cookies.get(_cookie(request, _FORM), "")
    known = 20 < len(secret) < 100
    secret = secret if known else secrets.token_urlsafe(32)
    response = render(
        "login.html",
        status=status,
        headers={**_no_store(), **(headers or {})},
        operator=operator,
        csrf=_token_of(secret),
        next=back,
        name="",
        problem=problem,
    )
    if not known:
        _set_cookie(request, response, _FORM, secret)
    return response


def _refuse_form() -> Response:
    return render(
        "message.html",
        status=403,
        headers=_no_store(),
        title=("Biểu mẫu đã cũ", "This form is too old"),
        text=(
            "Vì an toàn, chỉ nhận biểu mẫu mở từ chính trình duyệt này. Hãy mở lại trang.",
            "For safety only forms that this browser opened are taken. Open the page again.",
        ),
        link=LOGIN,
    )


def _read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises `MediaTypeUnsupported`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM_TYPE:
        raise MediaTypeUnsupported
    try:
        return dict(parse_qsl(body_of(request).decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS))
    except ValueError:
        return {}


def _is_own(request: Request, form: dict[str, str]) -> bool:
    """Return whether this browser's page held the form."""
    secret = request.cookies.get(_cookie(request, _FORM), "")
    base = urlsplit(gateway_of(request).deps.base)
    own = request.headers.get("origin") in {None, f"{base.scheme}://{base.netloc}"}
    same = hmac.compare_digest(form.get("csrf", "").encode(), _token_of(secret).encode())
    return own and same and len(secret) > 20


def _token_of(secret: str) -> str:
    return hashlib.sha256(f"console form\n{secret}".encode()).hexdigest()


def _cookie(request: Request, name: str) -> str:
    return f"__Host-{name}" if _over_tls(request) else name


def _over_tls(request: Request) -> bool:
    return gateway_of(request).deps.base.startswith("https://")


def _set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie until the browser closes; an empty value deletes it."""
    response.set_cookie(
        _cookie(request, name), value, max_age=None if value else 0, path="/", secure=_over_tls(request),
        httponly=True, samesite="lax",
    )  # fmt: skip


def _no_store() -> dict[str, str]:
    return {"Cache-Control": "no-store", **HEADERS}
