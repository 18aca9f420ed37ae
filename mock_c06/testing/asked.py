"""What a test claims about the journal of its run. A claim that fails says what was asked instead, numbers masked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mock_c06.operations import Operation
from mock_c06.runs.journal import TOKEN
from mock_c06.testing.control import Control, ControlRefused
from mock_c06.testing.people import Somebody, number_of, numbers_of

Wanted = Mapping[str, Any]
_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class JournalOfRun:
    """Every call that came to the run. Members that narrow: `operation`, `account`, `environment`, `outcome`,
    `code`, `fault`, `ma_yeu_cau`, `person` (a person of the catalogue, or a number)."""

    _control: Control

    def entries(self, *, person: Somebody | None = None, **narrow: Any) -> list[dict[str, Any]]:
        """Give the calls that match, oldest first."""
        found: list[dict[str, Any]] = self._control.of_run(
            "POST", "/journal/query", json=_query(narrow | ({"person": person} if person else {}))
        )["entries"]
        return found

    def clear(self) -> None:
        """Forget what was asked so far; people, faults and clock stay."""
        self._control.of_run("DELETE", "/journal")

    def assert_asked(
        self,
        operation: str | None = None,
        *,
        times: int | None = None,
        person: Somebody | None = None,
        **narrow: Any,
    ) -> list[dict[str, Any]]:
        """Fail unless such a call came, exactly so many `times` where they are given; give those calls."""
        __tracebackhide__ = True
        wanted = {"operation": operation, "person": person, **narrow}
        found = self.entries(**_given(wanted))
        if (times is None and not found) or (times is not None and len(found) != times):
            expected = "at least once" if times is None else _times(times)
            self._fail(f"expected {_words(wanted)} {expected}, it came {_times(len(found))}")
        return found

    def never(self, operation: str | None = None, *, person: Somebody | None = None, **narrow: Any) -> None:
        """Fail if such a call came."""
        __tracebackhide__ = True
        wanted = {"operation": operation, "person": person, **narrow}
        if found := self.entries(**_given(wanted)):
            self._fail(f"expected {_words(wanted)} never, it came {_times(len(found))}")

    def in_order(self, calls: Sequence[str | Wanted]) -> None:
        """Fail unless these calls came one after another, others between them allowed.

        Each is an operation's name, or a mapping of members that narrow.
        """
        __tracebackhide__ = True
        wanted = [{"operation": each} if isinstance(each, str) else dict(each) for each in calls]
        if not wanted:
            raise ControlRefused("no calls to come in order: name one at least")
        after = 0
        for position, one in enumerate(wanted, start=1):
            found = self.entries(**_given(one), after=after)
            if not found:
                behind = f" after n {after}" if after else ""
                self._fail(f"call {position} of the order never came{behind}: {_words(one)}")
            after = found[0]["n"]

    def _fail(self, claim: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"{claim}\n{_what_came(self.entries())}")


def _given(wanted: Wanted) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def _query(narrow: Wanted) -> dict[str, Any]:
    query = _given(narrow)
    # A name misspelt would make every `never` hold.
    if query.get("operation", TOKEN) not in {*Operation, TOKEN}:
        raise ControlRefused(f"no operation {query['operation']}: there are {', '.join([*Operation, TOKEN])}")
    if (person := query.pop("person", None)) is not None:
        query |= numbers_of(person)
    return query


def _words(wanted: Wanted) -> str:
    """Say what was wanted, whom it was about by a masked number."""
    given = _given(wanted)
    words = [str(given.pop("operation", "a call"))]
    if (person := given.pop("person", None)) is not None:
        number = number_of(person)
        keep = 6 if len(number) == 12 else 3
        words.append(f"about {number[:keep]}***{number[-3:]}")
    return " ".join([*words, *(f"{name}={value}" for name, value in given.items())])


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _what_came(entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return "nothing was asked in this run"
    lines = [_line(entry) for entry in entries[:_MOST_LINES]]
    more = len(entries) - len(lines)
    return "\n".join(["what was asked:", *lines, *([f"  … and {more} more"] if more else [])])


def _line(entry: Mapping[str, Any]) -> str:
    about = f" about {entry['subject']}" if entry["subject"] else ""
    code = f" {entry['code']}" if entry["code"] else ""
    fault = f", fault {entry['fault']}" if entry["fault"] else ""
    who = entry["account"] or "nobody known"
    operation = entry["operation"] or "something unreadable"
    return f"  n {entry['n']}  {operation}{about} by {who}: {entry['outcome']}{code}{fault}"
