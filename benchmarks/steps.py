"""`python -m benchmarks.steps`: the number of files, functions and calls in `gateway/` of one request.

A reader of the code follows the same calls. Each kind of request is measured several times after a warm-up; the smallest
count is used, since the others contain other work. Background tasks are left out (`traced.py`). `--calls` lists each
function with the number of its calls, `--order` lists the calls in order; neither stores a result.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from benchmarks.command import make_parser, working_folder
from benchmarks.kept import keep
from benchmarks.profiled import ProfiledPrograms
from demo.scene import Scene, set_up
from portal.gateway_client import GatewayClient

ACT = {"procedure": "khai-sinh", "subject_role": "requester", "initiated_by": {"kind": "citizen"}}
WARM = 20
TRIES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The counts of one request; a change of room is a call of a function in another folder than the last call's."""

    files: int
    functions: int
    calls: int
    room_changes: int


def main() -> None:
    """Measure each kind, print and store the counts."""
    parser = make_parser(__doc__)
    parser.add_argument("--calls", action="store_true", help="list the functions, the most called first")
    parser.add_argument("--order", action="store_true", help="list the calls in their order")
    options = parser.parse_args()
    with (
        working_folder("steps") as folder,
        ProfiledPrograms(folder, profiler="benchmarks.traced") as programs,
    ):
        scene = set_up(programs, {"GATEWAY_LOG_LEVEL": "warning"})
        called = asyncio.run(measure(programs, scene, WARM, TRIES))
    print("one request inside gateway/   files  functions  calls  changes of room")
    walks = {kind: read_walk(lines) for kind, lines in called.items()}
    for kind, walk in walks.items():
        print(f"  {kind:<26}  {walk.files:>5}  {walk.functions:>9}  {walk.calls:>5}  {walk.room_changes:>15}")
    if options.calls:
        for kind, lines in called.items():
            print(
                f"\n{kind}",
                *(f"{calls:>4}  {line}" for line, calls in Counter(lines).most_common()),
                sep="\n",
            )
    elif options.order:
        for kind, lines in called.items():
            print(f"\n{kind}", *lines, sep="\n")
    else:
        path = keep("steps", {kind: asdict(walk) for kind, walk in walks.items()})
        print(f"written to {path}")


async def measure(programs: ProfiledPrograms, scene: Scene, warm: int, tries: int) -> dict[str, list[str]]:
    """Return the calls of each kind of request: those of the request that made the fewest of `tries`."""
    async with GatewayClient(scene.sandbox) as portal:
        token = (await portal.token())["access_token"]
    bodies = _make_bodies(scene, warm + tries)
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
            "verification, asked": await _walk(programs, http, f"{base}/verifications", asked, warm),
            "verification, reused": await _walk(programs, http, f"{base}/verifications", bodies, warm),
            "prefill": await _walk(programs, http, f"{base}/prefills", prefills, warm),
        }


def _make_bodies(scene: Scene, count: int) -> list[dict[str, Any]]:
    """Return enquiries about the mock's people, each in its own dossier."""
    claims = [
        {name: person[name] for name in ("citizen_id", "full_name", "birth_date")}
        for person in scene.programs.mock("personas")
        if person["expect"]["confirmed"] and person["citizen_id"] and person["birth_date"]
    ]
    places = [number % len(claims) for number in range(count)]
    return [{**ACT, "dossier": f"BENCH-{place}", "claim": claims[place], "fresh": False} for place in places]


async def _walk(
    programs: ProfiledPrograms,
    http: httpx.AsyncClient,
    address: str,
    bodies: Sequence[Mapping[str, Any]],
    warm: int,
) -> list[str]:
    """Return the calls of the request after the first `warm` ones that made the fewest."""
    for body in bodies[:warm]:
        (await http.post(address, json=body)).raise_for_status()
    walks = []
    for body in bodies[warm:]:
        programs.begin()
        await asyncio.sleep(0.1)
        (await http.post(address, json=body)).raise_for_status()
        walks.append(programs.end().read_text(encoding="utf-8").splitlines())
    return min(walks, key=len)


def read_walk(lines: Sequence[str]) -> Walk:
    """Count the lines of a tracer: one for each call, with file and function."""
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
