"""Callers that send requests steadily, each on one kept connection, and record every answer and every failure."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.kit.programs import Running, log_in
from tests.kit.scene import enquiry


@dataclass(frozen=True, slots=True)
class Load:
    """What the callers have seen so far. A refused connection is no failed request: the server had accepted nothing."""

    answers: list[tuple[int, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def wait_for(self, more: int) -> None:
        """Wait for that many further answers."""
        wanted, until = len(self.answers) + more, time.monotonic() + 60
        while len(self.answers) < wanted:
            assert time.monotonic() < until, f"{len(self.answers)} of {wanted} answers, {self.failures}"
            time.sleep(0.01)

    def statuses(self) -> set[int]:
        """Return the set of statuses seen so far."""
        return {status for status, _ in self.answers}


@contextmanager
def steady_load(
    running: Running, account: Mapping[str, str], *, callers: int = 6, name: str = "HN", pause_s: float = 0
) -> Iterator[Load]:
    """Verify the same citizen in new dossiers, by several callers, until the block ends.

    A pause after each answer leaves the processor to programs that start meanwhile.
    """
    load = Load()
    with log_in(running, account) as portal:
        address, headers = str(portal.base_url), {"Authorization": portal.headers["authorization"]}
    threads = [
        threading.Thread(target=_call, args=(load, address, headers, f"{name}-{number}", pause_s))
        for number in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.over.set()
        for thread in threads:
            thread.join(60)


def _call(load: Load, address: str, headers: Mapping[str, str], dossier: str, pause_s: float) -> None:
    number = 0
    with httpx.Client(base_url=address, headers=headers, timeout=30, trust_env=False) as portal:
        while not load.over.wait(pause_s):
            number += 1
            body = enquiry(dossier=f"{dossier}-{number}", fresh=number % 3 == 0)
            try:
                answer = portal.post("/verifications", json=body)
            except httpx.ConnectError as error:
                load.refusals.append(repr(error))
                time.sleep(0.02)
            except httpx.HTTPError as error:
                load.failures.append(repr(error))
            else:
                load.answers.append((answer.status_code, answer.json().get("id", answer.text)))
