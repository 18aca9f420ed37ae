"""`gateway keys`: which keys there are, and how they are rotated; never a key itself."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.clock import rfc3339
from gateway.errors.commands import SettingInvalid
from gateway.keys.master import read_master_key_file
from gateway.keys.model import Purpose
from gateway.operators.permits import permit_admin
from gateway.operators.token_file import find_token, operator_of
from gateway.operators.use_cases import has_operators
from gateway.places import Profile
from gateway.profiles.host_acts import Permit
from gateway.profiles.key_rotation import Rotation, rotate_keys
from gateway.profiles.master_rotation import MasterRotation, rotate_master
from gateway.profiles.model import Gateway
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, print_table, run

_ROTATE_HELP = """Make a new key of a purpose, without stopping anything.

Running workers know it within a second. It serves after three minutes, when
nobody holds an older key set any more; after a leak, in two seconds. Once there
are operators, official's keys and the master key are rotated by an admin who is
signed in; the sandbox's (--profile sandbox) by whoever has the host.

\b
token    signs access tokens; the old one is accepted till its last one ends
receipt  signs receipts; the old one stays accepted: they are evidence
lookup   finds claims again; the old one is tried while anything needs it
master   seals all the others, which are sealed anew at once
"""
_ROTATE_EXAMPLES = """\b
Examples:
  gateway keys rotate token
  gateway keys rotate receipt --profile official --leaked key_…
  gateway keys rotate master
  gateway keys rotate master --new-key-file new.key"""


class Rotated(StrEnum):
    """What can be rotated. Pseudonyms are not: a new key would split every ledger."""

    TOKEN = "token"  # noqa: S105 - a purpose's name
    RECEIPT = "receipt"
    LOOKUP = "lookup"
    MASTER = "master"


Leaked = Annotated[
    list[str] | None,
    typer.Option(metavar="KID", help="token, receipt: end this key at once, and what it signed. Repeatable."),
]
NewKeyFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="master, where it is a setting: 32 bytes, base64url.")
]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on keys."""
    app = new_typer("Signing and look-up keys, sealed under the master key.")

    @app.command("list", epilog="Example: gateway keys list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the keys of both profiles by purpose, and what each is for now.

        coming: known, not used yet. serving: in use. accepted: what it made is still taken. retired: no more.
        """

        async def work() -> list[dict[str, object]]:
            async with open_gateway() as gateway:
                return _list_keys(gateway)

        _print_keys(run(work()), as_json=as_json)

    @app.command("rotate", help=_ROTATE_HELP, epilog=_ROTATE_EXAMPLES)
    def rotate(
        purpose: Annotated[
            Rotated, typer.Argument(metavar="PURPOSE", help="token, receipt, lookup or master.")
        ],
        profile: Annotated[Profile | None, typer.Option(help="One profile's key; else both.")] = None,
        leaked: Leaked = None,
        new_key_file: NewKeyFile = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        _check_usage(purpose, profile, leaked or [], new_key_file)
        if purpose is Rotated.MASTER:
            _print_master(_rotate_master(open_gateway, new_key_file), as_json=as_json)
            return

        async def work() -> list[Rotation]:
            async with open_gateway() as gateway:
                profiles = list(Profile) if profile is None else [profile]
                permit = None if profile is Profile.SANDBOX else await _permit(gateway)
                return await rotate_keys(
                    gateway, Purpose(purpose.value), profiles, leaked=leaked or [], permit=permit
                )

        _print_rotations(run(work()), as_json=as_json)

    return app


def _check_usage(
    purpose: Rotated, profile: Profile | None, leaked: list[str], new_key_file: Path | None
) -> None:
    """Refuse options that the purpose does not have, as wrong usage."""
    if leaked and purpose not in {Rotated.TOKEN, Rotated.RECEIPT}:
        raise typer.BadParameter("only a token or receipt key can be ended", param_hint="--leaked")
    if profile is not None and purpose is Rotated.MASTER:
        raise typer.BadParameter("the master key is both profiles'", param_hint="--profile")
    if new_key_file is not None and purpose is not Rotated.MASTER:
        raise typer.BadParameter("only a master key is given", param_hint="--new-key-file")


def _rotate_master(open_gateway: OpenGateway, new_key_file: Path | None) -> MasterRotation:
    try:
        given = None if new_key_file is None else read_master_key_file(new_key_file)
    except SettingInvalid as error:
        fail(str(error))

    async def work() -> MasterRotation:
        async with open_gateway() as gateway:
            return await rotate_master(gateway, given=given, permit=await _permit(gateway))

    return run(work())


async def _permit(gateway: Gateway) -> Permit | None:
    """Return the permit of the admin who is signed in here; None where nobody is, or nobody can be."""
    if not await has_operators(gateway.parts) or find_token(gateway.opener.settings) is None:
        return None
    return await permit_admin(gateway, await operator_of(gateway))


def _list_keys(gateway: Gateway) -> list[dict[str, object]]:
    now = gateway.parts.clock.now()
    return [
        {
            "kid": key.kid,
            "profile": key.profile.value,
            "purpose": key.purpose.value,
            "serial": key.serial,
            "state": place.keys.state_of(key, now).value,
            "created_at": rfc3339(key.created_at),
            "serves_from": rfc3339(key.serves_from),
            "accepted_until": _time(key.accepted_until),
        }
        for place in gateway.places.values()
        for key in place.keys.keys
    ]


def _print_keys(found: list[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    header = ("KID", "PROFILE", "PURPOSE", "STATE", "SERVES_FROM")
    shown = [[str(row[name.lower()]) for name in header[:-1]] for row in found]
    print_table(
        header, [[*cells, _minute(str(row["serves_from"]))] for cells, row in zip(shown, found, strict=True)]
    )


def _print_rotations(rotations: list[Rotation], *, as_json: bool) -> None:
    if as_json:
        print_json([_shape(rotation) for rotation in rotations])
        return
    for rotation in rotations:
        key = rotation.key
        typer.echo(
            f"{key.profile.value} {key.purpose.value}: {key.kid} serves from {rfc3339(key.serves_from)}"
        )
        for former in rotation.former:
            end = (
                f"is accepted until {_time(former.accepted_until)}"
                if former.accepted_until
                else "stays accepted"
            )
            typer.echo(f"  {former.kid} {end}")


def _shape(rotation: Rotation) -> dict[str, object]:
    key = rotation.key
    return {
        "profile": key.profile.value,
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
        print_json({"purpose": "master", "resealed": rotation.resealed, "file": file})
        return
    typer.echo(f"master: {rotation.resealed} keys and secrets are sealed anew")
    if file is not None:
        typer.echo(f"  {file} holds the new key; running workers read it by themselves")
        typer.echo("  backups made before need the former key file, from beside them")
        return
    typer.echo("  put the new key where GATEWAY_MASTER_KEY_FILE names it, or set GATEWAY_MASTER_KEY")
    typer.echo("  running workers read the file by themselves; without one restart them: till")
    typer.echo("  then they serve portals, let no operator in and follow no switch")
    typer.echo("  backups made before need the former key")


def _time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def _minute(time: str) -> str:
    """Shorten a time so that a row has room in 80 columns; `--json` has it whole."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
