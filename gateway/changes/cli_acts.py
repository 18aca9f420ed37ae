"""The commands on changes: they call the API's use cases as the signed-in operator, and print the result.

Every act has an audit row with its operator. Output for people fits 80 columns; values that are shown once come last.
This file is loaded only when a command runs, since it loads the libraries for HTTP and XML.
"""

import re
import sys
import textwrap
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer
from joserfc.jwk import ECKey
from pydantic import BaseModel

from gateway.applications.issued import open_issued, read_issued_file, read_issuer_key
from gateway.changes import lifecycle
from gateway.changes.kind import PreflightOptions
from gateway.changes.model import Change
from gateway.changes.propose import propose_body, propose_revision
from gateway.changes.requests import ApprovalBody, ProposalBody, ReasonBody
from gateway.changes.responses import (
    shape_change,
    shape_one,
    shape_preflight,
    shape_profile,
    shape_revision,
    summarise_preflight,
)
from gateway.clock import today
from gateway.edge.requests import Body, parse_members
from gateway.edge.responses import Answer
from gateway.edge.strict_json import parse_object
from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import JsonInvalid, RequestInvalid
from gateway.identifiers import Profile
from gateway.operators.model import Operator
from gateway.operators.token_file import operator_of
from gateway.profiles.model import Gateway
from gateway.profiles.state import get_profile
from gateway.terminal import (
    COLUMNS,
    OpenGateway,
    find_id,
    print_json,
    print_table,
    read_json_file,
    rehearse,
    run,
)

Model = TypeVar("Model", bound=BaseModel)
Act = Callable[[Gateway, Operator], Awaitable[Answer]]
Read = Callable[[Gateway], Awaitable[Any]]

_LARGEST = 64 * 1024
"""Bytes of a file at most: the API's limit."""

_STEPS: Mapping[str, tuple[type[Body], Callable[..., Awaitable[Change]]]] = {
    "approve": (ApprovalBody, lifecycle.approve_change),
    "activate": (Body, lifecycle.activate_change),
    "reject": (ReasonBody, lifecycle.reject_change),
    "roll_back": (ReasonBody, lifecycle.roll_back_change),
}
"""The body of each step's request, and its use case."""

_WHERE = re.compile(r" \(at [a-z0-9, ]+\)")
_INDENT = " " * 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCommands:
    """The commands on profiles and changes; each prints its result."""

    open_gateway: OpenGateway
    as_json: bool
    dry_run: bool = False

    def list_profiles(self) -> None:
        """Print both profiles; needs no sign-in."""

        async def read(gateway: Gateway) -> list[dict[str, Any]]:
            return [_dump(shape_profile(await get_profile(gateway, profile))) for profile in gateway.places]

        found = self._read(read)
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
            found = await lifecycle.list_revisions(gateway, profile)
            revisions = [_dump(shape_revision(revision, state, on=on)) for revision, state in found]
            return _dump(shape_profile(await get_profile(gateway, profile))) | {"revisions": revisions}

        found = self._read(read)
        if self.as_json:
            print_json(found)
        else:
            _print_members(found)

    def show_change(self, change: str) -> None:
        """Print one change in its present state, with its last preflight for who approves it."""
        now: list[datetime] = []

        async def read(gateway: Gateway) -> dict[str, Any]:
            now.append(gateway.deps.clock.now())
            return _dump(shape_one(await lifecycle.get_change(gateway, await _find_change(gateway, change))))

        found = self._read(read)
        self._print_change(found, preflight=summarise_preflight(found, now[0]))

    def list_changes(self, profile: Profile | None) -> None:
        """Print a profile's changes, or all, each with its steps."""

        async def read(gateway: Gateway) -> list[dict[str, Any]]:
            found = await lifecycle.list_changes(gateway, profile)
            return [_dump(shape_change(change)) for change in found]

        found = self._read(read)
        if self.as_json:
            print_json(found)
            return
        for change in found:
            about = f"{change['kind']}, {change['profile'] or 'no profile'}"
            typer.echo(f"{change['id']}  {about}: {change['state']}")
            _print_steps(change)

    def propose_revision(self, profile: Profile, file: Path, application: str | None) -> None:
        """Propose the revision in a file; the file is read before the store is opened."""

        async def work() -> dict[str, Any]:
            revision = read_revision_file(file)
            members = {"kind": "activate_revision", "profile": profile.value, "revision": revision}
            return await self._as_operator(partial(_propose, members=members | {"application": application}))

        self._print_change(run(work()))

    def propose_issued(self, file: Path, issuer_key: Path | None) -> None:
        """Propose the account that C06 issued; its credentials are unsealed, sealed again and never printed."""

        async def work() -> dict[str, Any]:
            text = read_issued_file(file)
            key = None if issuer_key is None else read_issuer_key(read_json_file(issuer_key))
            return await self._as_operator(partial(_propose_issued, text=text, key=key))

        self._print_change(run(work()))

    def propose(self, members: Mapping[str, Any]) -> None:
        """Propose a change with these members of the API's body."""
        self._print_change(self._act(partial(_propose, members=members)))

    def preflight(self, change: str, *, login_only: bool) -> None:
        """Run a preflight of a change and print its lines; exit 1 if one fails."""
        from gateway.preflight.recorder import PreflightNetwork  # noqa: PLC0415 - loads the libraries for HTTP and XML
        from gateway.registry.egress import open_transport  # noqa: PLC0415 - as above

        async def act(gateway: Gateway, by: Operator) -> Answer:
            preflight_network = PreflightNetwork(open_transport=open_transport)
            options = PreflightOptions(
                preflight_network=preflight_network, actor=by.name, login_only=login_only
            )
            found = await _find_change(gateway, change)
            return shape_preflight(*await lifecycle.preflight_change(gateway, by, found, options))

        found = self._act(act)
        if self.as_json:
            print_json(found)
        else:
            for check in found["checks"]:
                typer.echo(f"{'pass' if check['passed'] else 'FAIL'}  {check['name']} ({check['ms']} ms)")
                _indent(check["detail"])
                if not check["passed"]:
                    _indent(f"remedy: {check['remedy']}")
            typer.echo(f"preflight: {'passed' if found['passed'] else 'failed'}; change: {found['state']}")
            typer.echo(f"diff_hash: {found['diff_hash']}")
        if not found["passed"]:
            raise typer.Exit(1)

    def take_step(self, step: str, change: str, **members: str | None) -> None:
        """Approve, activate, reject or roll back a change."""
        body, use_case = _STEPS[step]

        async def act(gateway: Gateway, by: Operator) -> Answer:
            found = await _find_change(gateway, change)
            if typed := members.get("diff_hash"):
                shown = (await lifecycle.get_change(gateway, found)).diff_hash
                members["diff_hash"] = find_id(typed, [shown] if shown else [])
            given = _parse(body, members, gateway).model_dump()
            return shape_change(await use_case(gateway, by, found, *given.values()))

        self._print_change(self._act(act))

    def suspend(self, profile: Profile, reason: str | None) -> None:
        """Suspend a profile."""

        async def act(gateway: Gateway, by: Operator) -> Answer:
            why = _parse(ReasonBody, {"reason": reason}, gateway).reason
            await lifecycle.suspend_profile(gateway, by, profile, why)
            return shape_profile(await get_profile(gateway, profile))

        found = self._act(act)
        if self.as_json:
            print_json(found)
        else:
            typer.echo(f"{profile.value} is suspended; gateway profiles resume {profile.value} ends it")

    def _read(self, read: Read) -> Any:
        async def work() -> Any:
            async with self.open_gateway() as gateway:
                return await read(gateway)

        return run(work())

    def _act(self, act: Act) -> dict[str, Any]:
        return run(self._as_operator(act))

    async def _as_operator(self, act: Act) -> dict[str, Any]:
        """Return the answer to an act of the signed-in operator."""
        async with self.open_gateway() as gateway:
            by = await operator_of(gateway)
            if self.dry_run:
                await rehearse(gateway, lambda rehearsing: act(rehearsing, by))
            return _dump(await act(gateway, by))

    def _print_change(self, change: dict[str, Any], *, preflight: Sequence[str] = ()) -> None:
        if self.as_json:
            print_json(change)
            return
        typer.echo(f"change: {change['id']} ({change['kind']}, {change['profile'] or 'no profile'})")
        typer.echo(f"state: {change['state']}")
        for number, line in enumerate(preflight):
            _print_line(line) if number == 0 else _indent(line)
        for line in change["diff"]:
            _indent(f"{line['member']}: {_word(line['from'])} → {_word(line['to'])}")
        typer.echo(f"diff_hash: {change['diff_hash']}")
        _print_steps(change)
        for name, value in (change.get("shown_once") or {}).items():
            typer.echo(f"{name}: {value}")


async def _find_change(gateway: Gateway, typed: str) -> str:
    """Return the id of the change that begins with what was typed."""
    return find_id(typed, [change.id for change in await lifecycle.list_changes(gateway, None)])


async def _propose(gateway: Gateway, by: Operator, *, members: Mapping[str, Any]) -> Answer:
    return shape_change(await propose_body(gateway, by, _parse(ProposalBody, members, gateway)))


async def _propose_issued(gateway: Gateway, by: Operator, *, text: str, key: ECKey | None) -> Answer:
    issued = await open_issued(gateway, text, issuer_key=key)
    change = await propose_revision(
        gateway,
        by,
        Profile.OFFICIAL,
        issued.members,
        application=issued.application,
        issuer_key=issued.issuer_key,
    )
    return shape_change(change)


def _parse(model: type[Model], members: Mapping[str, Any], gateway: Gateway) -> Model:
    return parse_members(model, dict(members), on=today(gateway.deps.clock))


def _dump(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", exclude_unset=True)


def read_revision_file(path: Path) -> dict[str, Any]:
    """Return a revision's members; `{file}` and `{stdin}` are replaced by the secrets that they refer to.

    Raises:
        SettingInvalid: the file, or a file that it names, can't be read; the error never repeats content.
    """
    document = _read_document(path)
    return {name: _fetch(value, name, path.parent) for name, value in document.items()}


def _fetch(value: Any, name: str, folder: Path) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"file"} and isinstance(value["file"], str):
        if text := _read_text(folder / value["file"], name).strip():
            return text
        raise SettingInvalid(f"{name}: {value['file']} is empty")
    if value == {"stdin": True}:
        if sys.stdin.isatty():
            return typer.prompt(name, hide_input=True, err=True)
        if line := _decode(sys.stdin.buffer.readline(_LARGEST), f"{name}: standard input").strip():
            return line
        raise SettingInvalid(f"{name}: a line on standard input is expected")
    return {inner: _fetch(each, f"{name}.{inner}", folder) for inner, each in value.items()}


def _read_document(path: Path) -> dict[str, Any]:
    text = _read_text(path, str(path))
    try:
        return parse_object(text.encode()) if path.suffix == ".json" else tomllib.loads(text)
    except (JsonInvalid, RequestInvalid):
        raise SettingInvalid(f"{path}: not one JSON object with distinct member names") from None
    except (ValueError, RecursionError) as error:
        where = _WHERE.search(str(error))  # only the position: the reason may repeat the text
        raise SettingInvalid(f"{path}: not TOML{where[0] if where else ''}") from None


def _read_text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:  # a ValueError for a name with a NUL
        raise SettingInvalid(f"{name}: {path} can't be read ({type(error).__name__})") from None
    if len(content) > _LARGEST:
        raise SettingInvalid(f"{name}: {path} is over 64 KiB")
    return _decode(content, f"{name}: {path}")


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingInvalid(f"{name} is not UTF-8 text") from None


def _print_members(found: dict[str, Any]) -> None:
    for name, value in found.items():
        if isinstance(value, list) and name == "revisions":
            typer.echo(f"{name}:")
            for each in value:
                typer.echo(f"  {each['number']} {each['state']} (by {each['proposed_by']})")
                for member, inner in each["members"].items():
                    _indent(f"{member}: {_word(inner)}")
        elif isinstance(value, dict):
            typer.echo(f"{name}:")
            for member, inner in value.items():
                _indent(f"{member}: {_word(inner)}")
        else:
            _print_line(f"{name}: {_word(value)}")


def _print_steps(change: dict[str, Any]) -> None:
    """Print the steps of a change, and why it ended."""
    for step in ("proposed", "approved", "activated", "ended"):
        if change[f"{step}_by"] is not None:
            _indent(f"{step} by {change[f'{step}_by']} at {change[f'{step}_at']}")
    if change["state"] == "active" and change["watch_until"] is not None:
        _indent(f"watched until {change['watch_until']}")
    if change["reason"] is not None:
        _indent(f"reason: {change['reason']}")


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


def _indent(text: str) -> None:
    """Print an indented line, wrapped at 80 columns."""
    for line in textwrap.wrap(text, COLUMNS - len(_INDENT), subsequent_indent="  ", break_on_hyphens=False):
        typer.echo(f"{_INDENT}{line}")
