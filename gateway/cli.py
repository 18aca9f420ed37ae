"""`gateway`: the root command, and the table of all commands. A command's module is loaded when the command is used."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from gateway import __version__
from gateway.clock import Clock, SystemClock
from gateway.terminal import Group, OpenGateway, fail, new_typer

_ARGUMENTS = "gateway.arguments"
_HALF_SURROGATE = re.compile("[\ud800-\udfff]")

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


class Row(NamedTuple):
    """A command of the table: the module that has it, and its line of the help.

    The module's function `build` takes `OpenGateway` and returns the group with the row's name, or one that has the command.
    """

    module: str
    help: str
    build: str = "build_cli"


_COMMANDS: Mapping[str, Row] = {
    "serve": Row("gateway.edge.cli", "Serve portals until Ctrl-C."),
    "migrate": Row("gateway.storage.cli", "Bring the database's schema to the newest revision."),
    "openapi": Row("gateway.edge.cli", "Print the API's OpenAPI document."),
    "backup": Row("gateway.storage.cli", "Copy an embedded store while the gateway runs."),
    "restore": Row("gateway.storage.cli", "Put a backup in the store's place."),
    "accept-older-store": Row("gateway.storage.cli", "Let the gateway serve a store that went back in time."),
    "organisations": Row("gateway.accounts.cli", "Agencies that have accounts.", "build_organisations_cli"),
    "accounts": Row("gateway.accounts.cli", "OAuth accounts of portals."),
    "operators": Row("gateway.operators.cli", "People who run the gateway, with one role each."),
    "login": Row("gateway.operators.cli", "Sign in for at most 8 hours.", "build_login_cli"),
    "logout": Row("gateway.operators.cli", "End the session of the signed-in operator.", "build_login_cli"),
    "profiles": Row("gateway.changes.cli", "Connections of the profiles: revisions, changes, suspension."),
    "official": Row("gateway.applications.cli", "The official account: apply for it, open what is issued."),
    "discrepancies": Row("gateway.discrepancies.cli", "What citizens say is wrong in the registry."),
    "keys": Row("gateway.keys.cli", "Keys of every purpose: list them, rotate one, end a leaked one."),
    "audit": Row(
        "gateway.inspection.cli", "The tamper-evident record of every question, delivery and refusal."
    ),
    "privacy": Row(
        "gateway.inspection.cli",
        "Which table has which data, for how long, and under which key.",
        "build_privacy_cli",
    ),
    "procedures": Row("gateway.procedures.cli", "The essential services: forms, codes, legal basis."),
    "report": Row("gateway.reports.cli", "Reports on the 25 essential services."),
}


class _Commands(Mapping[str, Any]):
    """The commands by name; a module is loaded when one of its commands is looked up."""

    rows = _COMMANDS

    def __init__(self, open_gateway: OpenGateway) -> None:
        self._open_gateway = open_gateway
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            row = self.rows[name]
            build = getattr(importlib.import_module(row.module), row.build)
            group: Any = typer.main.get_group(build(self._open_gateway))
            group.name = name
            self._loaded[name] = group.commands.get(name, group)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def build_cli(clock: Clock | None = None) -> typer.Typer:
    """Return all commands; the help of the root reads the table alone."""
    commands: Any = _Commands(OpenGateway(clock or SystemClock()))

    class Root(Group):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = commands

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            ctx.meta[_ARGUMENTS] = tuple(args)
            return super().parse_args(ctx, args)

        def invoke(self, ctx: Any) -> Any:
            try:
                return super().invoke(ctx)
            except Exception as error:  # raised again, unless an argument caused it
                _refuse_argument(error, ctx.meta[_ARGUMENTS])
                raise

        def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
            return list(_COMMANDS)

        def list_rows(self, ctx: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - as in the class above
            return [(name, row.help) for name, row in _COMMANDS.items()]

    app = new_typer(_HELP, root=Root)
    app.callback()(_root)
    return app


def _refuse_argument(error: Exception, arguments: Sequence[str]) -> None:
    """Name the argument that caused an error; return if none did.

    `Path.exists` and its like raise for a name that is too long, and in a folder that this user may not search. Bytes of an
    argument that are not UTF-8 arrive as half surrogates, which no store takes.

    Raises:
        typer.Exit, typer.BadParameter
    """
    values = {Path(part) for argument in arguments for part in (argument, argument.partition("=")[2]) if part}
    if isinstance(error, OSError) and error.filename and Path(str(error.filename)) in values:
        fail(f"{error.filename}: {error.strerror}; name a file that this user may use")
    garbled = [place for place, argument in enumerate(arguments, start=1) if _HALF_SURROGATE.search(argument)]
    cause: BaseException | None = error
    while garbled and cause is not None:
        if isinstance(cause, UnicodeEncodeError):
            raise typer.BadParameter(f"argument {garbled[0]} is not UTF-8 text")
        cause = cause.__cause__ or cause.__context__


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
