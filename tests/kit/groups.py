"""A gateway of many workers on PostgreSQL, and callers that reach several of them at once.

An answer does not name its worker; the log does.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from joserfc.jwk import ECKey

from tests.kit.clocks import HandClock
from tests.kit.programs import Place, Running, Served, control_headers, place_beside
from tests.kit.scene import AGENCY, MASTER_KEY, Portal
from tests.kit.stores import Server

WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    place: Place
    running: Running
    mock: Served

    def command(self, *arguments: str) -> Any:
        """Run one of the gateway's commands on the group's store, and return its JSON."""
        return self.place.run(*arguments)

    def make_portal(self, *, key: ECKey | None = None) -> Portal:
        """Make a sandbox account, with a key or a secret, and its caller."""
        public = self.place.folder / "key.jwk.json"
        if key is not None:
            public.write_text(json.dumps(key.as_dict(private=False)), encoding="utf-8")
        made = self.place.make_account(*(["--public-key", str(public)] if key is not None else ()))
        return Portal(
            http=httpx.AsyncClient(),  # each burst passes its own client
            clock=HandClock(),
            client_id=made["client_id"],
            issuer=made["issuer"],
            secret=made.get("client_secret"),
            key=key,
        )

    def count_asked(self) -> int:
        """Return the number of questions to the registry, without token calls."""
        answer = httpx.get(f"{self.mock.control}/runs/default/journal", headers=control_headers(self.mock))
        return sum(entry["operation"] != "token" for entry in answer.json()["entries"])

    def find_workers(self, route: str, status: int) -> set[int]:
        """Return the workers that answered a route with a status."""
        return {
            line["worker"]
            for line in self.place.events("request")
            if (line["route"].endswith(route), line["status"]) == (True, status)
        }


@contextmanager
def running_group(mock: Served, server: Server, folder: Path, **settings: str) -> Iterator[Group]:
    """Keep a group running on a new database."""
    place = make_place(mock, server, folder, **settings)
    with place.serving(workers=WORKERS) as running:
        yield Group(place=place, running=running, mock=mock)


def make_place(mock: Served, server: Server, folder: Path, **settings: str) -> Place:
    """Return a place on a fresh PostgreSQL database with the agency in it."""
    store = {"GATEWAY_DATABASE_URL": server.make_database(), "GATEWAY_MASTER_KEY": MASTER_KEY}
    place = place_beside(mock, folder, **store, **settings)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return place


def ask_all(portal: Portal, calls: Callable[[], Sequence[Awaitable[httpx.Response]]]) -> list[httpx.Response]:
    """Send a portal's calls at once, each on a separate connection, and return their answers in order."""

    async def work() -> list[httpx.Response]:
        async with own_connections() as http:
            portal.http = http
            return await asyncio.gather(*calls())

    return asyncio.run(work())


def until_several_answered(
    group: Group, route: str, status: int, burst: Callable[[], list[httpx.Response]]
) -> list[httpx.Response]:
    """Send bursts until several workers have given a status; return every answer.

    The kernel chooses the worker of a connection, and one worker may get a whole burst.
    """
    answers: list[httpx.Response] = []
    for _ in range(20):
        answers += burst()
        if len(group.find_workers(route, status)) > 1:
            return answers
    raise AssertionError(f"only {group.find_workers(route, status)} answered {route} with {status}")


def own_connections() -> httpx.AsyncClient:
    """Return a client that opens a connection for every request."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, timeout=60, trust_env=False)


SPAWNED = "spawn_main"
"""A word in the command line of a worker that has loaded the program for itself; a copy has its supervisor's."""


def find_children(parent: int, *, named: str = "", helpers: bool = False) -> set[int]:
    """Return the ids of the running workers of a supervisor, by a word of their command line; `helpers`: any child's."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            is_meant = named in command and (helpers or "resource_tracker" not in command)
            if int(fields[1]) == parent and fields[0] != "Z" and is_meant:
                found.add(int(process.name))
    return found


def kill_whole(running: Running) -> None:
    for process in [running.process.pid, *find_children(running.process.pid)]:
        os.kill(process, signal.SIGKILL)
    running.process.wait(10)
