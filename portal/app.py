"""Build the portal: its parts, its routes, and what a page says when something is refused."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp

from portal import desk_web, faults_web
from portal.clock import Clock, SystemClock
from portal.dossiers import web as dossiers_web
from portal.errors import (
    DossierChanged,
    DossierGone,
    DossierSubmitted,
    FormForged,
    GatewayUnreachable,
    OfficerUnknown,
    PortalError,
    SignInNeeded,
    StartRefused,
    TooManyDossiers,
    TooOften,
)
from portal.gateway_client import GatewayClient, PortalAccount
from portal.login import web as login_web
from portal.login.openid import CALLBACK, OpenIdLogin
from portal.rates import Rate, Turns, UsedNames
from portal.sealing import open_sealer
from portal.services import web as services_web
from portal.services.catalogue import Catalogue
from portal.settings import Settings
from portal.store import Store, open_store
from portal.web import PagePolicy, Portal, stranger_of, visitor_of
from witness.bounded_files import read_bounded, why_unread

SWEEP_S = 60.0
_log = logging.getLogger("portal")
GATEWAY_TIMEOUT_S = 40.0


def build_app(
    settings: Settings,
    *,
    public_url: str,
    clock: Clock | None = None,
    gateway: httpx.AsyncClient | None = None,
    login: httpx.AsyncClient | None = None,
    control: httpx.AsyncClient | None = None,
) -> ASGIApp:
    """Build the portal; tests pass other clients for the gateway, the login and the mock's control face."""
    clock = clock or SystemClock()
    sealer = open_sealer(settings.store_key_file)
    store = open_store(settings.database_url, sealer, retention=timedelta(days=settings.retention_days))
    client = GatewayClient(
        read_account(settings),
        http=gateway or _open_http(GATEWAY_TIMEOUT_S),
        now=lambda: clock.now().timestamp(),
    )
    testing = (control or _open_control(settings)) if settings.may_test(public_url) else None
    portal = Portal(
        settings=settings,
        public_url=public_url,
        clock=clock,
        sealer=sealer,
        store=store,
        gateway=client,
        login=OpenIdLogin(
            settings.login_issuer,
            settings.login_client_id,
            redirect_uri=public_url + CALLBACK,
            http=login or _open_http(10),
            clock=clock,
        ),
        catalogue=Catalogue(client, clock),
        sign_ins=Rate(settings.login_rate, clock),
        failed_sign_ins=Rate(settings.login_rate, clock),
        turns=Turns(),
        used_states=UsedNames(clock),
        verifications=Rate(settings.verification_rate, clock),
        control=testing,
        suspended=client.as_account(settings.suspended_client_id) if testing else None,
    )

    app = FastAPI(
        title="DVCTT", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lambda _: _open(store, clock),
        redirect_slashes=False,  # the framework's redirect would go to whatever the visitor's Host says
    )  # fmt: skip
    app.state.portal = portal
    for router in (services_web, login_web, dossiers_web, desk_web, faults_web):
        app.router.routes += (
            router.build_router().routes
        )  # `include_router` would build each route a second time
    for raised in (PortalError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(raised, _explain)
    app.add_exception_handler(OperationalError, _explain_store)
    app.add_exception_handler(NoConnection, _explain_store)
    app.add_middleware(GZipMiddleware, minimum_size=1_000)
    return PagePolicy(app, over_tls=portal.over_tls)


@asynccontextmanager
async def _open(store: Store, clock: Clock) -> AsyncIterator[None]:
    """Prepare the store, and sweep and close it."""
    await store.prepare()
    sweeping = asyncio.create_task(keep_swept(store, clock))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await store.close()


def _open_http(seconds: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=seconds, trust_env=False, follow_redirects=False)


def _open_control(settings: Settings) -> httpx.AsyncClient | None:
    if settings.mock_control_url is None or settings.mock_control_token is None:
        return None
    headers = {"Authorization": f"Bearer {settings.mock_control_token.get_secret_value()}"}
    return httpx.AsyncClient(base_url=settings.mock_control_url, headers=headers, timeout=10, trust_env=False)


def read_account(settings: Settings) -> PortalAccount:
    """Return the account at the gateway, with its key (PEM or JWK) or its secret. Raises `StartRefused`."""
    secret = key = None
    if settings.client_secret_file is not None:
        secret = _read(settings.client_secret_file, "PORTAL_CLIENT_SECRET_FILE")
    if settings.private_key_file is not None:
        text = _read(settings.private_key_file, "PORTAL_PRIVATE_KEY_FILE")
        try:
            key = ECKey.import_key(json.loads(text) if text.startswith("{") else text)
        except (JoseError, ValueError, TypeError):
            key = None
        if key is None or not key.is_private:
            raise StartRefused("PORTAL_PRIVATE_KEY_FILE: a private key on P-256 as PEM or JWK is expected")
    return PortalAccount(client_id=settings.client_id, issuer=settings.issuer, client_secret=secret, key=key)


def _read(path: Path, setting: str) -> str:
    try:
        return read_bounded(path).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"{setting}: can't read {path} ({why_unread(error)})") from None


async def keep_swept(store: Store, clock: Clock, *, every: float = SWEEP_S) -> None:
    """Delete what has ended, again and again, after a failure too; `every` in seconds."""
    while True:
        try:
            await store.sweep(clock.now())
        except Exception as error:  # noqa: BLE001 - the outermost edge of a task: else the sweeping would end
            cause = getattr(error, "orig", None)  # the driver's error, without the statement
            _log.error("the sweep failed, what has ended is still stored: %s %s", type(error).__name__, cause)
        await asyncio.sleep(every)


def _dossier_of(path: str) -> str:
    """Return the page of the dossier to which a form of this path belongs; the first page for any other form."""
    found = re.match(r"/ho-so/[A-Z0-9-]+(?=/)", path)
    return found[0] if found else "/"


async def _explain_store(request: Request, error: Exception) -> Response:
    """Say that the store can't work now, such as a locked one, without another look into it; the log has the cause."""
    _log.error("the store failed: %s", getattr(error, "orig", None) or type(error).__name__)
    return stranger_of(request).page("failed.html", status=503, headers={"Retry-After": "5"})


async def _explain(request: Request, error: Exception) -> Response:
    """Say on a page what was refused, without inner text."""
    try:
        visitor = await visitor_of(request)
    except SQLAlchemyError:  # most likely the error that is explained: the store can't be read
        visitor = stranger_of(request)
    path = request.scope["path"]
    if isinstance(error, SignInNeeded):
        sent = request.method == "POST"
        back = _dossier_of(path) if sent else path
        return visitor.page("sign_in.html", status=401, officer=error.officer, back=back, sent=sent)
    if isinstance(error, TooOften):
        headers = {"Retry-After": str(error.seconds)}
        return visitor.page("too_often.html", status=429, headers=headers, seconds=error.seconds)
    if isinstance(error, TooManyDossiers):
        return visitor.page("too_many.html", status=409, limit=error.limit)
    if isinstance(error, HTTPException):
        # the address of a form, opened again: a tab after a wake-up, a copied address
        if request.method == "GET" and error.status_code == 405 and (page := _dossier_of(path)) != "/":
            return visitor.go(page)
        template = "missing.html" if error.status_code == 404 else "not_taken.html"
        return visitor.page(template, status=error.status_code, headers=error.headers)
    status, template = _PAGES.get(type(error), (500, "failed.html"))
    return visitor.page(template, status=status)


_PAGES: Mapping[type[Exception], tuple[int, str]] = {
    DossierGone: (404, "missing.html"),
    DossierChanged: (409, "changed.html"),
    DossierSubmitted: (409, "already_submitted.html"),
    FormForged: (403, "forged.html"),
    OfficerUnknown: (403, "officer_unknown.html"),
    GatewayUnreachable: (503, "unreachable.html"),
    ClientDisconnect: (400, "failed.html"),  # nobody reads it
}
