"""The running programs, and a page of a real Chromium. Without Chromium the tests are skipped with the reason."""

import os
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
AXE = HERE / "axe.min.js"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


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

    async def check(self) -> None:
        """Fail on a violation of WCAG 2.2 AA, a sideways scroll or a complaint of the browser."""
        await self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = await self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", TAGS
        )
        violations = [
            (each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]
        ]
        assert violations == [], self.page.url
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await self.page.evaluate(sideways) <= 0, f"{self.page.url} scrolls sideways"
        assert self.complaints == []


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
