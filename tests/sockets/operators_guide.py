"""Reads the operators' pages as a script: each command, its user, its output, and what happens in between.

The page's own conventions, as it tells its reader:
- in a block `console`, minh types `minh$ gateway …` and the user of the host types `root$ …`; the output
follows;
- a line such as `password:` right after a command is a question at the terminal, whose answer is not shown;
- a block `toml sandbox.toml` is that file's content;
- a random id, code or hash is shortened (`chg_gb5a…`); the same short form means the same value throughout;
- `…` on a line by itself replaces omitted lines; times, days, milliseconds and numbers of rows may differ.
An HTML comment `meanwhile: …` is for the test only: what others do in between.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

PROMPTS = ("one-time code:", "new password:", "password:", "TOTP code:")

_PART = re.compile(r"^```([^\n]*)\n(.*?)^```$|^<!-- meanwhile: (.*?) -->$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^([a-z]+)\$ (.*)$")
_SHORT = re.compile(r"(?:[a-z]{3}_)?[A-Za-z0-9]{4}…")
_ANY = (
    (re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z"), "(time)"),
    (re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?=  )"), "(time)"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "(day)"),
    (re.compile(r"\(\d+ ms\)"), "(ms)"),
    (re.compile(r"\d+ s (ahead|behind)"), "(skew)"),
    (re.compile(r"\d+ (s|min) ago; \d+ lines"), "(age)"),
    (re.compile(r"\d+ bytes, schema \d+"), "(size)"),
    (re.compile(r"before-restore-\d{8}T\d{6}Z"), "before-restore-(time)"),
    (re.compile(r"\d+ rows|\"rows\": \d+"), "(rows)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """What others do between two blocks."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command, its user, its questions at the terminal, and its output."""

    who: str
    command: str
    prompts: tuple[str, ...]
    shown: str
    line: int


def read_script(text: str) -> Iterator[File | Meanwhile | Step]:
    """Yield a page's parts in their order."""
    for found in _PART.finditer(text):
        words, content, what = found.groups()
        line = text[: found.start()].count("\n") + 2
        if what:
            yield Meanwhile(what=what)
        elif words == "console":
            yield from _read_steps(content, line)
        elif " " in words:
            yield File(name=words.split()[1], text=content)


def _read_steps(content: str, line: int) -> Iterator[Step]:
    lines = content.replace("\\\n", "").splitlines()
    starts = [number for number, each in enumerate(lines) if _COMMAND.match(each)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command = _COMMAND.match(lines[start])
        assert command
        below = lines[start + 1 : end]
        asked = [each for each in below if each in PROMPTS]
        shown = "\n".join(below[len(asked) :])
        yield Step(who=command[1], command=command[2], prompts=tuple(asked), shown=shown, line=line + start)


@dataclass(slots=True)
class Reader:
    """Remembers the value of each shortened form and the real addresses of the programs."""

    addresses: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Replace the page's values and addresses by the real ones."""
        for shown, real in self.addresses.items():
            text = text.replace(shown, real)
        return _SHORT.sub(lambda found: self.known[found[0]], text)

    def difference(self, shown: str, seen: str) -> str | None:
        """Return the first words that were not printed as shown; None if all were."""
        for page, real in self.addresses.items():
            seen = seen.replace(real, page)
        words = _steady(seen).split()
        segments = [_steady(part).split() for part in re.split(r"^…$", shown, flags=re.MULTILINE)]
        at = 0
        for number, segment in enumerate(segments):
            found = self._find(segment, words, _starts(number, segments, words, at))
            if found is None:
                return f"shown: {' '.join(segment)}; seen: {' '.join(words[at:])}"
            at = found + len(segment)
        left_open = len(segments) > 1 and not segments[-1]
        return None if at == len(words) or left_open else f"not shown: {' '.join(words[at:])}"

    def _find(self, segment: Sequence[str], words: Sequence[str], starts: Sequence[int]) -> int | None:
        """Return where the segment occurs, and remember the values of its shortened forms."""
        for start in starts:
            known = self._bind(segment, words[start : start + len(segment)])
            if known is not None:
                self.known = known
                return start
        return None

    def _bind(self, segment: Sequence[str], words: Sequence[str]) -> dict[str, str] | None:
        if len(words) != len(segment):
            return None
        known = dict(self.known)
        for shown, seen in zip(segment, words, strict=True):
            found = _pattern(shown).fullmatch(seen)
            if found is None:
                return None
            for short, real in zip(_SHORT.findall(shown), found.groups(), strict=True):
                if known.setdefault(short, real) != real:
                    return None
        return known


def _starts(number: int, segments: Sequence[Sequence[str]], words: Sequence[str], at: int) -> Sequence[int]:
    """Return where a segment may begin: the first at the start, the last at the end, the others after
    their predecessor.
    """
    if number == 0:
        return (0,)
    last = len(words) - len(segments[number])
    if number == len(segments) - 1 and segments[number]:
        return (last,) if last >= at else ()
    return range(at, last + 1)


def _pattern(shown: str) -> re.Pattern[str]:
    """Return the pattern of a shown word: an id of the same kind, a long secret or hash, else the word itself."""
    pieces = []
    end = 0
    for found in _SHORT.finditer(shown):
        pieces.append(re.escape(shown[end : found.start()]))
        prefix = found[0][:4] if found[0][3:4] == "_" else ""
        pieces.append(f"({prefix}[A-Za-z0-9_-]{{20,64}})")
        end = found.end()
    return re.compile("".join(pieces) + re.escape(shown[end:]))


def shorten(text: str) -> str:
    """Return the output with its random words shortened as on the page."""
    text = re.sub(r"\b([a-z]{3}_[a-z2-7]{4})[a-z2-7]{21}\b", r"\1…", text)
    text = re.sub(r"\b([0-9a-f]{4})[0-9a-f]{60}\b", r"\1…", text)
    text = re.sub(r"\b([A-Z2-7]{4})[A-Z2-7]{28}\b", r"\1…", text)
    return re.sub(r"(?<![\w-])([A-Za-z0-9]{4})[\w-]{39}(?![\w-])", r"\1…", text)


def _steady(text: str) -> str:
    for pattern, word in _ANY:
        text = pattern.sub(word, text)
    return text
