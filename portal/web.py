"""What every page needs: the visitor with their session and form token, rates, the policy of the pages.

Cookies are HttpOnly and SameSite=Lax, and `__Host-` with Secure where the portal is behind TLS. A session's secret is
new at each sign-in. A form's token is derived from the visitor's cookie, so strangers leave no row. Threat 41.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
from fastapi import Depends, Request
from starlette.datastructures import FormData, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from portal.clock import Clock
from portal.errors import FormForged, OfficerUnknown, SignInNeeded
from portal.forwarded import find_visitor, network_of
from portal.gateway_client import GatewayClient
from portal.login.openid import MAX_AGE_S, OpenIdLogin
from portal.pages import LANGUAGES, render
from portal.rates import Rate, Turns, UsedNames
from portal.sealing import Sealer
from portal.services.catalogue import Catalogue
from portal.settings import Settings
from portal.store import Store

MAX_BODY = 64 * 1024
_TOO_LARGE = f"Biểu mẫu quá lớn: nhiều nhất {MAX_BODY // 1024} KiB. / The form is too large: at most {MAX_BODY // 1024} KiB.\n"
_TWO_LENGTHS = "Yêu cầu HTTP không hợp lệ. / Malformed HTTP request.\n"

FORM_TYPE = "application/x-www-form-urlencoded"

BODY_SECONDS = 15.0
"""How long the whole body of a form may take; a visitor on a slow line needs a second or two."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends `Origin: null` with a form
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Test-Data": "true",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portal:
    """The parts of a running portal.

    `sign_ins` counts a person's sign-ins, `failed_sign_ins` a network's. A network that failed too often isn't refused at
    once, or one stranger would lock out their neighbours: its sign-ins take turns, and no other network's wait for them.
    """

    settings: Settings
    public_url: str
    clock: Clock
    sealer: Sealer
    store: Store
    gateway: GatewayClient
    login: OpenIdLogin
    catalogue: Catalogue
    sign_ins: Rate
    failed_sign_ins: Rate
    turns: Turns
    used_states: UsedNames
    verifications: Rate
    control: httpx.AsyncClient | None  # the mock's control face, for /_test
    suspended: GatewayClient | None  # a suspended account, for /_test

    @property
    def over_tls(self) -> bool:
        """Return whether visitors come over TLS."""
        return self.public_url.startswith("https://")

    def cookie(self, name: str) -> str:
        """Return a cookie's name: `__Host-` binds it to this host over TLS."""
        return f"__Host-{name}" if self.over_tls else name

    def set_cookie(self, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
        """Set a cookie; an empty value deletes it."""
        response.set_cookie(
            self.cookie(name), value, max_age=0 if not value else seconds, path="/", secure=self.over_tls,
            httponly=True, samesite="lax",
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Visitor:
    """Who asks: a stranger, a signed-in citizen or an officer."""

    request: Request
    portal: Portal
    secret: str
    session: dict[str, Any] = field(default_factory=dict)
    language: str = "vi"

    @property
    def csrf(self) -> str:
        """Return the token for this visitor's forms under a new mask.

        The page's size says nothing about the token (BREACH: a page is compressed, and may repeat text of its address).
        """
        pad = secrets.token_bytes(len(self._form_token))
        return (pad + _mask(self._form_token, pad)).hex()

    def has_form(self, sent: str) -> bool:
        """Return whether a form's token is this visitor's, under any mask."""
        size = len(self._form_token)
        try:
            masked = bytes.fromhex(sent)
        except ValueError:
            return False
        token = _mask(masked[size:], masked[:size])
        return len(masked) == 2 * size and secrets.compare_digest(token, self._form_token)

    @property
    def _form_token(self) -> bytes:
        return self.portal.sealer.name("form", self.secret).encode()

    @property
    def is_officer(self) -> bool:
        """Return whether an officer is signed in."""
        return "officer_id" in self.session

    @property
    def network(self) -> str:
        """Return the network that the visitor comes from."""
        client = self.request.client
        trusted = self.portal.settings.trusted_proxies
        return network_of(find_visitor(client.host if client else "", self.request.headers.raw, trusted))

    @property
    def is_suspended(self) -> bool:
        """Return whether `/_test` has armed the suspended account for this browser."""
        armed = self.request.cookies.get(self.portal.cookie("fault")) == "suspended"
        return self.portal.suspended is not None and armed

    @property
    def gateway(self) -> GatewayClient:
        """Return the gateway's client for the visitor's dossiers."""
        suspended = self.portal.suspended if self.is_suspended else None
        return suspended or self.portal.gateway

    @property
    def has_recent_login(self) -> bool:
        """Return whether the gateway still takes the session's ID token as the citizen's own login."""
        signed_in_at = int(self.session.get("auth_time", 0))
        return int(self.portal.clock.now().timestamp()) - signed_in_at <= MAX_AGE_S

    def own_login(self, number: str) -> str | None:
        """Return the ID token for a claim with this number: only for the visitor's own, after a recent login."""
        is_own = not self.is_officer and self.session.get("citizen_id") == number
        return str(self.session["id_token"]) if is_own and self.has_recent_login else None

    @property
    def owner(self) -> str:
        """Return under whom dossiers are found: the login's subject; for the desk's dossiers, with the officer's id.

        A login may give a person one subject for both. As a citizen they are not checked to be an officer still.
        """
        subject = str(self.session["sub"])
        return f"{subject}\n{self.session['officer_id']}" if self.is_officer else subject

    def page(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """Return a page for this visitor."""
        shared = {
            "language": self.language,
            "visitor": self,
            "csrf": self.csrf,
            "path": local_path(_shown_path(self.request)),
            "profile": self.portal.settings.profile,
            "has_tests": self.portal.control is not None,
        }
        response = render(template, shared, status=status, headers=headers, **values)
        response.headers["Cache-Control"] = "no-store"
        self._remember(response)
        return response

    def go(self, path: str) -> Response:
        """Send the visitor to another page of this portal."""
        response = RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})
        self._remember(response)
        return response

    def _remember(self, response: Response) -> None:
        if self.request.cookies.get(self.portal.cookie("visitor")) != self.secret:
            self.portal.set_cookie(response, "visitor", self.secret)
        if self.request.query_params.get("lang") in LANGUAGES:
            self.portal.set_cookie(response, "lang", self.language, seconds=365 * 86_400)


def _mask(text: bytes, pad: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))


def _shown_path(request: Request) -> str:
    """Return the page's path, or of a form the page that it belongs to, for the language's switch."""
    path: str = request.scope["path"]
    return "/".join(path.split("/")[:3]) if request.method != "GET" and path.startswith("/ho-so/") else path


async def visitor_of(request: Request) -> Visitor:
    """Return who asks."""
    visitor = stranger_of(request)
    portal = visitor.portal
    if request.cookies.get(portal.cookie("visitor")) == visitor.secret:
        visitor.session = await portal.store.find_session(visitor.secret, portal.clock.now()) or {}
    return visitor


def stranger_of(request: Request) -> Visitor:
    """Return who asks without a look into the store, so that nobody is signed in."""
    portal: Portal = request.app.state.portal
    secret = request.cookies.get(portal.cookie("visitor"), "")
    wanted = request.query_params.get("lang") or request.cookies.get(portal.cookie("lang"), "vi")
    return Visitor(
        request=request,
        portal=portal,
        secret=secret if 20 < len(secret) < 100 else secrets.token_urlsafe(32),
        language=wanted if wanted in LANGUAGES else "vi",
    )


async def signed_in(request: Request) -> Visitor:
    """Return a signed-in citizen or officer. Raises `SignInNeeded`."""
    visitor = await visitor_of(request)
    if not visitor.session:
        raise SignInNeeded
    return visitor


async def acting(request: Request) -> Visitor:
    """Return a signed-in citizen, or an officer whom the portal's account names. Raises `SignInNeeded`, `OfficerUnknown`."""
    visitor = await signed_in(request)
    officer = visitor.session.get("officer_id")
    if officer is not None and not await visitor.portal.catalogue.names_officer(officer):
        raise OfficerUnknown
    return visitor


AnyVisitor = Annotated[Visitor, Depends(visitor_of)]
Known = Annotated[Visitor, Depends(signed_in)]
Acting = Annotated[Visitor, Depends(acting)]


async def read_form(visitor: Visitor) -> FormData:
    """Return the form's fields.

    Raises:
        HTTPException: the body is not in the form that the pages send (415).
        FormForged: this visitor's page didn't hold it.
    """
    request = visitor.request
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        # Of `multipart/form-data` the sender names the encoding, and Python decodes some in quadratic time (threat 46).
        raise HTTPException(415)
    form = await request.form(max_files=0, max_fields=400)
    sent = str(form.get("csrf", ""))
    origin = request.headers.get("origin")
    own = urlsplit(visitor.portal.public_url)
    foreign = origin not in {None, f"{own.scheme}://{own.netloc}"}
    if foreign or not visitor.has_form(sent):
        raise FormForged
    return form


def text_of(form: FormData, name: str, *, longest: int = 2_000) -> str:
    """Return a field's text, stripped and cut; empty for none."""
    value = form.get(name, "")
    return value.strip()[:longest] if isinstance(value, str) else ""


def local_path(text: str) -> str:
    """Return a path of this portal; `/` for anything else (threat 41, open redirect)."""
    safe = (
        text.startswith("/")
        and not text.startswith(("//", "/\\"))
        and text.isprintable()
        and "\\" not in text
    )
    return text if safe and len(text) < 300 else "/"


class PagePolicy:
    """Middleware: headers of every answer, HEAD as the GET of its page, and the limits of a body."""

    def __init__(self, app: ASGIApp, *, over_tls: bool, body_seconds: float = BODY_SECONDS) -> None:
        self._app, self._body_seconds = app, body_seconds
        self._headers = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if over_tls else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_head = scope["method"] == "HEAD"
        if is_head:
            scope = {**scope, "method": "GET"}

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        headers = dict(scope["headers"])
        if b"transfer-encoding" in headers and b"content-length" in headers:
            # RFC 9112 §6.3: a proxy that reads the length would take the rest for another request.
            refused = PlainTextResponse(_TWO_LENGTHS, status_code=400, headers={"Connection": "close"})
            await refused(scope, receive, send_marked)
            return
        length = headers.get(b"content-length", b"0")
        if scope["method"] != "GET" and (not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY):
            await PlainTextResponse(_TOO_LARGE, status_code=413)(scope, receive, send_marked)
            return
        await self._app(scope, _bounded(receive, self._body_seconds), send_marked)


def _bounded(receive: Receive, seconds: float) -> Receive:
    """Return what receives a body of `MAX_BODY` bytes at most, in so many seconds. It raises `HTTPException` (413, 408)."""
    seen, whole = 0, False
    ends = asyncio.get_running_loop().time() + seconds

    async def read() -> Message:
        nonlocal seen, whole
        try:
            async with asyncio.timeout_at(None if whole else ends):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, headers={"Connection": "close"}) from None
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise HTTPException(413, headers={"Connection": "close"})
        whole = not message.get("more_body", False)
        return message

    return read
