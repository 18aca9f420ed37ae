"""Open the file that C06 issues: credentials sealed to this gateway's key, for one of its applications.

Refuses a file that is sealed to another gateway, changed, not for official, or for no application of this store.
Anybody can seal to a public key: only the desk's signature shows who issued the file. Without the desk's key, a
preflight and a second person decide. Form: openapi/official-issued.schema.json.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey

from gateway.applications import store
from gateway.audit.state import write_canonical
from gateway.bounded_files import FileTooLarge, read_bounded
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.keys.jws import JwsInvalid, verify_detached
from gateway.keys.model import PlaceKeys, Purpose
from gateway.profiles.model import Gateway
from gateway.registry.connection import ConnectionMembers, parse_connection_members

FORMAT = "official-issued/1"
SEALED_TYPE = "official-issued+jwe"
SIGNATURE_TYPE = "official-issued+jws"
_ALGORITHMS = ("ECDH-ES", "A256GCM")
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


async def open_issued(
    gateway: Gateway, text: str, *, issuer_key: ECKey | None = None
) -> tuple[ConnectionMembers, str]:
    """Return the account in a file, unsealed, and the hash of its application; an `issuer_key` must have signed the file.

    Raises:
        StateWrong: malformed, changed, not signed by the key, not for this gateway or for an application of its store.
    """
    document = _read(text)
    if issuer_key is not None:
        _check_signature(document, issuer_key)
    application: str = document["application"]
    async with gateway.deps.database.read() as transaction:
        if await store.find_application(transaction, application) is None:
            raise StateWrong("the file is for no application of this gateway: was it made in another store?")
    sealed = unseal_issued(gateway.places[Profile.OFFICIAL].keys, document)
    try:
        members = parse_connection_members(sealed["connection"])
    except (ValueError, KeyError):
        raise StateWrong("the sealed part is not a connection: ask C06 for another file") from None
    if missing := members.missing():
        raise StateWrong(f"the sealed part lacks {', '.join(missing)}: ask C06 for another file")
    return members, application


def read_issuer_key(document: Any) -> ECKey:
    """Read the desk's public JWK. Raises `StateWrong`."""
    with contextlib.suppress(*_MALFORMED):
        if isinstance(document, dict) and "d" not in document and document.get("crv") == "P-256":
            return ECKey.import_key(document)
    raise StateWrong("the issuer's key: a public JWK, EC P-256, is expected")


def _check_signature(document: Mapping[str, Any], key: ECKey) -> None:
    """Raise `StateWrong` unless the key signed the file without its `signature`."""
    rest = {name: value for name, value in document.items() if name != "signature"}
    signature = document.get("signature")
    if not isinstance(signature, str):
        raise StateWrong("the file is not signed: ask C06 for one that is")
    try:
        verify_detached(signature, write_canonical(rest).encode(), key=key, typ=SIGNATURE_TYPE)
    except JwsInvalid:
        raise StateWrong(
            "the signature is not valid: the file was changed, or another issuer signed it"
        ) from None


def read_issued_file(path: Path) -> str:
    """Return a file's text. Raises `StateWrong`."""
    try:
        return read_bounded(path).decode()
    except FileTooLarge:
        raise StateWrong(f"{path}: not a file of C06's desk; at most 64 KiB are expected") from None
    except OSError as error:
        raise StateWrong(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StateWrong(f"{path}: UTF-8 text is expected") from None


def _read(text: str) -> dict[str, Any]:
    """Return the file's members; checks that those outside the sealed part are texts."""
    try:
        found: dict[str, Any] = json.loads(text)
        named = {
            name: found[name] for name in ("format", "environment", "application", "reference", "sealed")
        }
    except _MALFORMED:
        raise StateWrong("not a file that C06's desk issues") from None
    if not all(isinstance(value, str) for value in named.values()) or named["format"] != FORMAT:
        raise StateWrong(f"not a file that C06's desk issues; format {FORMAT} is expected")
    if named["environment"] != Profile.OFFICIAL:
        raise StateWrong("the file is not for the official environment")
    return found


def unseal_issued(keys: PlaceKeys, document: Mapping[str, str]) -> dict[str, Any]:
    """Open the sealed part with the key that its header names; it must repeat the file's other members.

    Raises:
        StateWrong: it is sealed to another key, was changed, or was taken from another file.
    """

    def find_key(sealed: Any) -> ECKey:
        kid = sealed.headers().get("kid")
        for key in keys.all(Purpose.ISSUANCE):
            if key.kid == kid and key.accepted_until is None:  # else it leaked
                return key.opening_key()
        raise StateWrong(
            "the file is sealed to another gateway's key: apply with this gateway, or open it with that one"
        )

    try:
        opened = jwe.decrypt_compact(
            document["sealed"],
            find_key,
            registry=JWERegistry(algorithms=_ALGORITHMS, strict_check_header=False),
        )
        header, content = opened.headers(), json.loads(opened.plaintext or b"")
    except _MALFORMED:
        raise StateWrong(
            "the sealed part can't be opened: it was changed, or sealed to another key"
        ) from None
    if header.get("typ") != SEALED_TYPE or not isinstance(content, dict):
        raise StateWrong("the sealed part is not an issued account")
    if any(content.get(name) != document[name] for name in ("application", "reference", "environment")):
        raise StateWrong("the sealed part belongs to another file, for another application")
    return content
