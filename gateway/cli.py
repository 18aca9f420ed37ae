"""`gateway`: the root of its commands. Reads the settings once, hands opened parts to each room's commands."""

import json
import tempfile
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import typer

from gateway import __version__
from gateway.accounts import cli as accounts_cli
from gateway.accounts import organisations_cli
from gateway.app import open_gateway
from gateway.applications import cli as applications_cli
from gateway.audit import cli as audit_cli
from gateway.changes import cli as profiles_cli
from gateway.clock import Clock, SystemClock
from gateway.database import open_database
from gateway.edge.logs import set_up_logs
from gateway.errors.commands import SettingInvalid
from gateway.keys import cli as keys_cli
from gateway.operators import cli as operators_cli
from gateway.procedures import cli as procedures_cli
from gateway.profiles.model import Gateway
from gateway.schema import migrate
from gateway.settings import Settings, read_settings
from gateway.terminal import fail, new_typer, run

_HELP = """Verification gateway to the national population database.

\b
Examples:
  gateway serve --port 8000
  gateway organisations add 000.00.01.H26 "UBND TP Hà Nội"
  gateway accounts create dvctt --organisation 000.00.01.H26 \\
      --profile sandbox --all-procedures --all-fields --json
  gateway operators create lan.nguyen --role admin --bootstrap
  gateway login lan.nguyen
  gateway audit verify
"""


def build_cli(clock: Clock | None = None) -> typer.Typer:
    """Return all commands."""
    own_clock = clock or SystemClock()

    def opened() -> AbstractAsyncContextManager[Gateway]:
        return open_gateway(_settings(), clock=own_clock)

    app = new_typer(_HELP)
    app.callback()(_root)
    _add_serve(app, own_clock)
    _add_schema(app, own_clock)
    app.add_typer(organisations_cli.build_cli(opened), name="organisations")
    app.add_typer(accounts_cli.build_cli(opened), name="accounts")
    app.add_typer(operators_cli.build_cli(opened), name="operators")
    operators_cli.add_login(app, opened)
    app.add_typer(profiles_cli.build_cli(opened), name="profiles")
    app.add_typer(applications_cli.build_cli(opened), name="official")
    app.add_typer(keys_cli.build_cli(opened), name="keys")
    app.add_typer(audit_cli.build_cli(opened), name="audit")
    app.add_typer(procedures_cli.build_cli(own_clock), name="procedures")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def _settings() -> Settings:
    try:
        settings = read_settings()
    except SettingInvalid as error:
        fail(str(error))
    set_up_logs(form=settings.log_format, level=settings.log_level)
    return settings


def _add_serve(app: typer.Typer, clock: Clock) -> None:
    @app.command("serve", epilog="Example: gateway serve --host 127.0.0.1 --port 8000")
    def serve_command(
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
        workers: Annotated[int, typer.Option(min=1, help="Processes; SQLite: one.")] = 1,
    ) -> None:
        """Answer portals until Ctrl-C. An embedded database is migrated first."""
        # The web's libraries are slow to load.
        from gateway.server import loop_factory  # noqa: PLC0415 - as said
        from gateway.workers import serve  # noqa: PLC0415 - as said

        settings = _settings()
        work = serve(settings, clock=clock, host=host, port=port, workers=workers)
        run(work, loop_factory=loop_factory())


def _add_schema(app: typer.Typer, clock: Clock) -> None:
    @app.command("migrate", epilog="Example: gateway migrate")
    def migrate_command() -> None:
        """Bring the database's schema to the newest revision."""
        settings = _settings()

        async def work() -> tuple[str | None, str | None]:
            database = open_database(settings.database_url)
            try:
                return await migrate(database, clock)
            finally:
                await database.close()

        before, after = run(work())
        typer.echo(f"schema: {after} (unchanged)" if before == after else f"schema: {before} → {after}")

    @app.command("openapi", epilog="Example: gateway openapi > openapi/gateway.json")
    def openapi() -> None:
        """Print the API's OpenAPI document; your settings and database are not looked at."""

        from gateway.web import build_document  # noqa: PLC0415 - the web's libraries are slow to load

        async def work(folder: str) -> dict[str, object]:
            settings = Settings(database_url=f"sqlite:///{folder}/openapi.db")
            async with open_gateway(settings, clock=clock) as gateway:
                return build_document(gateway)

        with tempfile.TemporaryDirectory() as folder:
            document = run(work(folder))
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True))
