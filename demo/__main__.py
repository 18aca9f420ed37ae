"""`python -m demo run` runs the main job; `python -m demo serve` keeps its programs running."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import httpx
import typer

from demo.office import ActRefused, open_office
from demo.official_steps import GoingOfficial
from demo.portal import start_portal
from demo.portal_steps import CitizensWay
from demo.processes import Programs, StartFailed, make_private_folder
from demo.report import Report
from demo.scene import Scene, set_up
from demo.serving import SECOND, Ports, check_kept, check_ports, describe, keep_accounts, locked
from demo.settings import caller_environment, caller_settings
from demo.steps import MainJob, StepFailed
from demo.store import choose_store, name_store
from demo.used_store import unused
from demo.witness_steps import Witnessed
from portal.errors import StartRefused
from portal.gateway_client import GatewayClient, TokenRefused

VAR = Path(__file__).resolve().parent.parent / "var"

app = typer.Typer(
    help="The main job end to end, with synthetic people only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command(epilog="Example: python -m demo run")
def run() -> None:
    """Run the main job on free loopback ports, print its evidence, leave nothing running."""
    report = Report()
    report.note("TEST DATA ONLY: mock registry, synthetic people, loopback.")
    try:
        make_private_folder(VAR)
    except StartFailed as error:
        report.failed(str(error))
        raise typer.Exit(1) from None
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=VAR))
    try:
        with unused(choose_store(VAR, caller_environment("GATEWAY_"))) as store, Programs(folder) as programs:
            scene = set_up(programs, store)
            report.note(f"gateway {scene.gateway}, mock registry {scene.mock.test} and {scene.mock.official}")
            asyncio.run(_play(scene, report))
    except (StartFailed, StepFailed, TokenRefused, ActRefused) as error:
        report.failed(f"{error} (logs: {folder})")
        raise typer.Exit(1) from None
    except httpx.HTTPError as error:
        report.failed(f"{type(error).__name__}: a program can't be reached (logs: {folder})")
        raise typer.Exit(1) from None
    except Exception as error:  # noqa: BLE001 - the outermost edge: a malformed answer is a failed step
        report.failed(f"an answer could not be read: {error!r} (logs: {folder})")
        raise typer.Exit(1) from None
    shutil.rmtree(folder)
    report.done()


@app.command(epilog=f'Example, beside a first one: make serve SERVE="{SECOND}"')
def serve(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The gateway's port.")] = 8000,
    mock_port: Annotated[int, typer.Option(min=1, max=65535, help="The mock registry's.")] = 8100,
    official_port: Annotated[int, typer.Option(min=1, max=65535, help="Its official environment's.")] = 8110,
    control_port: Annotated[int, typer.Option(min=1, max=65535, help="Its control face's.")] = 8101,
    login_port: Annotated[int, typer.Option(min=1, max=65535, help="The national login's.")] = 8102,
    portal_port: Annotated[int, typer.Option(min=1, max=65535, help="The test portal's.")] = 8200,
    folder: Annotated[Path, typer.Option(help="Where store, logs and accounts are kept.")] = VAR / "serve",
) -> None:
    """Run mock, gateway and test portal until Ctrl-C; print addresses, accounts and a line to try.

    Settings of the environment and of .env in this folder go to the programs. The
    accounts are kept from start to start.
    """
    ports = Ports(
        mock=mock_port,
        official=official_port,
        control=control_port,
        login=login_port,
        gateway=port,
        portal=portal_port,
    )
    folder = folder.absolute()
    try:
        make_private_folder(VAR)
        with locked(folder) as lock:
            name = name_store(caller_settings("GATEWAY_"), folder)
            check_kept(folder, ports, name)
            check_ports(folder, ports)
            _serve_in(folder, lock, ports, name)
    except (StartFailed, StartRefused) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("stopped")
        return
    typer.echo(f"error: a program ended by itself; logs: {folder}", err=True)
    raise typer.Exit(1)


def _serve_in(folder: Path, lock: Path, ports: Ports, name: str) -> None:
    caller = caller_settings("GATEWAY_")
    store = {**caller, **choose_store(VAR, caller)}
    with Programs(folder, say=lambda stage: typer.echo(f"{stage} …", err=True)) as programs:
        programs.mock_settings = caller_settings("MOCK_C06_")
        scene = set_up(
            programs,
            store,
            ports=(ports.mock, ports.official, ports.control, ports.login, ports.gateway),
            accounts=lambda running: keep_accounts(running, folder, ports, name),
        )
        where = {what: f"http://127.0.0.1:{number}" for what, number in ports.named().items()}
        lines = [f"process {os.getpid()}", *(f"{what} {address}" for what, address in where.items())]
        lock.write_text(", ".join(lines) + "\n", encoding="utf-8")
        portal = start_portal(scene, port=ports.portal, caller=caller_settings("PORTAL_"))
        typer.echo(describe(scene, folder, portal))
        programs.wait()


async def _play(scene: Scene, report: Report) -> None:
    opening = asyncio.create_task(asyncio.to_thread(open_office, scene.programs, scene.gateway))
    portal = asyncio.create_task(asyncio.to_thread(start_portal, scene))
    async with GatewayClient(scene.sandbox) as sandbox, GatewayClient(scene.official) as official:
        await MainJob(scene, sandbox, official).play(report)
        async with await opening as office:
            await GoingOfficial(scene, official, office).play(report)
    await CitizensWay(scene, await portal).play(report)
    await Witnessed(scene).play(report)


def _end_like_ctrl_c(number: int, frame: object) -> None:
    """Handle a SIGTERM or a closed terminal like Ctrl-C, so that the children end too.

    Also Ctrl-C itself: a shell starts its background programs with SIGINT ignored, and then Python raises nothing.
    """
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end_like_ctrl_c)
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(encoding="utf-8", errors="replace")
    app(prog_name="python -m demo")
