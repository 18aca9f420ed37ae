"""The running programs, and a page of a real Chromium. Without Chromium the tests are skipped with the reason."""

import os
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from demo.portal import start_portal
from demo.processes import Programs
from demo.scene import Scene, set_up
from tests.conftest import SOCKETS_TIMEOUT

HERE = Path(__file__).parent
AXE = (HERE / "axe.min.js").read_text(encoding="utf-8")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ALL_RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
COLOUR_RULES = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""The only ones of `ALL_RULES` whose result depends on the colours, which are all that differs in the dark."""

SCREENS: dict[str, dict[str, Any]] = {
    f"{size} {scheme}": {"viewport": {"width": width, "height": height}, "color_scheme": scheme}
    for size, width, height in (("wide", 1280, 900), ("narrow", 360, 780))
    for scheme in ("light", "dark")
}
MOST_BYTES = 150_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder: they start programs."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("sockets")
            item.add_marker(pytest.mark.timeout(SOCKETS_TIMEOUT))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A gateway and a mock."""
    with Programs(tmp_path_factory.mktemp("browser")) as programs:
        yield set_up(programs, {})


@pytest.fixture(scope="session")
def portal_url(running: Scene) -> str:
    """The address of a portal with its gateway and mock."""
    return start_portal(running)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        reason = "no Chromium: apt-get install chromium"
        if os.environ.get("CI"):  # noqa: TID251 - CI must not pass without a browser
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@dataclass
class Screen:
    """A page, and what the browser complained about."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    async def check(self, rules: dict[str, Any] = ALL_RULES) -> None:
        """Fail on a violation of WCAG 2.2 AA, a sideways scroll or a complaint of the browser."""
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE)
        found = await self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", rules
        )
        violations = [
            (each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]
        ]
        assert violations == [], self.page.url
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(sideways) <= 0, f"{self.page.url} scrolls sideways"
        assert self.complaints == []

    async def check_everywhere(self) -> None:
        """Check the page as it is now, narrow and wide, light and dark."""
        for options in SCREENS.values():
            await self.page.set_viewport_size(options["viewport"])
            await self.page.emulate_media(color_scheme=options["color_scheme"])
            await self.check(COLOUR_RULES if options["color_scheme"] == "dark" else ALL_RULES)

    async def weigh(self, address: str) -> int:
        """Open a page with an empty cache and return how many bytes were transferred."""
        network = await self.page.context.new_cdp_session(self.page)
        await network.send("Network.enable")
        await network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        await self.page.goto(address, wait_until="networkidle")
        await network.detach()
        return int(sum(sizes))

    def forgive(self, status: int) -> None:
        """Forget what the browser said of a page that answers with this status."""
        self.complaints = [each for each in self.complaints if f"status of {status}" not in each]


async def open_screen(browser: Browser, url: str, **options: Any) -> Screen:
    """Open an empty page; every request to another host than the loopback's is a complaint."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    screen = Screen(page=page, url=url)
    page.on(
        "console",
        lambda said: screen.complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    page.on("pageerror", lambda error: screen.complaints.append(str(error)))
    page.on(
        "request",
        lambda sent: None if sent.url.startswith("http://127.0.0.1:") else screen.complaints.append(sent.url),
    )
    return screen


async def count_sheets(screen: Screen) -> int:
    """Return on how many sheets of A4 the page prints."""
    printed = await screen.page.pdf(format="A4", prefer_css_page_size=True)
    return len(re.findall(rb"/Type\s*/Page[^s]", printed))
