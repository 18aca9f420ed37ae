"""How commands show changes to people, within 80 columns: words for states and members, what is shown once last."""

import textwrap
from typing import Any

import typer

from gateway.terminal import COLUMNS, print_json

_INDENT = " " * 6


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
    print_steps(change)
    for name, value in (change.get("shown_once") or {}).items():
        typer.echo(f"{name}: {value}")


def print_changes(changes: list[dict[str, Any]]) -> None:
    """Print changes, each with who did what to it."""
    for change in changes:
        typer.echo(
            f"{change['id']}  {change['kind']}, {change['profile'] or 'no profile'}: {change['state']}"
        )
        print_steps(change)


def print_steps(change: dict[str, Any]) -> None:
    """Print who did what to a change, and why it ended."""
    for act in ("proposed", "approved", "activated", "ended"):
        if change[f"{act}_by"] is not None:
            indent(f"{act} by {change[f'{act}_by']} at {change[f'{act}_at']}")
    if change["state"] == "active" and change["watch_until"] is not None:
        indent(f"watched until {change['watch_until']}")
    if change["reason"] is not None:
        indent(f"reason: {change['reason']}")


def word(value: object) -> str:
    """Return a member in words for people; `--json` has the exact form."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {word(inner)}" for name, inner in sorted(value.items())) or "none"
    if isinstance(value, list):
        return "; ".join(map(word, value)) or "none"
    return str(value)


def print_line(text: str) -> None:
    """Print a line that may be long: it goes on below itself."""
    typer.echo(textwrap.fill(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False))


def indent(text: str) -> None:
    """Print what belongs to the line before; a long one goes on below itself."""
    for line in textwrap.wrap(text, COLUMNS - len(_INDENT), subsequent_indent="  ", break_on_hyphens=False):
        typer.echo(f"{_INDENT}{line}")
