"""`python -m benchmarks.verifications`: verification asked and reused, ours beside the naive gateway, as ratios.

Both ask the same mock registry over real sockets, with the same callers and people, one after the other. Ours runs
with its durable audit, sealed claims and signed receipts on; that is what the ratios price.
"""

import asyncio
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey

from benchmarks.kept import keep, machine
from benchmarks.load import CALLERS, Figures, measure
from demo.processes import Programs
from demo.scene import AGENCY, Scene, set_up
from demo.settings import child_environment
from portal.gateway_client import GatewayClient

ROOT = Path(__file__).resolve().parent.parent
REQUESTS = 1500
ACT = {"procedure": "khai-sinh", "subject_role": "requester", "initiated_by": {"kind": "citizen"}}


def main() -> None:
    """Run everything, print ratios, keep the figures."""
    (ROOT / "var").mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "var"))
    try:
        with Programs(folder) as programs:
            scene = set_up(programs, {"GATEWAY_LOG_LEVEL": "warning"})
            with _naive(scene, folder) as (address, token):
                figures = asyncio.run(_run(scene, address, token))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _report(figures)


async def _run(scene: Scene, naive: str, naive_token: str) -> dict[str, Figures]:
    async with GatewayClient(scene.sandbox) as portal:
        token = (await portal.token())["access_token"]
    ours = f"{scene.sandbox.issuer}/v1/verifications"
    headers = {"Authorization": f"Bearer {token}"}
    fresh, same = make_bodies(scene, REQUESTS, fresh=True), make_bodies(scene, REQUESTS)
    await measure(ours, fresh[:200], headers=headers, accept=confirmed)
    return {
        "naive, asked": await measure(
            naive, same, headers={"Authorization": f"Bearer {naive_token}"}, accept=confirmed
        ),
        "ours, asked": await measure(ours, fresh, headers=headers, accept=confirmed),
        "ours, reused": await measure(ours, same, headers=headers, accept=confirmed),
    }


def make_bodies(scene: Scene, count: int, *, fresh: bool = False) -> list[dict[str, Any]]:
    """Return enquiries about the mock's people, each person in a dossier of its own."""
    people = [person for person in scene.programs.mock("personas") if _is_plain(person)]
    claims = [{name: person[name] for name in ("citizen_id", "full_name", "birth_date")} for person in people]
    return [_enquiry(claims, number, fresh=fresh) for number in range(count)]


def _is_plain(person: Mapping[str, Any]) -> bool:
    """Leave out whom the naive folding gets wrong: the look-alikes of đ."""
    complete = person["expect"]["confirmed"] and person["citizen_id"] and person["birth_date"]
    return bool(complete and not set("ÐðƉ") & set(person["full_name"]))


def _enquiry(claims: Sequence[Mapping[str, Any]], number: int, *, fresh: bool = False) -> dict[str, Any]:
    person = number % len(claims)
    return {**ACT, "dossier": f"BENCH-{person}", "claim": claims[person], "fresh": fresh}


def confirmed(answer: httpx.Response) -> bool:
    """Count only what was confirmed."""
    return answer.status_code in {200, 201} and answer.json()["verdict"] == "confirmed"


@contextmanager
def _naive(scene: Scene, folder: Path) -> Any:
    """Serve the naive gateway on a free port; yield its route and a token for it."""
    account = next(found for found in scene.programs.mock("accounts") if found["name"] == "dvctt-hanoi")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = secrets.token_hex(32)
    arguments = [scene.mock.test, account["user"], AGENCY, str(folder / "naive.db"), str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.naive", *arguments],
        cwd=ROOT,
        env=child_environment(),
        stdin=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(f"{account['secret']}\n{key}\n")
        process.stdin.close()
        _wait(port)
        token = jwt.encode({"alg": "HS256"}, {"sub": "bench"}, OctKey.import_key(key))
        yield f"http://127.0.0.1:{port}/verifications", token
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the naive gateway did not start")


def _report(figures: Mapping[str, Figures]) -> None:
    base = figures["naive, asked"].per_second
    print(f"verifications, {CALLERS} callers, {REQUESTS} requests each; {machine()}")
    for name, found in figures.items():
        print(
            f"  {name:<13} {found.per_second / base:5.2f} × naive   "
            f"({found.per_second:.0f}/s, p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms)"
        )
    kept = {name: found.to_json() for name, found in figures.items()}
    ratios = {name: round(found.per_second / base, 2) for name, found in figures.items()}
    keep("verifications", {"callers": CALLERS, "requests": REQUESTS, "figures": kept, "ratios": ratios})


if __name__ == "__main__":
    main()
