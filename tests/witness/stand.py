"""A witness of a scene's log, and the way between them, which a test may change."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.sequencer import Sequencer
from gateway.audit.store import (
    audit_checkpoints,
    audit_entries,
    audit_promises,
    audit_rows,
    audit_subtrees,
    audit_waiting,
)
from tests.gateway.audit.test_proofs import fill_up
from tests.kit.scene import BASE, Scene
from witness.follower import State, Witness
from witness.log_client import LogClient
from witness.notes import Cosigner
from witness.record import RecordFile

KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
Answer = Callable[[httpx.Request], httpx.Response | None]


def change_nothing(_request: httpx.Request) -> None:
    """Let the log answer itself."""


class Watched(httpx.AsyncBaseTransport):
    """The way to the log. `instead` may give another answer than the log's; `paths` are what was asked."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.instead: Answer = change_nothing
        self.paths: list[str] = []

    def show(self, **pages: str) -> None:
        """Give these pages (`checkpoint`, `key`) instead of the log's."""

        def instead(request: httpx.Request) -> httpx.Response | None:
            page = pages.get(request.url.path.rpartition("/")[2])
            return None if page is None else httpx.Response(200, text=page)

        self.instead = instead

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path.removeprefix("/.well-known/audit/"))
        return self.instead(request) or await self._inner.handle_async_request(request)


class Stand:
    """A witness of the scene's log, which can be started again with the same files."""

    def __init__(self, scene: Scene, file: Path, **more: Any) -> None:
        self.scene, self.file, self.more = scene, file, more
        self.way = Watched(httpx.ASGITransport(scene.app))
        self.witness = self.start()

    def start(self, scheme: str = "https", **more: Any) -> Witness:
        address = f"{scheme}://{BASE.partition('://')[2]}/"
        client = LogClient(httpx.AsyncClient(transport=self.way), address)
        self.witness = Witness(
            client, Cosigner("witness.example", KEY), RecordFile(self.file),
            now=lambda: int(self.scene.clock.now().timestamp()), **self.more | more,
        )  # fmt: skip
        return self.witness

    async def check(self, rows: int | None = None) -> State:
        """Let the log have a number of rows, and check it once."""
        if rows is not None:
            await fill_up(self.scene, rows)
        assert await self.new_sequencer().run()
        await self.witness.check()
        return self.witness.state

    def new_sequencer(self) -> Sequencer:
        """Return the sequencer of a process that has signed nothing yet, and so notices no rewritten log."""
        gateway = self.scene.gateway
        return Sequencer(gateway.deps.database, gateway.vault, self.scene.clock, base=gateway.deps.base)

    async def published(self) -> str:
        return (await self.scene.http.get("/.well-known/audit/checkpoint")).text


async def wipe(scene: Scene) -> None:
    """Delete the whole log, as its operator could."""
    tables = (audit_entries, audit_rows, audit_waiting, audit_checkpoints, audit_subtrees, audit_promises)
    async with scene.gateway.deps.database.write() as transaction:
        for table in tables:
            await transaction.execute(
                sa.delete(table).execution_options(unrecorded="the operator rewrites the log")
            )
