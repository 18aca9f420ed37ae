"""Verify an export of the audit: every row is in the tree that the signed checkpoint names.

Run it in the folder of the export: `python3 verify.py`. It needs Python 3.11 and the package `cryptography`, and nothing of
the gateway. Exit 0, 1 with the first bad row, or 2 if it can't check. It checks: the checkpoint's signature by one of the keys; each row's leaf
hash, computed from salt and content; each row's path to the checkpoint's root; that no row between the first and the last
is missing; the hash chain of rows that have one; that an erasure names each row without content. The keys below came with the
export, as this file did: whoever does not trust the sender uses this file from the gateway's source code, with the rows that
they expect and a key of `/.well-known/audit/key`: `python3 standalone_verifier.py FOLDER --rows 1-40 --key VKEY`.

A line of rows.ndjson has `row`, `leaf` and `salt`, and the members of the entry, whose canonical JSON is hashed; or `body`, the text
that was hashed, which must have the same members. A row whose entry was erased has only `row` and `leaf`; the erasure is a later row, which
may come after the last row of the export. Source: RFC 9162 §2.1, C2SP tlog-checkpoint and signed-note.
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

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ModuleNotFoundError:
    sys.stderr.write("this Python lacks the package cryptography: python3 -m pip install cryptography\n")
    raise SystemExit(2) from None

KEYS: tuple[str, ...] = ()
"""The gateway's keys of checkpoints as vkeys (C2SP signed-note); the export fills them in."""

FIRST, LAST = 1, 0
"""The rows of the export; the export fills them in."""

_OWN = {"row", "leaf", "salt", "body", "previous", "hash", "digest"}
_ERASED = "erased"
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
    parser.add_argument(
        "--rows", type=_range, metavar="FIRST-LAST", help="the rows to expect", default=(FIRST, LAST)
    )
    given = parser.parse_args()
    try:
        size, root, erased = verify(Path(given.folder), given.key or list(KEYS), given.rows)
    except Bad as bad:
        sys.stdout.write(f"bad: {bad}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stdout.write(f"bad: not an export that can be read ({type(error).__name__})\n")
        return 1
    first, last = given.rows
    counted = f"{last - first + 1} rows are in the tree of {size} rows" + (
        f", {erased} of them erased" if erased else ""
    )
    sys.stdout.write(f"ok: {counted}, root {root.hex()}\n")
    return 0


def _range(text: str) -> tuple[int, int]:
    """Read `4-9`. Raises `ValueError`."""
    first, last = text.split("-")
    return int(first), int(last)


def verify(folder: Path, keys: list[str], rows: tuple[int, int]) -> tuple[int, bytes, int]:
    """Return the checkpoint's size and root, and how many of the rows were erased. Raises `Bad`."""
    for name in ("checkpoint", "rows.ndjson", "proofs.ndjson"):
        if not (folder / name).is_file():  # a pipe or a device would have no end
            raise Bad(f"{name}: not a file")
    with (folder / "checkpoint").open(encoding="utf-8") as file:
        size, root = _read_checkpoint(file.read(_LONGEST), keys)
    first, last = rows
    number, chained = first - 1, ""
    empty, named = list[int](), list[tuple[int, int]]()
    for row, proof in zip_longest(_lines(folder / "rows.ndjson"), _lines(folder / "proofs.ndjson")):
        number += 1
        try:
            members = _parse(row or "{}")
            if number > last:
                number, chained = _after(number, members), ""
            chained = _check_row(number, members, _parse(proof or "{}"), size, root, chained)
            if _is_erased(members):
                empty.append(number)
            if members.get("kind") == _ERASED:
                named += map(_range, members.get("erased", ()))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise Bad(f"row {number}: can't be read") from None
    if number < last:
        raise Bad(f"row {number + 1}: missing")
    _check_erased(empty, sorted(named))
    return size, root, len(empty)


def _is_erased(row: dict[str, Any]) -> bool:
    """Return whether a row has no content, as after the erasure of its entry."""
    return set(row) == {"row", "leaf"}


def _after(number: int, row: dict[str, Any]) -> int:
    """Return the number of a row after the period, which is an erasure."""
    if row.get("kind") != _ERASED or row["row"] < number:
        raise Bad(f"row {number}: is none of the expected rows, and erases none of them")
    return int(row["row"])


def _check_erased(empty: list[int], named: list[tuple[int, int]]) -> None:
    """Check that erasures name the rows without content, in order."""
    at = 0
    for row in empty:
        while at < len(named) and named[at][1] < row:
            at += 1
        if at == len(named) or row < named[at][0]:
            raise Bad(f"row {row}: its content is missing, and no erasure in the export names it")


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
    if proof["leaf_index"] != number - 1 or base64.b64decode(proof["leaf_hash"]).hex() != row["leaf"]:
        raise Bad(f"row {number}: its proof is about another leaf")
    return chained


def _check_leaf(row: dict[str, Any], chained: str) -> str:
    """Check a row's leaf hash; return its chain hash, "" without one."""
    name, leaf = f"row {row['row']}", row["leaf"]
    if _is_erased(row):
        return ""
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
