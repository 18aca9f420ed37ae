"""The commands that read profiles and changes, and print them. They load no library for HTTP or XML, as the acts do.

Output for people fits 80 columns; values that are shown once come last.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from gateway.changes import store
from gateway.changes.responses import (
    shape_change,
    shape_one,
    shape_revision,
    summarise_preflight,
)
from gateway.clock import today
from gateway.errors.requests import NotFound
from gateway.profiles.state import describe_profile
from gateway.terminal import (
    COLUMNS,
    OpenGateway,
    find_id,
    print_json,
    print_table,
    run_in_gateway,
    run_in_store,
)

if TYPE_CHECKING:
    from gateway.edge.responses import Answer
    from gateway.identifiers import Profile
    from gateway.profiles.model import Gateway
    from gateway.storage.database import Transaction

_INDENT = " " * 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCommands:
    """The commands that read; each prints its result."""

    open_gateway: OpenGateway
    as_json: bool
    dry_run: bool = False

    def list_profiles(self) -> None:
        """Print both profiles; needs no sign-in."""

        async def read(gateway: Gateway) -> list[dict[str, Any]]:
            return [await describe_profile(gateway, profile) for profile in gateway.places]

        found = run_in_gateway(self.open_gateway, read)
        if self.as_json:
            print_json(found)
            return
        for each in found:
            each["days_left"] = "no end known" if each["days_left"] is None else each["days_left"]
        columns = ("profile", "state", "active", "former", "days_left", "registry_url")
        print_table(
            [name.upper() for name in columns], [[_word(each[name]) for name in columns] for each in found]
        )
        for each in found:
            if each["warning"]:
                _print_line(f"warning: {each['profile']}: {each['warning']}")

    def show_profile(self, profile: Profile) -> None:
        """Print one profile with its revisions."""

        async def read(gateway: Gateway) -> dict[str, Any]:
            on = today(gateway.deps.clock)
            async with gateway.deps.database.read() as transaction:
                found = await store.list_revisions(transaction, profile)
            revisions = [dump(shape_revision(revision, state, on=on)) for revision, state in found]
            return await describe_profile(gateway, profile) | {"revisions": revisions}

        found = run_in_gateway(self.open_gateway, read)
        if self.as_json:
            print_json(found)
        else:
            _print_members(found)

    def show_change(self, change: str) -> None:
        """Print one change in its present state, with its last preflight for who approves it."""

        async def read(transaction: Transaction) -> dict[str, Any]:
            found = await store.find_change(transaction, await find_change(transaction, change))
            if found is None:
                raise NotFound
            return dump(shape_one(found))

        found = run_in_store(self.open_gateway, read)
        self.print_change(found, preflight=summarise_preflight(found, self.open_gateway.clock.now()))

    def list_changes(self, profile: Profile | None) -> None:
        """Print a profile's changes, or all, each with its steps."""

        changes = run_in_store(self.open_gateway, partial(store.list_changes, profile=profile))
        found = [dump(shape_change(change)) for change in changes]
        if self.as_json:
            print_json(found)
            return
        if not found:
            typer.echo("no changes")
        for change in found:
            about = f"{change['kind']}, {change['profile'] or 'no profile'}"
            typer.echo(f"{change['id']}  {about}: {change['state']}")
            _print_steps(change)

    def print_change(self, change: dict[str, Any], *, preflight: Sequence[str] = ()) -> None:
        """Print a change with its diff, steps, and what is shown once."""
        if self.as_json:
            print_json(change)
            return
        typer.echo(f"change: {change['id']} ({change['kind']}, {change['profile'] or 'no profile'})")
        typer.echo(f"state: {change['state']}")
        for number, line in enumerate(preflight):
            _print_line(line) if number == 0 else indent(line)
        for line in change["diff"]:
            indent(f"{line['member']}: {_word(line['from'])} → {_word(line['to'])}")
        typer.echo(f"diff_hash: {change['diff_hash']}")
        _print_steps(change)
        for name, value in (change.get("shown_once") or {}).items():
            typer.echo(f"{name}: {value}")


async def find_change(transaction: Transaction, typed: str) -> str:
    """Return the id of the change that begins with what was typed."""
    return find_id(typed, [change.id for change in await store.list_changes(transaction)])


def dump(answer: Answer) -> dict[str, Any]:
    """Return an answer as the API's JSON has it."""
    return answer.model_dump(mode="json", exclude_unset=True)


def _print_members(found: dict[str, Any]) -> None:
    for name, value in found.items():
        if isinstance(value, list) and name == "revisions":
            typer.echo(f"{name}:")
            for each in value:
                typer.echo(f"  {each['number']} {each['state']} (by {each['proposed_by']})")
                for member, inner in each["members"].items():
                    indent(f"{member}: {_word(inner)}")
        elif isinstance(value, dict):
            typer.echo(f"{name}:")
            for member, inner in value.items():
                indent(f"{member}: {_word(inner)}")
        else:
            _print_line(f"{name}: {_word(value)}")


def _print_steps(change: dict[str, Any]) -> None:
    """Print the steps of a change, and why it ended."""
    for step in ("proposed", "approved", "activated", "ended"):
        if change[f"{step}_by"] is not None:
            indent(f"{step} by {change[f'{step}_by']} at {change[f'{step}_at']}")
    if change["state"] == "active" and change["watch_until"] is not None:
        indent(f"watched until {change['watch_until']}")
    if change["reason"] is not None:
        indent(f"reason: {change['reason']}")


def _word(value: object) -> str:
    """Return a value as text for people; `--json` has the exact form."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_word(inner)}" for name, inner in sorted(value.items())) or "none"
    if isinstance(value, list):
        return "; ".join(map(_word, value)) or "none"
    return str(value)


def _print_line(text: str) -> None:
    """Print a line, wrapped at 80 columns."""
    typer.echo(textwrap.fill(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False))


def indent(text: str) -> None:
    """Print an indented line, wrapped at 80 columns."""
    for line in textwrap.wrap(text, COLUMNS - len(_INDENT), subsequent_indent="  ", break_on_hyphens=False):
        typer.echo(f"{_INDENT}{line}")
