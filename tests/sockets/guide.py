"""Reads `docs/portal-developers.md` as a script: what it says to send, and what it says comes back.

The guide's own conventions, as its reader is told them:
- a block ```` ```http request ```` is sent, and the block ```` ```http answer ```` after it is what came back;
- a block ```` ```sh ```` is run in the project's folder, and a ```` ```json ```` or ```` ```text ```` right after it is what it prints;
- a random id or token is shortened: `ver_gb5a…`, `eyJh…i6gA`; the same shortened form is the same value throughout;
- `"…"` at the end of a list, or as a member, stands for more of the same;
- a time is any time; every other value is to the letter.
"""

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

BASE = "http://127.0.0.1:8000"
_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_IDENTIFIER = re.compile(r"([a-z]{3}_)([a-z2-7]{4})[a-z2-7]{21}")
_SIGNED = re.compile(r"(eyJ[\w-])[\w-]*\.[\w-]+\.[\w-]*([\w-]{4})")
_SECRET = re.compile(r"([\w-]{4})[\w-]{39}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_SHORTENED = re.compile(r"[\w-]+…(?:[\w-]{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, its heading words, and the line that it starts on."""

    words: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or an answer: its first line, the headers that are shown, its body."""

    first: str
    headers: dict[str, str]
    body: str


@dataclass(slots=True)
class Reader:
    """Remembers which value each shortened form stands for; `base` is where the gateway really is."""

    base: str
    known: dict[str, str] = field(default_factory=dict)

    def learn(self, value: str) -> None:
        """Take a value that the guide shows shortened before anything is sent."""
        self.known[shorten(value)] = value

    def fill(self, text: str) -> str:
        """Put real values for shortened ones; `base64(…)` is then computed."""
        filled = _SHORTENED.sub(lambda found: self.known[found[0]], text.replace(BASE, self.base))
        return re.sub(r"base64\((.*?)\)", lambda found: base64.b64encode(found[1].encode()).decode(), filled)

    def differences(self, shown: Any, seen: Any, at: str = "") -> list[str]:
        """Return where an answer is not what the guide shows."""
        if isinstance(shown, dict) and isinstance(seen, dict):
            return self._in_objects(shown, seen, at)
        if isinstance(shown, list) and isinstance(seen, list):
            return self._in_lists(shown, seen, at)
        if isinstance(shown, str) and isinstance(seen, str):
            return [] if self._same(shown, seen) else [f"{at}: shown {shown}, seen {shorten(seen)}"]
        return [] if shown == seen and type(shown) is type(seen) else [f"{at}: shown {shown}, seen {seen}"]

    def _in_objects(self, shown: dict[str, Any], seen: dict[str, Any], at: str) -> list[str]:
        wanted = shown.keys() - {"…"}
        missing, more = wanted - seen.keys(), seen.keys() - wanted if "…" not in shown else set()
        found = [f"{at}.{name}: shown, not seen" for name in missing]
        found += [f"{at}.{name}: seen, not shown" for name in more]
        for name in wanted & seen.keys():
            found += self.differences(shown[name], seen[name], f"{at}.{name}")
        return found

    def _in_lists(self, shown: list[Any], seen: list[Any], at: str) -> list[str]:
        open_ended = shown[-1:] == ["…"]
        wanted = shown[:-1] if open_ended else shown
        if len(wanted) > len(seen) or (len(wanted) < len(seen) and not open_ended):
            return [f"{at}: shown {len(wanted)} entries, seen {len(seen)}"]
        return [
            difference
            for number, (one, other) in enumerate(zip(wanted, seen, strict=False))
            for difference in self.differences(one, other, f"{at}.{number}")
        ]

    def _same(self, shown: str, seen: str) -> bool:
        if _TIME.fullmatch(shown):
            return _TIME.fullmatch(seen) is not None
        if _SHORTENED.fullmatch(shown):
            return _kind(shown) == _kind(shorten(seen)) and self.known.setdefault(shown, seen) == seen
        return shown.replace(BASE, self.base) == seen


def shorten(text: str) -> str:
    """Return a random id, token or secret as the guide shows it; anything else as it is."""
    if found := _IDENTIFIER.fullmatch(text):
        return f"{found[1]}{found[2]}…"
    if found := _SIGNED.fullmatch(text):
        return f"{found[1]}…{found[2]}"
    if found := _SECRET.fullmatch(text):
        return f"{found[1]}…"
    return text


def _kind(shortened: str) -> str:
    """Return the prefix of an id, `eyJ` for a signed one, nothing for a secret; itself where nothing is cut."""
    if "…" not in shortened:
        return shortened
    found = re.match(r"[a-z]{3}_(?=[a-z2-7]{4}…$)|eyJ(?=.…....$)", shortened)
    return found[0] if found else ""


def read_blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a document."""
    return [
        Block(words=found[1], text=found[2], line=text[: found.start()].count("\n") + 1)
        for found in _BLOCK.finditer(text)
    ]


def read_message(text: str) -> Message:
    """Read a request or an answer as the guide writes it."""
    head, _, body = text.strip("\n").partition("\n\n")
    first, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    return Message(first=first, headers=headers, body=body.strip())


def read_json(text: str) -> Any:
    """Read a body."""
    return json.loads(text)
