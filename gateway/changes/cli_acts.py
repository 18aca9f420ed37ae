"""The commands on changes: they call the API's use cases as the signed-in operator, and print the result.

Every act has an audit row with its operator; `cli_reads.py` has what needs no sign-in, and prints.
This file is loaded only when a command runs, since it loads the libraries for HTTP and XML.
"""

import re
import sys
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import typer
from joserfc.jwk import ECKey
from pydantic import BaseModel

from gateway.applications.issued import open_issued, read_issued_file, read_issuer_key
from gateway.applications.store import list_hashes
from gateway.bounded_files import LARGEST, FileTooLarge, read_bounded
from gateway.changes import lifecycle
from gateway.changes.cli_reads import ReadCommands, dump, find_change, indent
from gateway.changes.kind import PreflightOptions
from gateway.changes.model import Change
from gateway.changes.propose import propose_body, propose_revision
from gateway.changes.requests import ApprovalBody, ProposalBody, ReasonBody
from gateway.changes.responses import ProfileAnswer, shape_change, shape_preflight
from gateway.clock import today
from gateway.edge.requests import Body, parse_members
from gateway.edge.responses import Answer
from gateway.edge.strict_json import parse_object
from gateway.errors.operators import SettingInvalid
from gateway.errors.requests import JsonInvalid, RequestInvalid
from gateway.identifiers import Profile, has_long_number
from gateway.operators.model import Operator
from gateway.operators.sessions import operator_of
from gateway.preflight.report import NOT_TRIED
from gateway.profiles.model import Gateway
from gateway.profiles.state import describe_profile
from gateway.registry.connection import ConnectionMembers
from gateway.terminal import (
    fail,
    find_id,
    print_json,
    read_json_file,
    rehearse,
    run,
)

Model = TypeVar("Model", bound=BaseModel)
Act = Callable[[Gateway, Operator], Awaitable[Answer]]

_STEPS: Mapping[str, tuple[type[Body], Callable[..., Awaitable[Change]]]] = {
    "approve": (ApprovalBody, lifecycle.approve_change),
    "activate": (Body, lifecycle.activate_change),
    "reject": (ReasonBody, lifecycle.reject_change),
    "roll_back": (ReasonBody, lifecycle.roll_back_change),
}
"""The body of each step's request, and its use case."""

_WHERE = re.compile(r" \(at [a-z0-9, ]+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCommands(ReadCommands):
    """The commands on profiles and changes; each prints its result."""

    def propose_revision(self, profile: Profile, file: Path, application: str | None) -> None:
        """Propose the revision in a file; the file is read before the store is opened."""

        async def work() -> dict[str, Any]:
            revision = read_revision_file(file)
            members = {"kind": "activate_revision", "profile": profile.value, "revision": revision}
            return await self._as_operator(
                partial(_propose_for_application, members=members, application=application)
            )

        self.print_change(run(work()))

    def propose_issued(self, file: Path, issuer_key: Path | None) -> None:
        """Propose the account that C06 issued; its credentials are unsealed, sealed again and never printed."""

        async def work() -> dict[str, Any]:
            text = read_issued_file(file)
            key = None if issuer_key is None else read_issuer_key(read_json_file(issuer_key))
            return await self._as_operator(partial(_propose_issued, text=text, key=key))

        self.print_change(run(work()))

    def propose(self, members: Mapping[str, Any]) -> None:
        """Propose a change with these members of the API's body."""
        self.print_change(self._act(partial(_propose, members=members)))

    def preflight(self, change: str, *, login_only: bool) -> None:
        """Run a preflight of a change and print its lines; exit 1 if one fails."""
        from gateway.preflight.recorder import PreflightNetwork  # noqa: PLC0415 - loads the libraries for HTTP and XML
        from gateway.registry.egress import open_transport  # noqa: PLC0415 - as above

        async def act(gateway: Gateway, by: Operator) -> Answer:
            preflight_network = PreflightNetwork(open_transport=open_transport)
            options = PreflightOptions(
                preflight_network=preflight_network, actor=by.name, login_only=login_only
            )
            found = await _find(gateway, change)
            return shape_preflight(*await lifecycle.preflight_change(gateway, by, found, options))

        found = self._act(act)
        if self.as_json:
            print_json(found)
        else:
            for check in found["checks"]:
                skipped = check["detail"].startswith(NOT_TRIED)
                verdict = "pass" if check["passed"] else "skip" if skipped else "FAIL"
                typer.echo(f"{verdict}  {check['name']} ({check['ms']} ms)")
                indent(check["detail"])
                if verdict == "FAIL":
                    indent(f"remedy: {check['remedy']}")
            typer.echo(f"preflight: {'passed' if found['passed'] else 'failed'}; change: {found['state']}")
            typer.echo(f"diff_hash: {found['diff_hash']}")
        if not found["passed"]:
            raise typer.Exit(1)

    def take_step(self, step: str, change: str, **members: str | None) -> None:
        """Approve, activate, reject or roll back a change."""
        body, use_case = _STEPS[step]

        async def act(gateway: Gateway, by: Operator) -> Answer:
            found = await _find(gateway, change)
            if typed := members.get("diff_hash"):
                shown = (await lifecycle.get_change(gateway, found)).diff_hash
                members["diff_hash"] = find_id(typed, [shown] if shown else [])
                if len(typed) < len(shown) and members["diff_hash"] != shown:
                    fail(
                        f"diff_hash: {typed} is not this change's: read gateway profiles show {change} again"
                    )
            given = _parse(body, members, gateway).model_dump()
            return shape_change(await use_case(gateway, by, found, *given.values()))

        self.print_change(self._act(act))

    def suspend(self, profile: Profile, reason: str | None) -> None:
        """Suspend a profile."""

        async def act(gateway: Gateway, by: Operator) -> Answer:
            why = _parse(ReasonBody, {"reason": reason}, gateway).reason
            await lifecycle.suspend_profile(gateway, by, profile, why)
            return ProfileAnswer.model_validate(await describe_profile(gateway, profile))

        found = self._act(act)
        if self.as_json:
            print_json(found)
        else:
            typer.echo(f"{profile.value} is suspended; gateway profiles resume {profile.value} ends it")

    def _act(self, act: Act) -> dict[str, Any]:
        return run(self._as_operator(act))

    async def _as_operator(self, act: Act) -> dict[str, Any]:
        """Return the answer to an act of the signed-in operator."""
        async with self.open_gateway() as gateway:
            by = await operator_of(gateway)
            if self.dry_run:
                await rehearse(gateway, lambda rehearsing: act(rehearsing, by), as_json=self.as_json)
            return dump(await act(gateway, by))


async def _find(gateway: Gateway, typed: str) -> str:
    async with gateway.deps.database.read() as transaction:
        return await find_change(transaction, typed)


async def _propose_for_application(
    gateway: Gateway, by: Operator, *, members: Mapping[str, Any], application: str | None
) -> Answer:
    if application is not None:
        async with gateway.deps.database.read() as transaction:
            application = find_id(application, await list_hashes(transaction))
    return await _propose(gateway, by, members={**members, "application": application})


async def _propose(gateway: Gateway, by: Operator, *, members: Mapping[str, Any]) -> Answer:
    return shape_change(await propose_body(gateway, by, _parse(ProposalBody, members, gateway)))


async def _propose_issued(gateway: Gateway, by: Operator, *, text: str, key: ECKey | None) -> Answer:
    members, application = await open_issued(gateway, text, issuer_key=key)
    thumbprint = None if key is None else key.thumbprint()
    change = await propose_revision(
        gateway, by, Profile.OFFICIAL, members, application=application, issuer_key=thumbprint
    )
    return shape_change(change)


def _parse(model: type[Model], members: Mapping[str, Any], gateway: Gateway) -> Model:
    return parse_members(model, dict(members), on=today(gateway.deps.clock))


_TEXTS = frozenset({"c06_secret", "ngsp_key", "ngsp_secret", "client_certificate", "client_key"})
"""Members of a revision that are text, and usually come from a file."""


def read_revision_file(path: Path) -> dict[str, Any]:
    """Return a revision's members; `{file}` and `{stdin}` are replaced by the secrets that they refer to.

    Raises:
        SettingInvalid: the file, or a file that it names, can't be read, or has an unknown member; the error never repeats a value.
    """
    document = _read_document(path)
    for name in sorted(document.keys() - ConnectionMembers.model_fields.keys()):
        # Other names may be a person's number: the API then refuses them by their position.
        if name.isidentifier() and not has_long_number(name):
            raise SettingInvalid(
                f"{path}: {name}: a revision has no such member; docs/go-official.md lists them"
            )
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
        if line := _decode(sys.stdin.buffer.readline(LARGEST), f"{name}: standard input").strip():
            return line
        raise SettingInvalid(f"{name}: a line on standard input is expected")
    if name in _TEXTS:
        raise SettingInvalid(f"{name}: text, {{file = PATH}} or {{stdin = true}} is expected")
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
        content = read_bounded(path)
    except FileTooLarge:
        raise SettingInvalid(f"{name}: {path} is over 64 KiB") from None
    except OSError as error:
        whose = "" if name == str(path) else f"{name}: "
        raise SettingInvalid(f"{whose}{path}: can't be read ({error.strerror})") from None
    return _decode(content, f"{name}: {path}")


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingInvalid(f"{name} is not UTF-8 text") from None
