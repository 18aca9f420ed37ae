"""Verify an export of the audit: every row is in the tree that the signed checkpoint names.

Run it in the folder of the export: `python verify.py`. It needs Python 3.11 and the package `cryptography`, and nothing of
the gateway. Exit 0, or 1 with the first bad row. It checks: the checkpoint's signature by one of the keys; each row's leaf
hash, computed from salt and content; each row's path to the checkpoint's root; that no row between the first and the last
is missing; the hash chain of rows that have one. The keys below came with the export: compare them with
`/.well-known/audit/key`, or give a key that you got another way: `python verify.py --key VKEY`.

A line of rows.ndjson has `row`, `leaf` and `salt`, and the members of the entry, whose canonical JSON is hashed; or `body`, the text
that was hashed, which must have the same members. A row whose entry was erased has only `row` and `leaf`. Source: RFC 9162 §2.1,
C2SP tlog-checkpoint and signed-note.
"""

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEYS: tuple[str, ...] = ()
"""The gateway's keys of checkpoints as vkeys (C2SP signed-note); the export fills them in."""

FIRST, LAST = 1, 0
"""The rows of the export; the export fills them in."""

_OWN = {"row", "leaf", "salt", "body", "previous", "hash", "digest"}
_ED25519 = b"\x01"
_LONGEST = 1 << 20
"""Limit of a line, and of the checkpoint, in characters."""


class Bad(Exception):
    """What is wrong, and where."""


def main() -> int:
    """Verify the export in a folder; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify an export of the audit.")
    parser.add_argument("folder", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--key", action="append", metavar="VKEY", help="a key to trust instead of those here")
    given = parser.parse_args()
    try:
        size, root, rows = verify(Path(given.folder), given.key or list(KEYS))
    except Bad as bad:
        sys.stdout.write(f"bad: {bad}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stdout.write(f"bad: not an export that can be read ({type(error).__name__})\n")
        return 1
    sys.stdout.write(f"ok: {rows} rows are in the tree of {size} rows, root {root.hex()}\n")
    return 0


def verify(folder: Path, keys: list[str]) -> tuple[int, bytes, int]:
    """Return the checkpoint's size and root, and the number of rows. Raises `Bad`."""
    for name in ("checkpoint", "rows.ndjson", "proofs.ndjson"):
        if not (folder / name).is_file():  # a pipe or a device would have no end
            raise Bad(f"{name}: not a file")
    with (folder / "checkpoint").open(encoding="utf-8") as file:
        size, root = _read_checkpoint(file.read(_LONGEST), keys)
    number, chained = FIRST - 1, ""
    for row, proof in zip_longest(_lines(folder / "rows.ndjson"), _lines(folder / "proofs.ndjson")):
        number += 1
        try:
            chained = _check_row(number, _parse(row or "{}"), _parse(proof or "{}"), size, root, chained)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Bad(f"row {number}: can't be read") from None
    if number != LAST:
        raise Bad(f"row {number + 1}: missing" if number < LAST else f"row {LAST + 1}: not of this export")
    return size, root, LAST - FIRST + 1


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        while line := file.readline(_LONGEST):
            yield line


def _parse(text: str) -> dict[str, Any]:
    """Return a JSON object; one with a name twice would have another content for another reader. Raises `ValueError`."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(members := dict(pairs)) < len(pairs):
            raise ValueError
        return members

    found: dict[str, Any] = json.loads(text, object_pairs_hook=unique)
    return found


def _check_row(
    number: int, row: dict[str, Any], proof: dict[str, Any], size: int, root: bytes, chained: str
) -> str:
    """Check a row and its proof; return its chain hash, "" without one."""
    if row.get("row") != number:
        raise Bad(f"row {number}: missing")
    if proof.get("row") != number:
        raise Bad(f"row {number}: its proof is missing")
    chained = _check_leaf(row, chained)
    if proof["tree_size"] != size or not 1 <= number <= size:
        raise Bad(f"row {number}: its proof is for another tree")
    hashes = [base64.b64decode(each, validate=True) for each in proof["hashes"]]
    if _root_of(bytes.fromhex(row["leaf"]), number - 1, size, hashes) != root:
        raise Bad(f"row {number}: not in the tree of the checkpoint")
    return chained


def _check_leaf(row: dict[str, Any], chained: str) -> str:
    """Check a row's leaf hash; return its chain hash, "" without one."""
    name, leaf = f"row {row['row']}", row["leaf"]
    if set(row) == {"row", "leaf"}:
        return ""  # its entry was erased
    members = {key: row[key] for key in row if key not in _OWN}
    body = row.get("body") or _canonical(members)
    if "body" in row and _canonical(_parse(body)) != _canonical(members):  # 1 == 1.0 == True in Python
        raise Bad(f"{name}: its members are not those of its body")
    salted = f"{row.get('salt') or ''}\n{body}".encode()
    if "hash" not in row:
        computed = hashlib.sha256(b"\x00" + salted).hexdigest()
    else:
        if chained and row["previous"] != chained:
            raise Bad(f"{name}: does not follow the row before it")
        if row.get("digest") and row["digest"] != hashlib.sha256(salted).hexdigest():
            raise Bad(f"{name}: its content was changed")
        content = f"{row['row']}\n{row['previous']}\n{row.get('digest') or body}"
        if row["hash"] != hashlib.sha256(content.encode()).hexdigest():
            raise Bad(f"{name}: its content was changed")
        computed = hashlib.sha256(b"\x00" + row["hash"].encode()).hexdigest()
    if leaf != computed:
        raise Bad(f"{name}: its content was changed")
    return str(row.get("hash", ""))


def _canonical(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _root_of(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a leaf and its audit path lead to (RFC 9162 §2.1.3.2); b"" for a path of another length."""
    found, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return b""
        if index & 1 or index == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        index, last = index >> 1, last >> 1
    return found if last == 0 else b""


def _read_checkpoint(note: str, keys: list[str]) -> tuple[int, bytes]:
    """Return size and root of a note that one of the keys signed."""
    text, _, signatures = note.rpartition("\n\n")
    lines = (text + "\n").split("\n")
    if len(lines) < 4:
        raise Bad("checkpoint: not a note")
    for vkey in keys:
        try:
            name, _, encoded = vkey.split("+", 2)  # a name has no +, but base64 may
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise Bad(f"not a key, expected NAME+ID+BASE64: {vkey}") from None
        if not key.startswith(_ED25519) or name != lines[0]:
            continue
        key_id = hashlib.sha256(f"{name}\n".encode() + key).digest()[:4]
        for line in signatures.splitlines():
            signer, _, signed = line.removeprefix("\N{EM DASH} ").partition(" ")
            raw = base64.b64decode(signed, validate=True)
            if signer == name and raw[:4] == key_id and _is_signed(key[1:], raw[4:], f"{text}\n".encode()):
                return int(lines[1]), base64.b64decode(lines[2], validate=True)
    raise Bad("checkpoint: not signed by any of the keys")


def _is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
