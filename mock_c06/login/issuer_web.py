"""The issuer over HTTP: metadata, keys, the picker of people, token and user information.

Every page says that it is a test. A person is picked by a form, so no number is in an address. The pages need no
script, and their policy (CSP) allows none.
"""

from importlib import resources
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Form, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from mock_c06.login.holders import Holder, search_holders
from mock_c06.login.issuer import Issuer, LoginRefused

MAX_TEXT = 100
_GROUPS = {
    "family": "Ba thế hệ một nhà · Three generations",
    "households": "Hộ gia đình khác · Other households",
    "names": "Tên gần giống nhau · Names alike",
    "ethnic_names": "Tên các dân tộc · Ethnic names",
    "numbers": "Số định danh đặc biệt · Special numbers",
    "life": "Đời người · Life events",
    "addresses": "Địa chỉ · Addresses",
    "officers": "Cán bộ một cửa · One-stop officers",
}


def install_issuer(app: FastAPI, issuer: Issuer, holders: tuple[Holder, ...]) -> None:
    """Add the issuer's routes to the app."""
    pages = _Pages(issuer, holders)
    for router in (_protocol_routes(issuer), _picker_routes(issuer, holders, pages), _asset_routes()):
        app.router.routes += router.routes  # `include_router` would build each route a second time


class _Pages:
    """The pages, rendered with every value escaped."""

    def __init__(self, issuer: Issuer, holders: tuple[Holder, ...]) -> None:
        self._issuer, self._holders = issuer, holders
        self._templates = Environment(
            loader=PackageLoader("mock_c06.login", "pages"), autoescape=True, undefined=StrictUndefined
        )

    def picker(self, request_id: str, text: str, redirect_uri: str) -> Response:
        """Return the list of people who match the text."""
        found = search_holders(self._holders, text)
        groups = [
            (label, [holder for holder in found if holder.theme == theme])
            for theme, label in _GROUPS.items()
            if any(holder.theme == theme for holder in found)
        ]
        body = self._templates.get_template("picker.html").render(
            request_id=request_id, text=text, groups=groups, count=len(found)
        )
        parts = urlsplit(redirect_uri)
        return _html(body, form_action=f"'self' {parts.scheme}://{parts.netloc}")

    def start(self) -> Response:
        """Return the page at the root, where no sign-in begins."""
        return _html(self._templates.get_template("start.html").render())

    def refused(self, refusal: LoginRefused) -> Response:
        """Return the page of a sign-in that can't go back to its portal."""
        body = self._templates.get_template("refused.html").render(refusal=refusal)
        return _html(body, status=refusal.status)


def _html(body: str, *, status: int = 200, form_action: str = "'none'") -> Response:
    policy = (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_action}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(body, status_code=status, headers=headers)


def _protocol_routes(issuer: Issuer) -> APIRouter:
    router = APIRouter()

    @router.get("/.well-known/openid-configuration")
    async def metadata() -> dict[str, Any]:
        """Return the issuer's metadata."""
        return issuer.metadata()

    @router.get("/jwks.json")
    async def public_keys() -> dict[str, Any]:
        """Return the keys of ID tokens."""
        return issuer.public_keys()

    @router.post("/token")
    async def token(request: Request) -> Response:
        """Answer with an ID token and an access token for a code."""
        form = await request.form(max_fields=20, max_files=0)
        members = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        headers = {"Cache-Control": "no-store"}
        if len(members) != len(form.multi_items()):
            return JSONResponse({"error": "invalid_request"}, status_code=400, headers=headers)
        try:
            return JSONResponse(issuer.token(members), headers=headers)
        except LoginRefused as refusal:
            answer = {"error": refusal.error, "error_description": refusal.detail}
            return JSONResponse(answer, status_code=refusal.status, headers=headers)

    @router.get("/userinfo")
    async def user_info(request: Request) -> Response:
        """Return the claims of the access token's holder."""
        scheme, _, access_token = request.headers.get("authorization", "").partition(" ")
        claims = issuer.user_info(access_token) if scheme.lower() == "bearer" else None
        if claims is None:
            refused = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse({"error": "invalid_token"}, status_code=401, headers=refused)
        return JSONResponse(claims, headers={"Cache-Control": "no-store"})

    return router


def _asset_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/favicon.ico")
    async def icon() -> Response:
        """Return no icon."""
        return Response(status_code=204, headers={"Cache-Control": "max-age=86400"})

    @router.get("/style.css")
    async def style() -> Response:
        """Return the stylesheet of the pages."""
        text = resources.files("mock_c06.login").joinpath("pages/style.css").read_text(encoding="utf-8")
        return Response(text, media_type="text/css", headers={"Cache-Control": "max-age=300"})

    return router


def _picker_routes(issuer: Issuer, holders: tuple[Holder, ...], pages: _Pages) -> APIRouter:
    router = APIRouter()
    by_slug = {holder.slug: holder for holder in holders}

    @router.get("/")
    async def start() -> Response:
        """Say what this is and where a sign-in begins."""
        return pages.start()

    @router.get("/authorize")
    async def authorize(request: Request) -> Response:
        """Check the request of a portal and show the picker."""
        sent = request.query_params.multi_items()
        query = dict(sent)
        if len(query) != len(sent):
            return pages.refused(LoginRefused("invalid_request", "a parameter occurs twice"))
        try:
            request_id = issuer.open_request(query)
        except LoginRefused as refusal:
            if refusal.redirect is not None:
                return RedirectResponse(refusal.redirect, status_code=303)
            return pages.refused(refusal)
        return pages.picker(request_id, "", query["redirect_uri"])

    @router.post("/authorize")
    async def search_or_answer(
        request_id: Annotated[str, Form(max_length=MAX_TEXT)],
        text: Annotated[str, Form(max_length=MAX_TEXT)] = "",
        person: Annotated[str, Form(max_length=MAX_TEXT)] = "",
        cancel: Annotated[str, Form(max_length=MAX_TEXT)] = "",
    ) -> Response:
        """Search, sign in as the picked person, or cancel."""
        query = issuer.find_request(request_id)
        if query is not None and not person and not cancel:
            return pages.picker(request_id, text, query["redirect_uri"])
        holder = by_slug.get(person)
        if holder is None and not cancel:
            return pages.refused(
                LoginRefused("invalid_request", "this sign-in is too old, or the person is unknown")
            )
        try:
            return RedirectResponse(issuer.answer(request_id, holder), status_code=303)
        except LoginRefused as refusal:
            return pages.refused(refusal)

    return router
