"""`python -m benchmarks.steps`: how many files, functions and calls of `gateway/` one request walks through.

A reader of the code walks the same way. Each kind of request is measured once warm, several times; the walk with the
fewest calls counts, since the others also met a background task. Bounds: docs/performance.md.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from benchmarks.kept import keep
from benchmarks.profiled import ROOT, ProfiledPrograms
from benchmarks.verifications import ACT, make_bodies
from demo.scene import Scene, set_up
from portal.gateway_client import GatewayClient

WARM = 20
TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What one request walked through; a change of room is a call of a function in another folder than the last."""

    files: int
    functions: int
    calls: int
    room_changes: int


def main() -> None:
    """Measure each kind, print and keep the counts."""
    (ROOT / "var").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="steps-", dir=ROOT / "var"))
    try:
        with ProfiledPrograms(folder, profiler="benchmarks.traced") as programs:
            scene = set_up(programs, {"GATEWAY_LOG_LEVEL": "warning"})
            walks = asyncio.run(_measure(programs, scene))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("one request inside gateway/   files  functions  calls  changes of room")
    for kind, walk in walks.items():
        print(f"  {kind:<26}  {walk.files:>5}  {walk.functions:>9}  {walk.calls:>5}  {walk.room_changes:>15}")
    keep("steps", {kind: asdict(walk) for kind, walk in walks.items()})


async def _measure(programs: ProfiledPrograms, scene: Scene) -> dict[str, Walk]:
    async with GatewayClient(scene.sandbox) as portal:
        token = (await portal.token())["access_token"]
    bodies = make_bodies(scene, WARM + TRIES)
    asked = [body | {"fresh": True} for body in bodies]
    base, headers = f"{scene.sandbox.issuer}/v1", {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as http:
        receipts = [
            (await http.post(f"{base}/verifications", json=body)).json()["receipt"] for body in bodies
        ]
        prefills = [
            {**ACT, "dossier": body["dossier"], "receipt": receipt, "fields": ["full_name", "gender"]}
            for body, receipt in zip(bodies, receipts, strict=True)
        ]
        return {
            "verification, asked": await _walk(programs, http, f"{base}/verifications", asked),
            "verification, reused": await _walk(programs, http, f"{base}/verifications", bodies),
            "prefill": await _walk(programs, http, f"{base}/prefills", prefills),
        }


async def _walk(
    programs: ProfiledPrograms, http: httpx.AsyncClient, address: str, bodies: Sequence[Mapping[str, Any]]
) -> Walk:
    for body in bodies[:WARM]:
        (await http.post(address, json=body)).raise_for_status()
    walks = []
    for body in bodies[WARM:]:
        programs.begin()
        await asyncio.sleep(0.1)
        (await http.post(address, json=body)).raise_for_status()
        walks.append(read_walk(programs.end().read_text(encoding="utf-8").splitlines()))
    return min(walks, key=lambda walk: walk.calls)


def read_walk(lines: Sequence[str]) -> Walk:
    """Count what a tracer wrote: a line a call, its file and its function."""
    files = [line.partition(" ")[0] for line in lines]
    rooms = [Path(file).parent for file in files]
    return Walk(
        files=len(set(files)),
        functions=len(set(lines)),
        calls=len(lines),
        room_changes=sum(before != after for before, after in pairwise(rooms)),
    )


if __name__ == "__main__":
    main()
