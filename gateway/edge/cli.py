"""`gateway serve` and `openapi`."""

import json
import math
from typing import Annotated

import typer

from gateway.errors import GatewayError
from gateway.identifiers import Profile
from gateway.terminal import OpenGateway, describe, fail, new_typer, run


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on the API."""
    app = new_typer("The API.")
    _add_serve(app, open_gateway)
    _add_openapi(app, open_gateway)
    return app


def _add_serve(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("serve", epilog="Example: gateway serve --host 127.0.0.1 --port 8000")
    def serve_command(
        host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
        port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8000,
        workers: Annotated[int, typer.Option(min=1, help="Processes; SQLite: one.")] = 1,
        profile: Annotated[
            Profile | None, typer.Option(help="Answer for this profile alone; default: for both.")
        ] = None,
        drain_seconds: Annotated[
            float, typer.Option(min=0, max=600, help="After SIGTERM, answer this long; /readyz is 503.")
        ] = 0.0,
    ) -> None:
        """Serve portals until Ctrl-C. A SQLite database is migrated first.

        SIGHUP renews the processes (--workers 2 or more), with no request refused. With --profile, official
        and sandbox are programs of their own, so that load on one doesn't slow the other: on one
        PostgreSQL, or each with a SQLite database of its own.
        """
        from gateway.private_files import warn_if_readable
        from gateway.workers import serve

        if math.isnan(drain_seconds):  # it is in every range of Typer's
            raise typer.BadParameter("nan is no number of seconds", param_hint="--drain-seconds")
        settings = open_gateway.settings(serving=True)
        if settings.master_key_file is not None:
            warn_if_readable(settings.master_key_file)
        if profile is not None:
            settings = settings.model_copy(update={"serve_profile": profile})
        try:
            serve(
                settings,
                clock=open_gateway.clock,
                host=host,
                port=port,
                workers=workers,
                drain_s=drain_seconds,
            )
        except GatewayError as error:
            fail(describe(error))


def _add_openapi(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("openapi", epilog="Example: gateway openapi > openapi/gateway.json")
    def openapi() -> None:
        """Print the API's OpenAPI document; reads no settings and no database."""
        import tempfile

        from gateway.app import open_gateway as open_made
        from gateway.settings import Settings
        from gateway.web import build_document

        async def work(folder: str) -> dict[str, object]:
            settings = Settings(database_url=f"sqlite:///{folder}/openapi.db")
            async with open_made(settings, clock=open_gateway.clock) as gateway:
                return build_document(gateway)

        with tempfile.TemporaryDirectory() as folder:
            document = run(work(folder))
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True))
