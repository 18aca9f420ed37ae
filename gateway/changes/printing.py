"""How commands show a change to people: words for states and members, what is shown once last."""

from typing import Any

import typer

from gateway.terminal import print_json


def print_change(change: dict[str, Any], *, as_json: bool) -> None:
    """Print a change for people, or as JSON."""
    if as_json:
        print_json(change)
        return
    typer.echo(f"change: {change['id']} ({change['kind']}, {change['profile'] or 'no profile'})")
    typer.echo(f"state: {change['state']}")
    for line in change["diff"]:
        indent(f"{line['member']}: {word(line['from'])} → {word(line['to'])}")
    typer.echo(f"diff_hash: {change['diff_hash']}")
    for name, value in change.get("shown_once", {}).items():
        typer.echo(f"{name}: {value}")


def word(value: object) -> str:
    """Return a member in words for people; `--json` has the exact form."""
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {word(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(map(word, value)) or "none"
    return str(value)


def indent(text: str) -> None:
    """Print a line that belongs to the one before."""
    typer.echo(f"      {text}")
