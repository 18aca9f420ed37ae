"""How commands talk to people: one clear line on stderr when refused, JSON or aligned text otherwise.

Never a traceback, no escapes, UTF-8 whatever the locale. Exit 1 for refused or failed; wrong usage is 2.
"""

import asyncio
import json
import sys
import textwrap
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from gateway.edge.problems import find_problem
from gateway.errors import FieldError, GatewayError
from gateway.errors.operators import DiffChanged, PreflightFailed, RoleMissing, SameOperator
from gateway.errors.places import Overloaded
from gateway.errors.requests import FieldsError, NotFound
from gateway.identifiers import has_long_number
from gateway.profiles.model import Gateway

COLUMNS = 80

_IN_WORDS: Mapping[type[GatewayError], str] = {
    SameOperator: "you proposed this change: another operator has to do this",
    DiffChanged: "the change is another than the one looked at: run its preflight again, and look anew",
    NotFound: "there is no such change: gateway profiles history",
}
"""What has a remedy at the terminal that it hasn't over HTTP."""

Result = TypeVar("Result")
OpenGateway = Callable[[], AbstractAsyncContextManager[Gateway]]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def new_typer(help_text: str) -> typer.Typer:
    """Return a command group in the house style."""
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def run(coroutine: Coroutine[Any, Any, Result], *, loop_factory: LoopFactory | None = None) -> Result:
    """Run a command's work; one of our errors becomes one line and exit 1."""
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(coroutine)
    except GatewayError as error:
        fail(describe(error))


def describe(error: GatewayError) -> str:
    """Return one of our errors as the one line that a command says: what is wrong, and what to do."""
    match error:
        case Overloaded():
            return f"the database can't be used ({_find_root(error)}): check GATEWAY_DATABASE_URL"
        case FieldsError(errors=errors):
            return "; ".join(f"{each.field}: {each.detail}" for each in errors)
        case RoleMissing(since=None):
            return f"{error}: gateway operators list shows who has it"
        case SameOperator(reason=str() as reason):
            return reason
        case PreflightFailed(errors=errors):
            return _describe_preflight(errors)
    return _IN_WORDS.get(type(error)) or str(error) or find_problem(error).detail


def _describe_preflight(errors: Sequence[FieldError]) -> str:
    about_all = [each.detail for each in errors if each.field == "preflight"]
    failed = ", ".join(each.field for each in errors if each.field != "preflight")
    what = about_all[0] if about_all else f"failed ({failed})"
    return f"the preflight {what}: mend what it names, then gateway profiles preflight CHANGE"


def _find_root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def fail(reason: str) -> NoReturn:
    """Print one line on stderr and exit 1."""
    typer.echo(f"error: {reason}", err=True)
    raise typer.Exit(1)


def check_name(name: str) -> None:
    """Refuse a name that is empty, over 200 characters, would move a terminal's cursor, or could be a person's number."""
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        fail("NAME is 1 to 200 printable characters")
    if has_long_number(name.strip()):
        fail("NAME could hold a person's number: no run of nine digits, no 9 or 12 digits in groups")


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns, words for states, nothing but a header where there are no rows.

    The last column is the one that may be long: it goes on below itself at 80 columns.
    """
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    indent = sum(widths) + 2 * len(widths)
    for *cells, last in [header, *rows]:
        lead = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells, widths, strict=True))
        for line in textwrap.wrap(last, max(COLUMNS - indent, 16)) or [""]:
            typer.echo(f"{lead}{line}".rstrip())
            lead = " " * indent


def read_json_file(path: Path) -> Any:
    """Return a JSON file's content; one line and exit 1 where it can't be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (ValueError, RecursionError):
        fail(f"{path}: not a JSON file")


def read_lines(text: str) -> list[str]:
    """Return the lines that hold something, without their white space."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_stdin() -> str:
    """Return standard input as UTF-8."""
    return sys.stdin.buffer.read().decode("utf-8", errors="replace")


def read_secrets(*names: str) -> list[str]:
    """Return one secret a line of standard input, white space kept; at a terminal each is asked for, and not shown."""
    if sys.stdin.isatty():
        return [typer.prompt(name, hide_input=True, err=True) for name in names]
    lines = [line.removesuffix("\r") for line in read_stdin().split("\n")]
    if len(lines) < len(names) or any(lines[len(names) :]) or not all(lines[: len(names)]):
        fail(f"standard input: {len(names)} lines are expected: {', '.join(names)}")
    return lines[: len(names)]
