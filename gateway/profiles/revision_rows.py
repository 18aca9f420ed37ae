"""A revision's members as rows: a document that may be read, and each secret sealed to its own place.

The place says profile, revision and member: a sealed secret moved to another row does not open there.
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors.commands import StateWrong
from gateway.keys.sealing import seal, unseal
from gateway.places import Profile
from gateway.profiles.revisions import SECRET_MEMBERS
from gateway.registry.members import ConnectionMembers, IdentityMembers, parse_connection_members, reveal

MASK = "(sealed)"
_SEALED_IDENTITY = IdentityMembers.model_construct(citizen_id="", full_name="", birth_year=0)
"""Says that there is a test identity, and nothing of it."""


def write_document(members: ConnectionMembers) -> dict[str, Any]:
    """Return all that may be read, by name; secrets are not in it."""
    document: dict[str, Any] = members.model_dump(mode="json", exclude_defaults=True)
    for name in SECRET_MEMBERS:
        outer, _, inner = name.partition(".")
        inside = document.get(outer)
        if inner and isinstance(inside, dict):
            inside.pop(inner, None)
        elif not inner:
            document.pop(outer, None)
    return document


def masked(members: ConnectionMembers) -> dict[str, Any]:
    """Return the document with `(sealed)` where a secret is, for people and diffs."""
    document = write_document(members)
    for name in list_secrets(members):
        outer, _, inner = name.partition(".")
        if inner:
            document[outer] = {**document[outer], inner: MASK}
        else:
            document[outer] = MASK
    return document


def list_secrets(members: ConnectionMembers) -> dict[str, str]:
    """Return the secrets by their members' names."""
    found = {
        "c06_secret": reveal(members.c06_secret),
        "ngsp_key": reveal(members.ngsp_key),
        "ngsp_secret": reveal(members.ngsp_secret),
        "client_key": reveal(members.client_key),
    }
    if members.test_identity is not None:
        found["test_identity"] = members.test_identity.model_dump_json(exclude_none=True)
    if members.adapter is not None:
        found["adapter.access_key"] = reveal(members.adapter.access_key)
        found["adapter.secret_key"] = reveal(members.adapter.secret_key)
    return {name: value for name, value in found.items() if value is not None}


def seal_secrets(
    members: ConnectionMembers, profile: Profile, number: int, *, master: bytes
) -> dict[str, bytes]:
    """Return each secret sealed under the master key, bound to its place."""
    return {
        name: seal_secret(value, profile, number, name, master=master)
        for name, value in list_secrets(members).items()
    }


def seal_secret(value: str, profile: Profile, number: int, name: str, *, master: bytes) -> bytes:
    """Return one secret sealed to its place."""
    return seal(master, value.encode(), place=_place(profile, number, name))


def unseal_secret(sealed: bytes, profile: Profile, number: int, name: str, *, master: bytes) -> str:
    """Return one secret. Raises `SealBroken` under another master key, or from another place."""
    return unseal(master, sealed, place=_place(profile, number, name)).decode()


def read_members(document: Mapping[str, Any], secrets: Mapping[str, str]) -> ConnectionMembers:
    """Put a stored revision together again; an empty text stands for a secret that stays sealed.

    Raises:
        StateWrong: the row was written by another version, or by hand.
    """
    whole = dict(document)
    for name, text in secrets.items():
        value = _SEALED_IDENTITY if name == "test_identity" and not text else text
        outer, _, inner = name.partition(".")
        whole[outer] = {**whole.get(outer, {}), inner: value} if inner else value
    try:
        return parse_connection_members(whole, stored=True)
    except ValueError:
        raise StateWrong("a stored revision can't be read by this version of the gateway") from None


def _place(profile: Profile, number: int, name: str) -> str:
    return f"revision/{profile.value}/{number}/{name}"
