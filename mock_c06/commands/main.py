"""`mock-c06`: the root command, and the table of all commands. A command's module is loaded when the command is used.

Personal data is read from stdin, never from an argument. The output has no terminal escapes.
"""

import importlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from mock_c06 import __version__

_EXAMPLES = """A mock of C06's population registry, with synthetic people only.

\b
Examples:
  mock-c06 serve --port 8100 --official-port 8110 --control-port 8101
  mock-c06 personas --json
  mock-c06 accounts --json
  mock-c06 population sample --where "age>80" --count 50 --json
  echo '{"citizen_id": "001090000123", "full_name": "Nguyễn Văn An",
         "birth_date": "1990-01-31"}' | mock-c06 explain
"""


class Row(NamedTuple):
    """A command: its module, its function or group there, and its line of the help."""

    module: str
    attribute: str
    help: str


_COMMANDS: Mapping[str, Row] = {
    "serve": Row("serve", "serve_command", "Answer as the registry until Ctrl-C."),
    "explain": Row("explain", "explain_command", "Print which part of a claim differs from the registry."),
    "record": Row("running_mock", "record_command", "Write a run of a serving mock into one file."),
    "report": Row("running_mock", "report_command", "Print what the client did right and wrong in a run."),
    "replay": Row("replay", "replay_command", "Serve a recorded run."),
    "journal": Row("running_mock", "journal_app", "The provider's log of a run."),
    "personas": Row(
        "listings",
        "personas_command",
        "List the hand-made people, the expected verdict of each, and why each exists.",
    ),
    "accounts": Row("listings", "accounts_command", "List the ready-made accounts."),
    "faults": Row("listings", "faults_command", "List the kinds of misbehaviour that a plan can hold."),
    "parity": Row("listings", "parity_command", "List what is imitated of C06 and what is guessed."),
    "population": Row("population", "population_app", "The generated population."),
    "selfcheck": Row(
        "population", "selfcheck_command", "Check the catalogue of people and a generated population."
    ),
}


class _Commands(Mapping[str, Any]):
    """The commands by name; a module is loaded when one of its commands is looked up."""

    rows = _COMMANDS

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            row = _COMMANDS[name]
            found = getattr(importlib.import_module(f"mock_c06.commands.{row.module}"), row.attribute)
            one = _new_typer()
            if isinstance(found, typer.Typer):
                one.add_typer(found, name=name)
            else:
                one.command(name)(found)
            self._loaded[name] = typer.main.get_group(one).commands[name]
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_COMMANDS)

    def __len__(self) -> int:
        return len(_COMMANDS)


class LazyGroup(TyperGroup):
    """The root: its help reads the table alone."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        commands: Any = _Commands()
        self.commands = commands

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the commands' names."""
        return list(_COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the commands' lines."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, row.help) for name, row in _COMMANDS.items()])


def _new_typer(help_text: str | None = None, *, cls: type[TyperGroup] | None = None) -> typer.Typer:
    return typer.Typer(
        cls=cls,
        help=help_text,
        no_args_is_help=True,
        add_completion=cls is not None,  # the root alone
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


app = _new_typer(_EXAMPLES, cls=LazyGroup)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mock-c06 {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass
