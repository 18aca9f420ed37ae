"""The provider's log as a file: `mock-c06 journal export`, the control face's journal, or one JSON object a line.

Nothing in it is trusted. The file is bounded before it is read, and refused as a whole for one entry that isn't well-formed:
half a log would name questions that the provider did log. A request code that the gateway can't have made is no reason to
refuse the file: any client can send one, even without a login. The person's number, which the provider masks, isn't read.
Source: NĐ 47/2020 Đ45 (what a provider logs), contract §5.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.bounded_files import FileTooLarge, read_bounded
from gateway.errors.operators import OperationError

MAX_BYTES = 64 << 20
MAX_ENTRIES = 200_000
_MAX_PARTS = 20 * MAX_ENTRIES
"""Limit of objects, arrays and members, counted before they are parsed: an empty object takes 20 times its text in memory."""

TOKEN = "token"  # noqa: S105 - the operation of a login's entry

FOREIGN_CODE = "(could not be ours)"
"""Stands for a request code that is too long, empty or not printable."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LENGTHS = {"environment": 40, "operation": 80, "account": 100, "outcome": 40}
_MAX_CODE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One call in the provider's log; its place `n` is the provider's number, or the place in the file."""

    n: int
    at: datetime
    environment: str | None
    operation: str | None
    account: str | None
    request_code: str | None
    outcome: str
    body_sha256: str


class JournalInvalid(OperationError):
    """The file isn't a provider's log; says where and what is expected."""


def read_journal(path: Path) -> list[LoggedCall]:
    """Return the calls of a file, without logins.

    Raises:
        JournalInvalid: it is missing, too large, not a log, or one page of several.
    """
    try:
        raw = read_bounded(path, most=MAX_BYTES)
    except FileTooLarge as error:
        raise JournalInvalid(f"{path}: {error.strerror}: export a shorter period") from None
    except OSError as error:
        raise JournalInvalid(f"{path}: {error.strerror}") from None
    if not raw.strip():
        raise JournalInvalid(f"{path}: empty")
    if sum(map(raw.count, (b"{", b"[", b","))) > _MAX_PARTS:
        raise JournalInvalid(f"{path}: over {MAX_ENTRIES} entries: export a shorter period")
    found = []
    for place, members in enumerate(_parse(path, raw), start=1):
        if place > MAX_ENTRIES:
            raise JournalInvalid(f"{path}: over {MAX_ENTRIES} entries: export a shorter period")
        try:
            call = _call(place, members)
        except ValueError as error:
            raise JournalInvalid(f"{path}: entry {place}: {error}") from None
        if call.operation != TOKEN:
            found.append(call)
    return found


def _parse(path: Path, raw: bytes) -> Iterator[Any]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise JournalInvalid(f"{path}: not UTF-8") from None
    try:
        found = _loads(text, str(path))
    except (ValueError, RecursionError):
        yield from _parse_lines(path, text)
        return
    if isinstance(found, dict) and "entries" in found:
        if found.get("next_after") is not None:
            raise JournalInvalid(f"{path}: one page of several: export the log without `limit`")
        found = found["entries"]
    elif isinstance(found, dict):
        found = [found]  # a log of one line
    if not isinstance(found, list):
        raise JournalInvalid(f'{path}: expected {{"entries": […]}}, an array, or an object on each line')
    yield from found


def _loads(text: str, where: str) -> Any:
    """Parse JSON. Raises `ValueError`, `RecursionError`, and `JournalInvalid` for a member that is there twice.

    Two readers of such a log could see two contents.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise JournalInvalid(f"{where}: a member is there twice")
        return members

    return json.loads(text, object_pairs_hook=unique)


def _parse_lines(path: Path, text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield _loads(line, f"{path}: line {number}")
        except (ValueError, RecursionError):
            raise JournalInvalid(f"{path}: line {number}: not JSON") from None


def _call(place: int, members: Any) -> LoggedCall:
    if not isinstance(members, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - of the file's content, not of an argument
    texts = {name: _text(members, name) for name in _LENGTHS}
    if texts["outcome"] is None:
        raise ValueError("outcome: expected found, not_found, refused, fault, unauthorised or throttled")
    digest = members.get("body_sha256")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ValueError("body_sha256: expected 64 hexadecimal digits in lower case")
    number = members.get("n", place)
    if type(number) is not int or not 0 <= number < 2**63:
        raise ValueError("n: expected a number")
    return LoggedCall(
        n=number,
        at=_instant(members.get("at")),
        environment=texts["environment"],
        operation=texts["operation"],
        account=texts["account"],
        request_code=_code(members.get("ma_yeu_cau")),
        outcome=texts["outcome"],
        body_sha256=digest,
    )


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= _LENGTHS[name] or not value.isprintable():
        raise ValueError(f"{name}: expected 1 to {_LENGTHS[name]} printable characters, or null")
    return value


def _code(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("ma_yeu_cau: expected a text, or null")  # noqa: TRY004 - of the file's content
    return value if 1 <= len(value) <= _MAX_CODE and value.isprintable() else FOREIGN_CODE


def _instant(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError("at: expected an instant such as 2022-05-14T01:00:00Z")
