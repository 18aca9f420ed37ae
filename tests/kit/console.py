"""A browser without JavaScript at the gateway's pages: keeps cookies, follows redirects, fills the sign-in."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from lxml import html

from tests.kit.answers_seen import SEEN
from tests.kit.operators import PASSWORD, Person
from tests.kit.scene import BASE, Scene

ACCEPT = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass
class Browser:
    """One browser at one gateway."""

    http: httpx.AsyncClient

    async def open(self, path: str) -> httpx.Response:
        """Open a page."""
        return await self.http.get(path)

    async def sign_in(self, person: Person, **fields: str) -> httpx.Response:
        """Fill the form of `/console/login` with the right values, unless given otherwise."""
        page = await self.http.get("/console/login")
        return await self.send(
            page, {"name": person.name, "password": PASSWORD, "totp": person.next_code()} | fields
        )

    async def send(self, page: httpx.Response, fields: Mapping[str, str]) -> httpx.Response:
        """Send the only form of a page with these fields."""
        form = html.fromstring(page.content).forms[0]
        values = {name: str(value or "") for name, value in form.form_values()} | dict(fields)
        return await self.http.post(form.get("action", ""), data=values)


@asynccontextmanager
async def open_browser(scene: Scene, *, base: str = BASE) -> AsyncIterator[Browser]:
    """Return a new browser at the scene's gateway."""
    members: dict[str, Any] = {"event_hooks": {"response": [SEEN.note]}}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(scene.app), base_url=base, follow_redirects=True, headers={"Accept": ACCEPT},
        **members,
    ) as http:  # fmt: skip
        yield Browser(http=http)
