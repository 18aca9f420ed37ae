"""Input and output of commands: an error is one line on stderr, a result is JSON or aligned text.

No traceback, no escapes, UTF-8 in every locale. Exit 1 for a refusal or failure, 2 for wrong usage. A command's libraries
are loaded when it runs, so that `--help` loads none (docs/decisions/0100).
"""

from __future__ import annotations

import gc
import json
import logging
import re
import shutil
import sys
import textwrap
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from gateway.clock import Clock, in_minutes
from gateway.edge.problems import PROBLEMS, find_problem
from gateway.errors import FieldError, GatewayError
from gateway.errors.operators import (
    DiffChanged,
    PreflightFailed,
    RoleMissing,
    SameOperator,
    SettingInvalid,
    Unknown,
)
from gateway.errors.requests import FieldsError, NotFound, StoreUnavailable
from gateway.identifiers import Language, has_long_number

if TYPE_CHECKING:
    import asyncio

    from gateway.profiles.model import Gateway
    from gateway.settings import Settings
    from gateway.storage.database import Database, Transaction

COLUMNS = 80
_SENTENCE = 500
"""Characters of a sentence of help at most."""

_REMEDIES: Mapping[type[GatewayError], str] = {
    SameOperator: "you proposed this change: another operator has to do this",
    DiffChanged: "the change differs from the one that you saw: run its preflight again, and read it again",
    NotFound: "there is no such change, and no such profile: gateway profiles history, gateway profiles list",
}
"""The texts of errors whose remedy is a command."""

Result = TypeVar("Result")
LoopFactory = Callable[[], "asyncio.AbstractEventLoop"]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything and say what would be done; write nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask. Without a terminal nothing is asked.")]
NOTHING_WRITTEN = "dry run: nothing is written"
_HASH = re.compile("[0-9a-f]{16}")
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


class OpenGateway:
    """Opens the gateway for a command, and reads the settings; each loads its libraries when it is called."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __call__(self, *, make: bool = False) -> AbstractAsyncContextManager[Gateway]:
        """Open the gateway; only with `make` an embedded store and its master key are made. Raises as `open_gateway`."""
        from gateway.app import open_gateway

        return open_gateway(self.settings(), clock=self.clock, create=make)

    def store(self) -> AbstractAsyncContextManager[Database]:
        """Open the store alone, which needs no master key. Raises as `open_store`."""
        from gateway.schema import open_store

        return open_store(self.settings())

    def settings(self, *, serving: bool = False) -> Settings:
        """Read the settings and set up the logs; one line and exit 1 if a setting is malformed."""
        from gateway.edge.logs import set_up_logs
        from gateway.keys.model import parse_master_key
        from gateway.settings import read_settings
        from gateway.storage.outages import STORE_LOG

        try:
            settings = read_settings()
            if settings.master_key is not None:
                # A command that needs no key refuses a malformed one too.
                parse_master_key(settings.master_key.get_secret_value())
        except SettingInvalid as error:
            fail(str(error))
        set_up_logs(form=settings.log_format, level=settings.log_level)
        if not serving:  # a command's own line says why the store can't work
            logging.getLogger(STORE_LOG).setLevel(logging.CRITICAL)
        return settings

    def missing_store(self) -> Path | None:
        """Return the file of an embedded store that is not there; a server's store is taken to be there."""
        from gateway.storage.database import find_store_file

        file = find_store_file(self.settings().database_url)
        return None if file is None or file.exists() else file.absolute()


class Group(TyperGroup):
    """A group whose help shows the whole first sentence of each command, on several lines if it is long."""

    def list_rows(self, ctx: Any) -> list[tuple[str, str]]:
        """Return name and line of help of each command."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        return [(name, command.get_short_help_str(_SENTENCE)) for name, command in commands if command]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the section of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(self.list_rows(ctx))


def new_typer(help_text: str, *, root: type[Group] | None = None) -> typer.Typer:
    """Return a command group in the style of all commands; `root` is the class of the outermost one."""
    return typer.Typer(
        cls=root or Group,
        help=help_text,
        no_args_is_help=True,
        add_completion=root is not None,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def run(coroutine: Coroutine[Any, Any, Result], *, loop_factory: LoopFactory | None = None) -> Result:
    """Run a command's work; a `GatewayError` becomes one line and exit 1."""
    import asyncio

    gc.freeze()  # what is loaded stays until the end: looking through it takes a tenth of a command's time
    gc.enable()
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(coroutine)
    except GatewayError as error:
        fail(describe(error))


def run_in_gateway(
    open_gateway: OpenGateway,
    work: Callable[[Gateway], Awaitable[Result]],
    *,
    make: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> Result:
    """Open the gateway, run a command's work in it, and close it; errors as in `run`, `make` as in `OpenGateway`.

    With `dry_run` every commit of the work is rolled back; what it would record is printed, with `as_json` as JSON, and the
    command exits with 0. Without `as_json` a store that it made is named on standard error: a program that reads JSON may take
    any other output for a failure.
    """
    make = make and not dry_run
    new = open_gateway.missing_store() if make and not as_json else None
    opening = open_gateway(make=make)

    async def opened() -> Result:
        async with opening as gateway:
            if new is not None:  # in the wrong folder an operator would take it for the right one
                typer.echo(f"there was no store here: {new} is a new one", err=True)
            return await (rehearse(gateway, work, as_json=as_json) if dry_run else work(gateway))

    return run(opened())


def run_in_store(open_gateway: OpenGateway, query: Callable[[Transaction], Awaitable[Result]]) -> Result:
    """Open the store alone, run a query in it, and close it: for what needs no key, profile or catalogue."""

    async def opened() -> Result:
        async with open_gateway.store() as database, database.read() as transaction:
            return await query(transaction)

    return run(opened())


def refuse_without_store(open_gateway: OpenGateway) -> None:
    """End the command if there is no store that it could use, before it asks for secrets. Errors as in `run_in_store`."""

    async def opened() -> None:
        async with open_gateway.store():
            """Opening it is the whole check."""

    run(opened())


async def rehearse(gateway: Gateway, work: Callable[[Gateway], Awaitable[Any]], *, as_json: bool) -> NoReturn:
    """Run a command's work with an audit that rolls back each commit; print what it would record, and exit with 0."""
    from gateway.audit.log import DryRunLog

    audit = DryRunLog(gateway.deps.database, gateway.deps.audit.macs)
    await work(replace(gateway, deps=replace(gateway.deps, audit=audit)))
    would = []
    for entry in audit.would_record:
        about = entry.client_id or entry.organisation or (entry.profile and entry.profile.value) or ""
        # A change has another hash when it is proposed indeed: its id and time are in it.
        outcome = ":".join(part for part in (entry.outcome or "").split(":") if not _HASH.fullmatch(part))
        would.append(f"{outcome} {about}".rstrip())
    end_dry_run(*would, as_json=as_json)


def end_dry_run(*would: str, as_json: bool) -> NoReturn:
    """Say what a command would do, and exit with 0."""
    if as_json:
        print_json({"dry_run": True, "would": would})
    else:
        print_wrapped("\n".join((*(f"dry run: {each}" for each in would), NOTHING_WRITTEN)))
    raise typer.Exit


def confirm(question: str, *, yes: bool) -> None:
    """Ask a person at a terminal before an act that can't be undone; a script is not asked."""
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)


SHORTEST = 8
"""Characters that a shortened id or hash has at least, besides the prefix of its kind."""


def find_id(typed: str, known: Iterable[str]) -> str:
    """Return the known id or hash that begins with what a person typed, with or without the prefix of its kind.

    Returns what was typed if it is shorter than 8 characters or no id begins with it. Raises `Unknown` if several do.
    """
    if len(typed.rpartition("_")[2]) < SHORTEST:
        return typed
    found = {each for each in known if each.startswith(typed) or each.rpartition("_")[2].startswith(typed)}
    if len(found) > 1:
        raise Unknown(f"{typed} begins {len(found)} of them: type more characters")
    return found.pop() if found else typed


def describe(error: GatewayError) -> str:
    """Return an error as one line: what is wrong, and what to do."""
    match error:
        case StoreUnavailable(cause=cause):
            from gateway.storage.outages import REMEDIES, Cause

            return f"the database can't be used ({cause}, {_find_root(error)}): {REMEDIES[Cause(cause)]}"
        case FieldsError(errors=errors):
            return "; ".join(f"{each.field}: {each.detail}" for each in errors)
        case RoleMissing(since=None):
            return f"{error}: gateway operators list shows who has it"
        case SameOperator(reason=str() as reason):
            return reason
        case PreflightFailed(errors=errors):
            return _describe_preflight(errors)
    return _REMEDIES.get(type(error)) or str(error) or find_problem(error).detail


def _describe_preflight(errors: Sequence[FieldError]) -> str:
    about_all = [each.detail for each in errors if each.field == "preflight"]
    if about_all:
        return f"the preflight {about_all[0]}: gateway profiles preflight CHANGE"
    failed = ", ".join(each.field for each in errors)
    return f"the preflight failed ({failed}): correct what it names, then gateway profiles preflight CHANGE"


def _find_root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return type(error).__name__


def problem_titles(language: Language) -> dict[str, str]:
    """Return the title of each problem by its code."""
    vietnamese = language is Language.VI
    return {kind.code: row.title_vi if vietnamese else row.title for kind, row in PROBLEMS.items()}


def fail(reason: str) -> NoReturn:
    """Print one line on stderr and exit 1."""
    typer.echo(f"error: {reason}", err=True)
    raise typer.Exit(1)


def choose_form(written: str, **short: bool) -> str:
    """Return a report's form: that of `--format`, or of a short option such as `--json`. Raises `typer.BadParameter` for two."""
    forms = {name for name, given in short.items() if given} | ({written} - {"text"})
    if len(forms) > 1:
        raise typer.BadParameter(
            f"one form is expected, not {' and '.join(sorted(forms))}", param_hint="--format"
        )
    return forms.pop() if forms else written


def check_name(name: str) -> None:
    """Refuse an empty name, over 200 characters, control characters, and what could be a person's number."""
    if not 1 <= len(name.strip()) <= 200 or not name.isprintable():
        fail("NAME is 1 to 200 printable characters")
    if has_long_number(name.strip()):
        fail("NAME could contain a person's number: no run of nine digits, no 9 or 12 digits in groups")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as in `1 row` and `2 entries`."""
    plural = f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def print_result(value: Any, text: str, *, as_json: bool) -> None:
    """Print a value as JSON, or the text with the same content for people."""
    print_json(value) if as_json else typer.echo(text)


def print_list(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print rows as JSON with all members, or as a table with these columns."""
    if as_json:
        print_json(rows)
    else:
        header = [f"{each.upper()} (UTC)" if each.endswith("_at") else each.upper() for each in columns]
        shown = {each: in_minutes if each.endswith("_at") else str for each in columns}
        print_table(header, [[shown[each](row[each]) for each in columns] for row in rows])


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned columns within the terminal's width: 80 where there is none, or `COLUMNS`; no word is cut.

    Each row has the last column on a line below if a word of it does not fit beside the others; where little room is left, if a cell does not.
    """
    columns = shutil.get_terminal_size((COLUMNS, 24)).columns
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header) - 1)]
    room = columns - sum(widths) - 2 * len(widths)
    parts = [each for row in rows for each in (row[-1].split() if room >= 24 else [row[-1]])]
    below = bool(widths) and max(map(len, parts), default=0) > room
    for number, (*cells, last) in enumerate([header, *rows]):
        lead = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells, widths, strict=True))
        if below and last.strip() and (number or len(lead) + len(last) > columns):
            typer.echo(lead.rstrip())
            lead = "    "
        typer.echo("\n".join(_wrap(last, columns, lead, " " * len(lead))) or lead.rstrip())


def print_wrapped(text: str) -> None:
    """Print a text in lines of 80 columns; the rest of a longer line is indented further."""
    for line in text.splitlines():
        lead = " " * (len(line) - len(line.lstrip()))
        typer.echo("\n".join(_wrap(line.lstrip(), COLUMNS, lead, f"{lead}  ")))


def _wrap(text: str, columns: int, lead: str, below: str) -> list[str]:
    wrapper = textwrap.TextWrapper(columns, initial_indent=lead, subsequent_indent=below)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(text)


def read_json_file(path: Path) -> Any:
    """Return a JSON file's content; one line and exit 1 if it can't be read."""
    from gateway.bounded_files import read_bounded

    try:
        return json.loads(read_bounded(path).decode())
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (ValueError, RecursionError):
        fail(f"{path}: not a JSON file")


def read_lines(text: str) -> list[str]:
    """Return the lines that are not empty, without surrounding white space."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def read_stdin() -> str:
    """Return standard input as UTF-8."""
    return sys.stdin.buffer.read().decode("utf-8", errors="replace")


def read_secrets(*names: str, optional: str | None = None, ask: bool = False) -> list[str]:
    """Return one secret for each line of standard input, white space included; a terminal prompts with hidden input.

    `optional` is one more line, which may be missing; a terminal asks for it only with `ask`.
    """
    if sys.stdin.isatty():
        wanted = [*names, optional] if ask and optional else names
        return [typer.prompt(name, hide_input=True, err=True) for name in wanted]
    lines = [line.removesuffix("\r") for line in read_stdin().split("\n")]
    if optional is not None and len(lines) > len(names) and lines[len(names)]:
        names = (*names, optional)
    if len(lines) < len(names) or any(lines[len(names) :]) or not all(lines[: len(names)]):
        fail(f"standard input: {len(names)} lines are expected: {', '.join(names)}")
    return lines[: len(names)]
