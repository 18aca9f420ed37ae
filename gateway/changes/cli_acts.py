"""What the commands on profiles do: the same use cases as the API's, as the operator who is signed in here.

Nothing is changed behind the API's back: each act names its operator, and what root on the host could do all the
same would lack these rows in the evidence.
"""

import re
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer
from pydantic import BaseModel

from gateway.applications.issued import open_issued, read_issued_file, read_issuer_key
from gateway.changes import reading, use_cases
from gateway.changes.answers import shape_change, shape_one, shape_preflight, shape_profile, shape_revision
from gateway.changes.bodies import ApprovalBody, ProposalBody, ReasonBody
from gateway.changes.proposals import propose_body
from gateway.changes.propose import propose_revision
from gateway.changes.suspend import suspend_profile
from gateway.changes.trial import Trial
from gateway.clock import today
from gateway.edge.answers import Answer
from gateway.edge.bodies import parse_members
from gateway.edge.strict_json import parse_object
from gateway.errors.commands import SettingInvalid
from gateway.errors.requests import JsonInvalid, RequestInvalid
from gateway.operators.model import Operator
from gateway.operators.token_file import operator_of
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.registry.probe_model import WayOut
from gateway.registry.transport import open_transport
from gateway.terminal import OpenGateway, read_json_file

Model = TypeVar("Model", bound=BaseModel)

_LARGEST = 64 * 1024
"""How many bytes a file may have: what the API takes."""

_WHERE = re.compile(r" \(at [a-z0-9, ]+\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acts:
    """One command's acts."""

    open_gateway: OpenGateway

    @asynccontextmanager
    async def _acting(self) -> AsyncIterator[tuple[Gateway, Operator]]:
        """Open the gateway for whoever is signed in here."""
        async with self.open_gateway() as gateway:
            yield gateway, await operator_of(gateway)

    async def list_profiles(self) -> list[dict[str, Any]]:
        """Return both profiles; no sign-in is needed to see how they are."""
        async with self.open_gateway() as gateway:
            return [_dump(shape_profile(view)) for view in await reading.list_profiles(gateway)]

    async def show_profile(self, profile: Profile) -> dict[str, Any]:
        """Return one with its revisions."""
        async with self.open_gateway() as gateway:
            view = await reading.get_profile(gateway, profile)
            revisions = await reading.list_revisions(gateway, profile)
        shown = [_dump(shape_revision(each.revision, each.state, each.days_left)) for each in revisions]
        return _dump(shape_profile(view)) | {"revisions": shown}

    async def show_change(self, change: str) -> dict[str, Any]:
        """Return one change as it is now."""
        async with self.open_gateway() as gateway:
            return _dump(shape_one(await use_cases.get_change(gateway, change)))

    async def list_changes(self, profile: Profile | None) -> list[dict[str, Any]]:
        """Return a profile's changes, or all."""
        async with self.open_gateway() as gateway:
            return [_dump(shape_change(change)) for change in await reading.list_changes(gateway, profile)]

    async def propose_revision(self, profile: Profile, file: Path, application: str | None) -> dict[str, Any]:
        """Propose what a file says. Raises `SettingInvalid` where it can't be read."""
        body: dict[str, Any] = {
            "kind": "activate_revision",
            "profile": profile.value,
            "revision": read_revision_file(file),
        }
        return await self.propose(body if application is None else body | {"application": application})

    async def propose_issued(self, file: Path, issuer_key: Path | None) -> dict[str, Any]:
        """Propose the account that C06 issued: its credentials go from one seal into the other."""
        text = read_issued_file(file)
        key = None if issuer_key is None else read_issuer_key(read_json_file(issuer_key))
        async with self._acting() as (gateway, by):
            issued = await open_issued(gateway, text, issuer_key=key)
            change = await propose_revision(
                gateway,
                by,
                Profile.OFFICIAL,
                issued.members,
                application=issued.application,
                issuer_key=issued.issuer_key,
            )
            return _dump(shape_change(change))

    async def propose(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Propose what a body says."""
        async with self._acting() as (gateway, by):
            body = _parse(ProposalBody, members, gateway.parts.clock)
            return _dump(shape_change(await propose_body(gateway, by, body)))

    async def preflight(self, change: str, *, login_only: bool) -> dict[str, Any]:
        """Try a change outside of service."""
        async with self._acting() as (gateway, by):
            way_out = WayOut(open_transport=open_transport)
            trial = Trial(way_out=way_out, actor=by.name, login_only=login_only)
            return _dump(shape_preflight(*await use_cases.preflight_change(gateway, by, change, trial)))

    async def approve(self, change: str, diff_hash: str) -> dict[str, Any]:
        """Approve a diff."""
        async with self._acting() as (gateway, by):
            seen = _parse(ApprovalBody, {"diff_hash": diff_hash}, gateway.parts.clock).diff_hash
            return _dump(shape_change(await use_cases.approve_change(gateway, by, change, seen)))

    async def activate(self, change: str) -> dict[str, Any]:
        """Let a change happen; what is shown once is in it."""
        async with self._acting() as (gateway, by):
            done = await use_cases.activate_change(gateway, by, change)
            return _dump(shape_change(done.change, done))

    async def reject(self, change: str, reason: str | None) -> dict[str, Any]:
        """End a proposal."""
        async with self._acting() as (gateway, by):
            why = _reason(reason, gateway)
            return _dump(shape_change(await use_cases.reject_change(gateway, by, change, why)))

    async def roll_back(self, change: str, reason: str | None) -> dict[str, Any]:
        """Return to the former revision."""
        async with self._acting() as (gateway, by):
            why = _reason(reason, gateway)
            return _dump(shape_change(await use_cases.roll_back_change(gateway, by, change, why)))

    async def suspend(self, profile: Profile, reason: str | None) -> dict[str, Any]:
        """Suspend a profile."""
        async with self._acting() as (gateway, by):
            await suspend_profile(gateway, by, profile, _reason(reason, gateway))
            return _dump(shape_profile(await reading.get_profile(gateway, profile)))


def read_revision_file(path: Path) -> dict[str, Any]:
    """Return a revision's members; `{file}` and `{stdin}` give way to the secrets that they name.

    Raises:
        SettingInvalid: the file, or one that it names, can't be read; says which, never what is in it.
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
        where = _WHERE.search(str(error))  # the place alone: the reason may repeat what stands there
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


def _reason(text: str | None, gateway: Gateway) -> str | None:
    return _parse(ReasonBody, {"reason": text}, gateway.parts.clock).reason


def _parse(model: type[Model], members: Mapping[str, Any], clock: Any) -> Model:
    return parse_members(model, dict(members), on=today(clock))


def _dump(answer: Answer) -> dict[str, Any]:
    return answer.model_dump(mode="json", exclude_unset=True)
