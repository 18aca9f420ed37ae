"""`python -m benchmarks.flame`: where a verification's CPU goes, asked and reused, as two flame graphs."""

import asyncio
import shutil
import tempfile
from pathlib import Path

from benchmarks.flame_graph import draw, read_stacks
from benchmarks.load import measure
from benchmarks.profiled import ProfiledPrograms
from benchmarks.verifications import ROOT, confirmed, make_bodies
from demo.scene import Scene, set_up
from portal.gateway_client import GatewayClient

DOCS = ROOT / "docs"
REQUESTS = 2000


def main() -> None:
    """Run both kinds and write the graphs beside the page that shows them."""
    (ROOT / "var").mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="flame-", dir=ROOT / "var"))
    try:
        with ProfiledPrograms(folder, profiler="benchmarks.sampled") as programs:
            scene = set_up(programs, {"GATEWAY_LOG_LEVEL": "warning"})
            for kind in ("asked", "reused"):
                _draw(programs, scene, kind)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _draw(programs: ProfiledPrograms, scene: Scene, kind: str) -> None:
    stacks = asyncio.run(_sample(programs, scene, kind))
    tree = read_stacks(stacks, root="the event loop", below="asyncio.runners:Runner.run")
    path = DOCS / f"flame-{kind}.svg"
    path.write_text(draw(tree, title=f"a verification {kind}, gateway on SQLite"), encoding="utf-8")
    print(f"written to {path.relative_to(ROOT)}: {tree.samples} samples")


async def _sample(programs: ProfiledPrograms, scene: Scene, kind: str) -> Path:
    async with GatewayClient(scene.sandbox) as portal:
        token = (await portal.token())["access_token"]
    address, headers = f"{scene.sandbox.issuer}/v1/verifications", {"Authorization": f"Bearer {token}"}
    bodies = make_bodies(scene, REQUESTS, fresh=kind == "asked")
    await measure(address, bodies[:200], headers=headers, accept=confirmed)
    programs.begin()
    await measure(address, bodies, headers=headers, accept=confirmed)
    return programs.end()


if __name__ == "__main__":
    main()
