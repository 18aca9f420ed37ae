"""`portal receipts verify`: check offline, with public keys alone, that the gateway's signed log has a receipt's row.

The check is an outside party's own: it trusts the log only where a witness has cosigned it.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import typer

from portal.errors import StartRefused
from witness.bounded_files import FileTooLarge, read_bounded_text
from witness.errors import NotCosigned, NoteInvalid
from witness.notes import MOST_NOTE, Checkpoint, VerifierKey, parse_checkpoint, parse_keys
from witness.proofs import Proved, parse_proof, verify_proof

Content = TypeVar("Content")
_MOST = 2 * MOST_NOTE
"""Limit of a file's bytes: a proof is a note and at most 63 hashes."""


def verify_files(
    file: Path, key: list[Path], receipt: Path | None, checkpoint: Path | None, *, as_json: bool
) -> None:
    """Check a proof in a file, and print what it proves. Raises `StartRefused` with the reason if it proves nothing."""
    keys = [found for path in key for found in _read_as(path, parse_keys)]
    promised = None if receipt is None else _read_as(receipt, _read_leaf)
    cosigned = None if checkpoint is None else _read_as(checkpoint, parse_checkpoint)
    try:
        found = _verify(_read(file), keys, promised, cosigned)
    except NoteInvalid as error:
        raise StartRefused(f"{file}: {error}") from None
    _print(found, has_receipt=receipt is not None, as_json=as_json)


def _verify(text: str, keys: list[VerifierKey], leaf: bytes | None, cosigned: Checkpoint | None) -> Proved:
    """Check a proof; `cosigned` is a checkpoint of the same tree. Raises `NoteInvalid`."""
    proof = parse_proof(text)
    if cosigned is not None:
        ours = proof.checkpoint
        if cosigned.text != ours.text:
            raise NoteInvalid(_tell_apart(ours, cosigned))
        proof = replace(proof, checkpoint=cosigned)
    try:
        return verify_proof(proof, keys, leaf=leaf)
    except NotCosigned as error:
        if cosigned is not None:
            raise
        remedy = "give what the witness shows at /checkpoint with --checkpoint FILE"
        raise NoteInvalid(f"{error}: {remedy}") from None


def _tell_apart(ours: Checkpoint, cosigned: Checkpoint) -> str:
    """Return in what the proof's checkpoint and another one differ."""
    if ours.origin != cosigned.origin:
        return f"the proof is of the log {ours.origin}, the cosigned checkpoint of {cosigned.origin}"
    if ours.size == cosigned.size:
        return f"the cosigned checkpoint of {ours.size} rows has another root than the proof's"
    remedy = "fetch both again, until both have the same number"
    return f"the proof is for {ours.size} rows, the cosigned checkpoint has {cosigned.size}: {remedy}"


def _print(found: Proved, *, has_receipt: bool, as_json: bool) -> None:
    signers = [
        {"name": each.key.name, "at": None if each.time is None else _instant(each.time)}
        for each in found.signed
    ]
    if as_json:
        leaf, size = base64.b64encode(found.leaf).decode(), found.checkpoint.size
        members = {"ok": True, "row": found.row, "leaf_hash": leaf, "origin": found.checkpoint.origin}
        typer.echo(json.dumps(members | {"tree_size": size, "signers": signers}, ensure_ascii=False))
        return
    typer.echo(f"ok: row {found.row} of {found.checkpoint.size} in the log {found.checkpoint.origin}")
    for signer in signers:
        typer.echo(f"signed by {signer['name']}" + (f" at {signer['at']}" if signer["at"] else ""))
    if not has_receipt:
        leaf = base64.urlsafe_b64encode(found.leaf).decode().rstrip("=")
        typer.echo(f"leaf: {leaf} (compare with the receipt's claim, or give --receipt)")


def _instant(time: int) -> str:
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise StartRefused("a cosignature has an impossible time") from None


def _read_leaf(receipt: str) -> bytes:
    """Return the leaf hash that a receipt promises; the receipt's own signature is not checked here."""
    try:
        payload = receipt.strip().split(".")[1]
        leaf = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["leaf"]
        return base64.b64decode(leaf + "=" * (-len(leaf) % 4), altchars=b"-_", validate=True)
    except (ValueError, KeyError, IndexError, TypeError, binascii.Error, RecursionError):
        raise NoteInvalid("not a receipt that promises a row; expected the JWS of a verification") from None


def _read_as(path: Path, parse: Callable[[str], Content]) -> Content:
    """Parse a file. Raises `StartRefused`, which names this file."""
    try:
        return parse(_read(path))
    except NoteInvalid as error:
        raise StartRefused(f"{path}: {error}") from None


def _read(path: Path) -> str:
    try:
        return read_bounded_text(path, most=_MOST)
    except FileTooLarge:
        raise StartRefused(f"{path}: over {_MOST} bytes: no proof, key or receipt is so long") from None
    except OSError as error:
        raise StartRefused(f"{path}: can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StartRefused(f"{path}: can't be read as UTF-8 text") from None
