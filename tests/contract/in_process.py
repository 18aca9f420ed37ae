"""The scene for callers that block: opened in a thread with its own loop, reached by a `requests` session.

Schemathesis calls through `requests`. Each call of the session is put to the application in the scene's own
loop, so that asyncpg's connections stay in the loop that made them, and no socket is needed.
"""

import asyncio
import io
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import requests  # noqa: TID251 - what schemathesis calls through; nothing of ours does
import requests.adapters  # noqa: TID251 - as above
import urllib3

from gateway.settings import Settings
from mock_c06.app import MockRegistry
from tests.gateway.scene import BASE, HandClock, Portal, Scene, open_scene

Result = TypeVar("Result")

SCOPES = ("verify", "prefill", "prefill.sensitive", "ledger")


class Stage:
    """An open scene with one portal logged in, and a session that calls as that portal."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scene: Scene) -> None:
        self._loop = loop
        self.scene = scene
        self.statuses: Counter[int] = Counter()
        self.session = requests.Session()
        self.session.mount(BASE, _InProcess(self))

    def wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do the work in the scene's loop and return what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def log_in(self) -> Portal:
        """Make an account that may do everything and let the session call with its token."""
        portal = self.wait(self.scene.portal(scopes=SCOPES, log_in=False))
        self.wait(
            portal.log_in(scope=" ".join(SCOPES))
        )  # sensitive fields are left out unless they are named
        self.session.headers["Authorization"] = f"Bearer {portal.access_token}"
        return portal


class _InProcess(requests.adapters.BaseAdapter):
    """Sends a prepared request to the application of a stage."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Return the application's answer."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        assert body is None or isinstance(body, bytes)
        headers = [(name, str(value)) for name, value in request.headers.items()]
        sent = httpx.Request(str(request.method), str(request.url), headers=headers, content=body)
        answer = self._stage.wait(self._stage.scene.http.send(sent))
        self._stage.statuses[answer.status_code] += 1
        response = requests.Response()
        response.status_code = answer.status_code
        response.reason = answer.reason_phrase
        response.headers.update(answer.headers)
        response.raw = urllib3.HTTPResponse(
            body=io.BytesIO(answer.content),
            headers=answer.headers,
            status=answer.status_code,
            version=11,
            preload_content=False,
        )
        response.url, response.request = str(request.url), request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """Hold nothing."""


@contextmanager
def open_stage(settings: Settings, mock: MockRegistry, clock: HandClock) -> Iterator[Stage]:
    """Open the scene in a loop of its own while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    opening = open_scene(settings, mock, clock)
    try:
        scene = asyncio.run_coroutine_threadsafe(opening.__aenter__(), loop).result(timeout=60)
        stage = Stage(loop, scene)
        try:
            yield stage
        finally:
            stage.wait(opening.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()
