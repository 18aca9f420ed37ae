"""`mock-c06 record`, `report` and `journal export`: what a running mock knows of a run.

The control face's token is a setting, never an argument.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mock_c06.accounts.model import Environment
from mock_c06.commands.lines import print_wrapped
from mock_c06.errors import StartRefused

if TYPE_CHECKING:
    import httpx

CONTROL = "http://127.0.0.1:8101"
_SECONDS = 60
_REASONS = {404: "no such run: name another with --run; GET /runs of the control face lists them"}


def get_of_run(
    control: str, run: str, path: str, *, reasons: Mapping[int, str], params: Mapping[str, str] | None = None
) -> httpx.Response:
    """Get `/runs/{run}{path}`; `reasons` say what a status other than 200 means at this path."""
    import httpx

    from mock_c06.settings import read_settings

    token = read_settings().control_token
    if token is None:
        raise StartRefused("set MOCK_C06_CONTROL_TOKEN to the token that serve printed")
    try:
        answer = httpx.get(
            f"{control.rstrip('/')}/runs/{run}{path}",
            params=params,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=_SECONDS,
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _no_control_face(control) from error
    if answer.status_code == 404 and answer.headers.get("content-type") != "application/problem+json":
        raise _no_control_face(control)  # a registry face, the login, or another program
    if answer.status_code == 401:
        raise StartRefused(
            f"the control face at {control} refuses the token: set MOCK_C06_CONTROL_TOKEN to the one that its serve "
            "printed, or name another mock's control face with --control"
        )
    if answer.status_code != 200:
        reason = {**_REASONS, **reasons}.get(
            answer.status_code, f"the control face answered {answer.status_code}"
        )
        if answer.status_code == 404 and "no such account" in answer.text:
            reason = "no such account: mock-c06 accounts lists them"
        raise StartRefused(f"run {run}: {reason}")
    return answer


def _no_control_face(control: str) -> StartRefused:
    return StartRefused(
        f"no control face answers at {control}: start mock-c06 serve, or name with --control the address that it "
        "printed, such as http://127.0.0.1:8101"
    )


_NOT_RECORDED = {409: "the run has too many or too large answers to record"}
_WRONG_ACCOUNT = {422: "an account's name is 1 to 64 of A-Z a-z 0-9 . _ -"}


def record_command(
    run: Annotated[str, typer.Option(help="The run to record.")],
    out: Annotated[Path, typer.Option(help="The file to write.")],
    control: Annotated[str, typer.Option(help="The control face.")] = CONTROL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a run of a serving mock into one file, to be replayed elsewhere.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 record --run default --out morning.json
      mock-c06 replay morning.json
    """
    from mock_c06.control.recording_json import recording_text

    recording = get_of_run(control, run, "/recording", reasons=_NOT_RECORDED).json()
    _write(out, recording_text(recording))
    calls = len(recording["calls"])
    if as_json:
        told = {"run": run, "calls": calls, "sha256": recording["sha256"], "out": str(out)}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        print_wrapped(f"recorded: run {run}, {calls} calls, sha256 {recording['sha256'][:16]}, in {out}")


def report_command(
    run: Annotated[str, typer.Option(help="The run to report on.")] = "default",
    account: Annotated[str | None, typer.Option(help="Only this account's calls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write an HTML page to this file instead.")] = None,
    control: Annotated[str, typer.Option(help="The control face.")] = CONTROL,
) -> None:
    """Print what the client did right and wrong in a run of a serving mock.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 report --run default
      mock-c06 report --run morning --html card.html
    """
    if as_json and html is not None:
        raise typer.BadParameter("cannot be combined with --html", param_hint="--json")
    form = "json" if as_json else "html" if html is not None else "text"
    narrow = {"account": account} if account else {}
    answer = get_of_run(control, run, "/report", reasons=_WRONG_ACCOUNT, params={"format": form, **narrow})
    if as_json:
        print(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    elif html is None:
        print(answer.text, end="")
    else:
        _write(html, answer.text)


journal_app = typer.Typer(
    help="The provider's log of a run.\n\n\b\nExamples:\n  mock-c06 journal export > c06.json",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@journal_app.callback()
def _journal() -> None:
    pass


@journal_app.command("export", short_help="Print the log of a serving mock as a provider gives it.")
def export_command(
    run: Annotated[str, typer.Option(help="The run whose log is exported.")] = "default",
    account: Annotated[str | None, typer.Option(help="Only this account's calls.")] = None,
    environment: Annotated[Environment | None, typer.Option(help="Only this environment's calls.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write this file instead.")] = None,
    control: Annotated[str, typer.Option(help="The control face.")] = CONTROL,
    as_json: Annotated[bool, typer.Option("--json", help="The log is always JSON.")] = True,  # noqa: ARG001 - as elsewhere
) -> None:
    """Print the log of a serving mock as a provider gives it; numbers of people are masked.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 journal export > c06.json
      gateway audit reconcile --journal c06.json
    """
    narrow = {name: value for name, value in (("account", account), ("environment", environment)) if value}
    answer = get_of_run(control, run, "/journal", reasons=_WRONG_ACCOUNT, params=narrow)
    text = json.dumps({"run": run, "entries": answer.json()["entries"]}, ensure_ascii=False, indent=1) + "\n"
    if out is None:
        print(text, end="")
    else:
        _write(out, text)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartRefused(f"can't write {file}: {error.strerror}") from error
