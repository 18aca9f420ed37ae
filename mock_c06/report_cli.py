"""`mock-c06 report`: the report card of a run of a running mock. The token comes by setting, never by an argument."""

import json
from pathlib import Path
from typing import Annotated

import httpx
import typer

from mock_c06.errors import StartRefused
from mock_c06.settings import read_settings

_REASONS = {
    401: "the control face refuses the token: set MOCK_C06_CONTROL_TOKEN to the one that serve printed",
    404: "no such run there",
    422: "an account's name is 1 to 64 of A-Z a-z 0-9 . _ -",
}


def report_command(
    run: Annotated[str, typer.Option(help="The run to report on.")] = "default",
    account: Annotated[str | None, typer.Option(help="Only this account's calls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write it to this file as a page instead.")] = None,
    control: Annotated[str, typer.Option(help="The control face.")] = "http://127.0.0.1:8101",
) -> None:
    """Say what the client did right and wrong in a run of a serving mock.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 report --run default
      mock-c06 report --run morning --html card.html
    """
    form = "json" if as_json else "html" if html is not None else "text"
    narrow = {"account": account} if account else {}
    answer = _ask(control, run, {"format": form, **narrow})
    if as_json:
        print(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    elif html is None:
        print(answer.text, end="")
    else:
        try:
            html.write_text(answer.text, encoding="utf-8")
        except OSError as error:
            raise StartRefused(f"can't write {html}: {error.strerror}") from error


def _ask(control: str, run: str, narrow: dict[str, str]) -> httpx.Response:
    token = read_settings().control_token
    if token is None:
        raise StartRefused("set MOCK_C06_CONTROL_TOKEN to the token that serve printed")
    try:
        answer = httpx.get(
            f"{control.rstrip('/')}/runs/{run}/report",
            params=narrow,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            trust_env=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StartRefused(f"no control face answers at {control}") from error
    if answer.status_code != 200:
        reason = _REASONS.get(answer.status_code, f"it answered {answer.status_code}")
        raise StartRefused(f"run {run}: {reason}")
    return answer
