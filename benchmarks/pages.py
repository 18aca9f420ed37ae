"""`python -m benchmarks.pages`: the server's time of each page of both programs, and what a first visit transfers.

The programs are the test portal and the gateway, over loopback, with one visitor and no registry behind the measured
pages. The goals are at most 100 ms at p95 and at most 150 KB, compressed, with stylesheet, script and every typeface file.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from statistics import median, quantiles
from typing import Any

import httpx

from benchmarks.command import make_parser, working_folder
from benchmarks.kept import keep, machine
from demo.control import Control
from demo.portal import start_portal
from demo.portal_steps import CHILD, Browser
from demo.processes import Programs
from demo.scene import AGENCY, Scene, set_up
from portal.gateway_client import GatewayClient, PortalAccount

TIMES, QUICK, WARM = 60, 5, 5
MOST_MS, MOST_KB = 100, 150
_LINKED = re.compile(r'(?:href|src)="(/[^"]+\.(?:css|js|svg)(?:[?][^"]*)?)"')
_IN_STYLE = re.compile(r"url\(\"?([^)\"]+)\"?\)")
Figures = dict[str, dict[str, float]]


async def measure_page(http: httpx.AsyncClient, address: str, times: int) -> dict[str, float]:
    """Return median and p95 in ms, and the KB of a first visit."""
    taken, answer = [], await http.get(address)
    for turn in range(WARM + times):
        began = time.perf_counter()
        answer = await http.get(address)
        if turn >= WARM:
            taken.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    return {
        "p50_ms": round(median(taken), 1),
        "p95_ms": round(quantiles(taken, n=20)[18], 1),
        "kb": round(await _count_bytes(http, answer) / 1000, 1),
    }


async def _count_bytes(http: httpx.AsyncClient, page: httpx.Response) -> int:
    """Return the bytes of a page with everything that it links, each once."""
    total, todo, seen = page.num_bytes_downloaded, _LINKED.findall(page.text), set[str]()
    while todo:
        address = str(page.url.join(todo.pop()))
        if address not in seen:
            seen.add(address)
            found = await http.get(address)
            total += found.num_bytes_downloaded
            if "css" in found.headers["content-type"]:
                todo += [str(found.url.join(each)) for each in _IN_STYLE.findall(found.text)]
    return total


async def measure_portal(scene: Scene, portal: str, times: int) -> Figures:
    """Measure the portal's pages as a citizen passes them; a submitted dossier is the last."""
    found: Figures = {}
    async with Browser() as visitor:

        async def note(name: str, address: str) -> None:
            found[f"portal: {name}"] = await measure_page(visitor.http, address, times)

        await note("services", portal)
        await note("one service", f"{portal}/dich-vu/khai-sinh")
        await visitor.open(f"{portal}/dang-nhap?tiep=/dich-vu/khai-sinh")
        await visitor.send("/authorize", {"person": "nguyen-van-an"})
        await visitor.send("/dich-vu/khai-sinh/bat-dau", {})
        dossier = f"{portal}{visitor.path}"
        await note("consent", dossier)
        await visitor.send("/dong-y", {"agreed": "1"})
        await note("verification", dossier)
        await visitor.send("/xac-thuc/requester", {})
        await visitor.send("/xac-thuc/father", {"self": "1"})
        mother = await Control(scene.mock).claim_of("le-thi-dung")
        claim = {"number": mother["citizen_id"], "full_name": mother["full_name"]}
        await visitor.send("/xac-thuc/mother", claim | {"born": mother["birth_date"], "consent": "1"})
        await note("form", dossier)
        await visitor.send("/to-khai", CHILD | {"act": "review"})
        await note("review", f"{dossier}/xem-lai")
        await visitor.send("/nop", {})
        await note("submitted", dossier)
        await note("dossiers", f"{portal}/ho-so")
    return found


async def measure_gateway(scene: Scene, times: int) -> Figures:
    """Measure the gateway's pages."""
    found: Figures = {}
    async with _reader(scene) as http:
        for path in ("/", "/docs", "/problems/", "/console/login", "/reports/", "/reports/?week=2022-W17"):
            found[f"gateway: {path}"] = await measure_page(http, scene.gateway + path, times)
    return found


@asynccontextmanager
async def _reader(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client with a token that reads the report."""
    made: Mapping[str, Any] = scene.programs.gateway(
        "accounts", "create", "report", "--organisation", AGENCY, "--profile", "sandbox", "--all-procedures",
        "--all-fields", "--scope", "reports.read",
    )  # fmt: skip
    account = PortalAccount(
        client_id=made["client_id"], issuer=made["issuer"], client_secret=made["client_secret"]
    )
    async with GatewayClient(account) as client:
        token = (await client.token())["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=30) as http:
        yield http


async def measure(scene: Scene, portal: str, times: int) -> Figures:
    """Measure all pages."""
    return await measure_portal(scene, portal, times) | await measure_gateway(scene, times)


def main() -> None:
    """Measure, print and store."""
    quick = make_parser(__doc__, quick=f"{QUICK} times each").parse_args().quick
    times = QUICK if quick else TIMES
    with working_folder("pages") as folder, Programs(folder) as programs:
        scene = set_up(programs, {})
        found = asyncio.run(measure(scene, start_portal(scene), times))
    print(f"pages, {times} times each, one visitor; {machine()}")
    for name, each in found.items():
        met = each["p95_ms"] <= MOST_MS and each["kb"] <= MOST_KB
        print(
            f"  {name:<34} p50 {each['p50_ms']:>6.1f} ms   p95 {each['p95_ms']:>6.1f} ms   {each['kb']:>6.1f} KB   "
            f"{'ok' if met else 'OVER'}"
        )
    if not quick:
        print(f"written to {keep('pages', {'times': times, 'pages': found})}")


if __name__ == "__main__":
    main()
