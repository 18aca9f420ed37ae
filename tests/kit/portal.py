"""The whole story in-process: the test portal before the real gateway, mock registry and login; a visitor without JavaScript."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey
from lxml import html
from starlette.types import ASGIApp

from gateway.accounts.model import AccountState, make_grant
from gateway.accounts.use_cases import change_state
from gateway.identifiers import Profile
from mock_c06.app import build_login
from portal.app import build_app
from portal.settings import Settings
from tests.kit.scene import BASE, Scene

PORTAL = "http://127.0.0.1:8200"
ISSUER = "http://127.0.0.1:8102"
EVERY_SCOPE = ("verify", "prefill", "prefill.sensitive", "ledger")


@dataclass(frozen=True)
class RunningPortal:
    """A portal, the login that it sends visitors to, and all that it has sent to the gateway."""

    app: ASGIApp
    login: ASGIApp
    sent: list[httpx.Request]


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Run an app's lifespan, which httpx's transport does not."""
    inner = app._app  # type: ignore[attr-defined]  # the policy's inner app
    async with inner.router.lifespan_context(inner):
        yield


@asynccontextmanager
async def open_portal(
    scene: Scene,
    folder: Path,
    *,
    profile: Profile = Profile.SANDBOX,
    around_login: Callable[[ASGIApp], ASGIApp] = lambda login: login,
    **changes: Any,
) -> AsyncIterator[RunningPortal]:
    """Open a portal before the scene's gateway: an account of its own that has a key, on sandbox a suspended one too.

    `around_login` puts something before the login, such as a delay.
    """
    key = ECKey.generate_key("P-256")
    grants = changes.pop("grants", None) or make_grant(["*"], ["*"], ["*", "ethnicity", "religion"])
    account = await scene.portal(profile, key=key, scopes=EVERY_SCOPE, grants=grants, log_in=False)
    if profile is Profile.SANDBOX and "suspended_client_id" not in changes:
        suspended = await scene.portal(profile, key=key, scopes=EVERY_SCOPE, grants=grants, log_in=False)
        await change_state(scene.gateway.deps, suspended.client_id, AccountState.SUSPENDED)
        changes["suspended_client_id"] = suspended.client_id
    key_file = folder / "portal.pem"
    key_file.write_bytes(key.as_pem(private=True))
    settings = Settings.model_validate(
        {
            "gateway_url": BASE,
            "profile": profile.value,
            "client_id": account.client_id,
            "private_key_file": key_file,
            "login_issuer": ISSUER,
            "database_url": f"sqlite:///{folder / 'portal.db'}",
            "store_key_file": folder / "portal.key",
            "login_rate": 1_000,
            "verification_rate": 1_000,
            **changes,
        }
    )
    login = around_login(build_login(scene.mock, issuer=ISSUER))
    sent: list[httpx.Request] = []

    async def keep(request: httpx.Request) -> None:
        sent.append(request)

    app = build_app(
        settings,
        public_url=settings.public_url or PORTAL,
        clock=scene.clock,
        gateway=httpx.AsyncClient(
            transport=httpx.ASGITransport(scene.app),
            base_url=BASE,
            timeout=30,
            event_hooks={"request": [keep]},
        ),
        login=httpx.AsyncClient(transport=httpx.ASGITransport(login)),
        control=scene.control if profile is Profile.SANDBOX else None,
    )
    async with running(app):
        yield RunningPortal(app=app, login=login, sent=sent)


@dataclass
class Visit:
    """A browser without JavaScript: follows redirects, keeps cookies, fills the page's forms."""

    http: httpx.AsyncClient
    page: Any = None
    status: int = 0
    url: httpx.URL = field(default_factory=lambda: httpx.URL(PORTAL))
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Return the page's text with single blanks."""
        return " ".join(self.page.text_content().split())

    async def open(self, path: str) -> "Visit":
        return self._take(await self.http.get(httpx.URL(PORTAL).join(path)))

    async def send(
        self, action: str, fields: Mapping[str, str] | None = None, *, button: str = ""
    ) -> "Visit":
        """Fill the form whose action ends so, and press a button (`name=value`), or none."""
        form = next(each for each in self.page.forms if self._address(each).path.endswith(action))
        values = dict(form.form_values()) | dict(fields or {})
        if button:
            name, _, value = button.partition("=")
            values[name] = value
        return self._take(await self.http.post(self._address(form), data=values))

    async def press(self, text: str, fields: Mapping[str, str] | None = None) -> "Visit":
        """Press the first button whose text contains these words, its form filled with these fields."""
        button = next(
            each for each in self.page.xpath("//button") if text in " ".join(each.text_content().split())
        )
        form = next(button.iterancestors("form"))
        values = dict(form.form_values()) | dict(fields or {})
        if button.get("name"):
            values[button.get("name")] = button.get("value", "")
        action = button.get("formaction") or form.get("action")
        return self._take(await self.http.post(self.url.join(action), data=values))

    async def sign_in(self, person: str = "nguyen-van-an", back: str = "/") -> "Visit":
        """Sign in at the mock's login as a persona."""
        await self.open(f"/dang-nhap?tiep={back}")
        return await self.send("/authorize", button=f"person={person}")

    def fillings(self) -> dict[str, str]:
        """Return something right for every empty control of the form."""
        found: dict[str, str] = {}
        for control in self.page.xpath(
            "//form[@data-validate]//*[self::input or self::select or self::textarea]"
        ):
            name = control.get("name")
            if (
                name
                and name != "csrf"
                and name not in found
                and not (control.get("value") and control.get("type") != "radio")
            ):
                found[name] = _filling(control)
        return found

    def _address(self, form: Any) -> httpx.URL:
        return self.url.join(form.get("action") or str(self.url))

    def _take(self, answer: httpx.Response) -> "Visit":
        self.page = html.fromstring(answer.content or b"<p></p>", base_url=str(answer.url))
        self.status, self.url, self.headers = answer.status_code, answer.url, answer.headers
        return self


def _filling(control: Any) -> str:
    name = control.get("name")
    by_list = {"ethnic-qd121": "Kinh", "religion-portal": "Không", "iso3166-1": "Việt Nam"}
    by_pattern = {"[0-9]{12}": "001090000123", "[0-9]{9}": "012345678", "[0-9+ ]{8,15}": "0912345678"}
    if name.endswith(".province"):
        return "01"
    if name.endswith(".ward"):
        return "00004"
    if control.get("type") == "date":
        return "2026-01-02"
    if control.get("type") in {"number", "radio"}:
        return str(control.get("min") or control.get("value"))
    if control.get("pattern"):
        return by_pattern.get(control.get("pattern"), "thu@example.vn")
    return by_list.get(control.get("list", ""), "Thử")


@asynccontextmanager
async def open_visit(portal: RunningPortal) -> AsyncIterator[Visit]:
    mounts = {
        PORTAL: httpx.ASGITransport(portal.app, client=("127.0.0.1", 50_000)),
        ISSUER: httpx.ASGITransport(portal.login),
    }
    async with httpx.AsyncClient(mounts=mounts, follow_redirects=True, timeout=30) as http:
        yield Visit(http=http)
