"""`gateway keys`: list and rotate keys. Never prints a key."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.clock import in_minutes, rfc3339
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    end_dry_run,
    fail,
    find_id,
    new_typer,
    print_json,
    print_result,
    print_table,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.keys.model import AuditKeys, Key, KeyState
    from gateway.profiles.key_rotation import MasterRotation, Rotation
    from gateway.profiles.model import Gateway

_ROTATE_HELP = """Make a new key of a purpose, without stopping anything.

Running workers know it within a second. It is used after three minutes, when
every cached key set has it; after a leak, in two seconds. Once there are
operators, only a signed-in admin rotates official's keys, the audit's keys
(checkpoint, evidence) and the master key; anyone on the host rotates the
sandbox's (--profile sandbox).

\b
token        signs access tokens; the old one is accepted until its last
             token has expired
receipt      signs receipts; the old one stays accepted, as receipts are
             evidence
lookup       finds claims; the old one is used as long as a row needs it
pseudonym    replaces numbers of citizens in the audit; used at once; the old
             one still finds the rows under it, so no ledger is split
data         seals claims and notes; the old one opens what it sealed
credential   digests of client secrets and sessions; the old one stays valid
idempotency  finds kept answers; the old one is used for 25 hours
issuance     opens what C06 issues; used at once; the old one opens what C06
             sealed to it
application  signs applications for the official account; used at once
checkpoint   signs the audit's checkpoints; the old one signs too for 30 days
evidence     authenticates the audit's entries; used at once
master       seals all the others, which are resealed at once
"""
_ROTATE_EXAMPLES = """\b
Examples:
  gateway keys rotate token
  gateway keys rotate receipt --profile official --leaked key_…
  gateway keys rotate master
  gateway keys rotate master --new-key-file new.key"""


class Rotated(StrEnum):
    """The keys that can be rotated."""

    TOKEN = "token"  # noqa: S105 - a purpose's name
    RECEIPT = "receipt"
    LOOKUP = "lookup"
    PSEUDONYM = "pseudonym"
    DATA = "data"
    CREDENTIAL = "credential"
    IDEMPOTENCY = "idempotency"
    ISSUANCE = "issuance"
    APPLICATION = "application"
    CHECKPOINT = "checkpoint"
    EVIDENCE = "evidence"
    MASTER = "master"


_OF_THE_AUDIT = {Rotated.CHECKPOINT, Rotated.EVIDENCE}


Leaked = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KID",
        help="End this key (8 characters are enough) and what it made; not for pseudonym, data, master. "
        "Repeat for more.",
    ),
]
NewKeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Only for a master key in a setting: 32 bytes, base64url."),
]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on keys."""
    app = new_typer("Keys of every purpose: list them, rotate one, end a leaked one.")

    @app.command("list", epilog="Example: gateway keys list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the keys of both profiles by purpose, each with its state.

        coming: not in use yet. serving: in use. accepted: what it made is still valid. retired: no longer valid.
        """

        from gateway.keys.model import AUDIT_PURPOSES

        async def read(gateway: Gateway) -> list[tuple[Key, KeyState]]:
            async with gateway.deps.database.read() as transaction:
                audit = [await gateway.vault.read_audit_keys(transaction, each) for each in AUDIT_PURPOSES]
            return _list_keys(gateway, audit)

        _print_keys(run_in_gateway(open_gateway, read), as_json=as_json)

    _add_make_master(app)

    @app.command("rotate", help=_ROTATE_HELP, epilog=_ROTATE_EXAMPLES)
    def rotate(
        purpose: Annotated[Rotated, typer.Argument(metavar="PURPOSE", help="One of the purposes above.")],
        profile: Annotated[
            Profile | None, typer.Option(help="Only this profile's key; default: both.")
        ] = None,
        leaked: Leaked = None,
        new_key_file: NewKeyFile = None,
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from gateway.keys.model import Purpose
        from gateway.operators.sessions import find_actor
        from gateway.profiles.key_rotation import rotate_audit_key, rotate_keys

        _check_usage(purpose, profile, leaked or [], new_key_file)
        if purpose is Rotated.MASTER:
            _print_master(
                _rotate_master(open_gateway, new_key_file, dry_run=dry_run, as_json=as_json), as_json=as_json
            )
            return

        async def work(gateway: Gateway) -> list[Rotation]:
            wanted, ended = Purpose(purpose.value), await _find_kids(gateway, leaked or [])
            if purpose in _OF_THE_AUDIT:
                by = await find_actor(gateway)
                return [await rotate_audit_key(gateway, wanted, leaked=ended, by=by)]
            profiles = list(Profile) if profile is None else [profile]
            by = None if profile is Profile.SANDBOX else await find_actor(gateway)
            return await rotate_keys(gateway, wanted, profiles, leaked=ended, by=by)

        _print_rotations(
            run_in_gateway(open_gateway, work, dry_run=dry_run, as_json=as_json), as_json=as_json
        )

    return app


async def _find_kids(gateway: Gateway, typed: Sequence[str]) -> list[str]:
    from gateway.keys.store import list_kids

    async with gateway.deps.database.read() as transaction:
        known = await list_kids(transaction)
    return [find_id(each, known) for each in typed]


def _add_make_master(app: typer.Typer) -> None:
    @app.command("make-master", epilog="Example: gateway keys make-master /run/secrets/master.key")
    def make_master(
        file: Annotated[
            Path | None,
            typer.Argument(metavar="FILE", help="A new file, for its owner only; else the key is printed."),
        ] = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        """Make a master key for GATEWAY_MASTER_KEY_FILE: 32 random bytes, base64url. Changes no store."""
        from gateway.keys.sealing import new_key
        from gateway.private_files import temporary_beside

        text = base64.urlsafe_b64encode(new_key()).decode().rstrip("=")
        if file is None:
            print_result({"master_key": text}, text, as_json=as_json)
            return
        try:
            with temporary_beside(file, f"{text}\n", personal=True) as whole:
                os.link(whole, file)  # a part of a key never has the name, and no file is replaced
        except OSError as error:
            fail(f"{file}: can't be made ({error.strerror})")
        told = f"made: {file}\nkeep a copy apart from the backups: without it no backup can be read"
        print_result({"file": str(file)}, told, as_json=as_json)


def _check_usage(
    purpose: Rotated, profile: Profile | None, leaked: list[str], new_key_file: Path | None
) -> None:
    """Raise `typer.BadParameter` for an option that the purpose doesn't have."""
    if leaked and purpose in {Rotated.PSEUDONYM, Rotated.DATA, Rotated.MASTER}:
        raise typer.BadParameter(f"a {purpose.value} key can't be ended: docs/keys.md", param_hint="--leaked")
    if profile is not None and purpose in {*_OF_THE_AUDIT, Rotated.MASTER}:
        raise typer.BadParameter(f"both profiles share the {purpose.value} key", param_hint="--profile")
    if new_key_file is not None and purpose is not Rotated.MASTER:
        raise typer.BadParameter("only the master key can be read from a file", param_hint="--new-key-file")


def _rotate_master(
    open_gateway: OpenGateway, new_key_file: Path | None, *, dry_run: bool, as_json: bool
) -> MasterRotation:
    from gateway.keys.vault import read_master_key_file
    from gateway.operators.sessions import find_actor
    from gateway.profiles.key_rotation import rotate_master

    try:
        given = None if new_key_file is None else read_master_key_file(new_key_file)
    except SettingInvalid as error:
        fail(str(error))

    async def work(gateway: Gateway) -> MasterRotation:
        made = await rotate_master(gateway, given=given, by=await find_actor(gateway), rehearsal=dry_run)
        if dry_run:
            end_dry_run(
                f"{made.resealed} keys and secrets would be resealed", "master_key_rotated", as_json=as_json
            )
        return made

    return run_in_gateway(open_gateway, work, dry_run=dry_run, as_json=as_json)


def _list_keys(gateway: Gateway, audit: Sequence[AuditKeys]) -> list[tuple[Key, KeyState]]:
    now = gateway.deps.clock.now()
    found = [
        (key, place.keys.state_of(key, now)) for place in gateway.places.values() for key in place.keys.keys
    ]
    found += [(key, each.state_of(key, now)) for each in audit for key in reversed(each.keys)]
    return found


def _profile(key: Key) -> str:
    return "both" if key.profile is None else key.profile.value


def _print_keys(found: list[tuple[Key, KeyState]], *, as_json: bool) -> None:
    if not as_json:
        rows = [
            (key.kid, _profile(key), key.purpose.value, state.value, in_minutes(rfc3339(key.serves_from)))
            for key, state in found
        ]
        print_table(("KID", "PROFILE", "PURPOSE", "STATE", "FROM (UTC)"), rows)
        return
    members = [
        {
            "kid": key.kid,
            "profile": _profile(key),
            "purpose": key.purpose.value,
            "serial": key.serial,
            "state": state.value,
            "created_at": rfc3339(key.created_at),
            "serves_from": rfc3339(key.serves_from),
            "accepted_until": _time(key.accepted_until),
        }
        for key, state in found
    ]
    print_json(members)


def _print_rotations(rotations: list[Rotation], *, as_json: bool) -> None:
    if as_json:
        print_json([_shape(rotation) for rotation in rotations])
        return
    for rotation in rotations:
        key = rotation.key
        typer.echo(f"{_profile(key)} {key.purpose.value}: {key.kid} serves from {rfc3339(key.serves_from)}")
        for former in rotation.former:
            end = _time(former.accepted_until)
            typer.echo(f"  {former.kid} {f'is accepted until {end}' if end else 'stays accepted'}")


def _shape(rotation: Rotation) -> dict[str, object]:
    key = rotation.key
    return {
        "profile": _profile(key),
        "purpose": key.purpose.value,
        "kid": key.kid,
        "serial": key.serial,
        "serves_from": rfc3339(key.serves_from),
        "former": [
            {"kid": former.kid, "accepted_until": _time(former.accepted_until)} for former in rotation.former
        ],
    }


def _print_master(rotation: MasterRotation, *, as_json: bool) -> None:
    file = None if rotation.file is None else str(rotation.file)
    if as_json:
        emptied = rotation.journal_emptied
        print_json(
            {"purpose": "master", "resealed": rotation.resealed, "file": file, "journal_emptied": emptied}
        )
        return
    typer.echo(f"master: {rotation.resealed} keys and secrets are resealed")
    if not rotation.journal_emptied:
        typer.echo("  another program reads the store: until it ends, the journal on the disk still")
        typer.echo("  has what the former key sealed; a running gateway then empties it")
    if file is not None:
        typer.echo(f"  {file} has the new key; running workers read it by themselves")
        typer.echo("  earlier backups need the former key file, from the same time")
        return
    typer.echo("  put the new key where GATEWAY_MASTER_KEY_FILE names it, or set GATEWAY_MASTER_KEY")
    typer.echo("  running workers read the file by themselves; without one, restart them: until")
    typer.echo("  then they serve portals, but refuse operators and follow no switch")
    typer.echo("  earlier backups need the former key")


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
