"""`python -m demo run` shows the main job; `python -m demo serve` keeps its programs up."""

import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import typer

from demo.office import ActRefused, open_office
from demo.official_steps import GoingOfficial
from demo.processes import Programs, StartFailed, make_private_folder
from demo.report import Report
from demo.scene import Scene, set_up
from demo.steps import MainJob, StepFailed
from demo.store import choose_store
from demo.used_store import unused
from portal.gateway_client import GatewayClient, TokenRefused

VAR = Path(__file__).resolve().parent.parent / "var"
SERVE_PORTS = (8100, 8110, 8101, 8000)

app = typer.Typer(
    help="The main job end to end, with synthetic people only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command(epilog="Example: python -m demo run")
def run() -> None:
    """Play the main job on free loopback ports, print its evidence, leave nothing running."""
    report = Report()
    report.note("TEST DATA ONLY: mock registry, synthetic people, loopback.")
    make_private_folder(VAR)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=VAR))
    try:
        with unused(choose_store(VAR)) as store, Programs(folder) as programs:
            scene = set_up(programs, store)
            report.note(f"gateway {scene.gateway}, mock registry {scene.mock.test} and {scene.mock.official}")
            asyncio.run(_play(scene, report))
    except (StartFailed, StepFailed, TokenRefused, ActRefused) as error:
        report.failed(f"{error} (logs: {folder})")
        raise typer.Exit(1) from None
    except httpx.HTTPError as error:
        report.failed(f"{type(error).__name__} on the way to a program (logs: {folder})")
        raise typer.Exit(1) from None
    except Exception as error:  # noqa: BLE001 - the outermost edge: an answer of another form is a failed step
        report.failed(f"an answer could not be read: {error!r} (logs: {folder})")
        raise typer.Exit(1) from None
    shutil.rmtree(folder)
    report.done()


@app.command(epilog="Example: python -m demo serve")
def serve() -> None:
    """Keep mock and gateway up on the default ports until Ctrl-C; print addresses and test accounts."""
    make_private_folder(VAR)
    folder = VAR / "serve"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with Programs(folder) as programs:
            _describe(set_up(programs, choose_store(VAR), ports=SERVE_PORTS))
            programs.wait()
    except StartFailed as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("stopped")
        return
    typer.echo(f"error: a program ended by itself; logs: {folder}", err=True)
    raise typer.Exit(1)


async def _play(scene: Scene, report: Report) -> None:
    opening = asyncio.create_task(asyncio.to_thread(open_office, scene.programs, scene.gateway))
    async with GatewayClient(scene.sandbox) as sandbox, GatewayClient(scene.official) as official:
        await MainJob(scene, sandbox, official).play(report)
        async with await opening as office:
            await GoingOfficial(scene, official, office).play(report)


def _describe(scene: Scene) -> None:
    lines = (
        "TEST DATA ONLY: mock registry, synthetic people, loopback.",
        f"gateway          {scene.gateway}",
        f"  sandbox API    {scene.sandbox.issuer}/v1",
        f"  official API   {scene.official.issuer}/v1",
        f"mock registry    {scene.mock.test} (test), {scene.mock.official} (official)",
        f"mock control     {scene.mock.control}  token {scene.mock.control_token}",
        f"sandbox account  {scene.sandbox.client_id}  secret {scene.sandbox.client_secret}",
        f"official account {scene.official.client_id}  (private_key_jwt; its key lives in this process only)",
        "Ctrl-C ends all.",
    )
    typer.echo("\n".join(lines))


def _end_like_ctrl_c(number: int, frame: object) -> None:
    """Let a SIGTERM or a closed terminal end the children too."""
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end_like_ctrl_c)
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="replace")
    app(prog_name="python -m demo")
