"""`mock-c06 report`: the report card of a run of a running mock. The token comes by setting, never by an argument."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mock_c06.asking_control import CONTROL, get_of_run
from mock_c06.errors import StartRefused

_REASONS = {422: "an account's name is 1 to 64 of A-Z a-z 0-9 . _ -"}


def report_command(
    run: Annotated[str, typer.Option(help="The run to report on.")] = "default",
    account: Annotated[str | None, typer.Option(help="Only this account's calls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write it to this file as a page instead.")] = None,
    control: Annotated[str, typer.Option(help="The control face.")] = CONTROL,
) -> None:
    """Say what the client did right and wrong in a run of a serving mock.

    \b
    Examples:
      export MOCK_C06_CONTROL_TOKEN=...   # as serve printed it
      mock-c06 report --run default
      mock-c06 report --run morning --html card.html
    """
    if as_json and html is not None:
        raise typer.BadParameter("is another form than --html: ask for one", param_hint="--json")
    form = "json" if as_json else "html" if html is not None else "text"
    narrow = {"account": account} if account else {}
    answer = get_of_run(control, run, "/report", reasons=_REASONS, params={"format": form, **narrow})
    if as_json:
        print(json.dumps(answer.json(), ensure_ascii=False, indent=2))
    elif html is None:
        print(answer.text, end="")
    else:
        try:
            html.write_text(answer.text, encoding="utf-8")
        except OSError as error:
            raise StartRefused(f"can't write {html}: {error.strerror}") from error
