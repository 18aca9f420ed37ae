"""Assertions about the journal of a test's run. A failure lists the calls that came, with masked numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mock_c06.operations import TOKEN, Operation
from mock_c06.testing.people import PersonOrNumber, number_of, numbers_of
from mock_c06.testing.targets import Control, ControlRefused

CallFilter = Mapping[str, Any]
_MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class JournalOfRun:
    """Every call of the run. Filters: `operation`, `account`, `environment`, `outcome`, `code`, `fault`,
    `ma_yeu_cau`, `person` (a person of the catalogue, or a number)."""

    _control: Control

    def entries(self, *, person: PersonOrNumber | None = None, **narrow: Any) -> list[dict[str, Any]]:
        """Return the calls that match, oldest first."""
        found: list[dict[str, Any]] = self._control.of_run(
            "POST", "/journal/query", json=_query(narrow | ({"person": person} if person else {}))
        )["entries"]
        return found

    def clear(self) -> None:
        """Delete the calls so far; people, faults and clock stay."""
        self._control.of_run("DELETE", "/journal")

    def assert_asked(
        self,
        operation: str | None = None,
        *,
        times: int | None = None,
        person: PersonOrNumber | None = None,
        **narrow: Any,
    ) -> list[dict[str, Any]]:
        """Fail unless such a call came, exactly `times` times if that is given; return those calls."""
        __tracebackhide__ = True
        wanted = {"operation": operation, "person": person, **narrow}
        found = self.entries(**_given(wanted))
        if (times is None and not found) or (times is not None and len(found) != times):
            expected = "at least once" if times is None else _times(times)
            self._fail(f"expected {_describe(wanted)} {expected}, it came {_times(len(found))}")
        return found

    def never(
        self, operation: str | None = None, *, person: PersonOrNumber | None = None, **narrow: Any
    ) -> None:
        """Fail if such a call came."""
        __tracebackhide__ = True
        wanted = {"operation": operation, "person": person, **narrow}
        if found := self.entries(**_given(wanted)):
            self._fail(f"expected {_describe(wanted)} never, it came {_times(len(found))}")

    def in_order(self, calls: Sequence[str | CallFilter]) -> None:
        """Fail unless these calls came in this order; others may come between them.

        Each is an operation's name, or a mapping of filters.
        """
        __tracebackhide__ = True
        wanted = [{"operation": each} if isinstance(each, str) else dict(each) for each in calls]
        if not wanted:
            raise ControlRefused("in_order needs at least one call")
        after = 0
        for position, one in enumerate(wanted, start=1):
            found = self.entries(**_given(one), after=after)
            if not found:
                earlier = f" after n {after}" if after else ""
                self._fail(f"call {position} of the order never came{earlier}: {_describe(one)}")
            after = found[0]["n"]

    def _fail(self, claim: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"{claim}\n{_list_calls(self.entries())}")


def _given(wanted: CallFilter) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if value is not None}


def _query(narrow: CallFilter) -> dict[str, Any]:
    query = _given(narrow)
    # With a misspelt name every `never` would pass.
    if query.get("operation", TOKEN) not in {*Operation, TOKEN}:
        raise ControlRefused(f"no operation {query['operation']}: there are {', '.join([*Operation, TOKEN])}")
    if (person := query.pop("person", None)) is not None:
        query |= numbers_of(person)
    return query


def _describe(wanted: CallFilter) -> str:
    """Describe the filters, with a masked number."""
    given = _given(wanted)
    parts = [str(given.pop("operation", "a call"))]
    if (person := given.pop("person", None)) is not None:
        number = number_of(person)
        shown = 6 if len(number) == 12 else 3
        parts.append(f"about {number[:shown]}***{number[-3:]}")
    return " ".join([*parts, *(f"{name}={value}" for name, value in given.items())])


def _times(count: int) -> str:
    return {0: "never", 1: "once"}.get(count, f"{count} times")


def _list_calls(entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return "nothing was asked in this run"
    lines = [_line(entry) for entry in entries[:_MAX_LINES]]
    more = len(entries) - len(lines)
    return "\n".join(["what was asked:", *lines, *([f"  … and {more} more"] if more else [])])


def _line(entry: Mapping[str, Any]) -> str:
    about = f" about {entry['subject']}" if entry["subject"] else ""
    code = f" {entry['code']}" if entry["code"] else ""
    fault = f", fault {entry['fault']}" if entry["fault"] else ""
    who = entry["account"] or "nobody known"
    operation = entry["operation"] or "something unreadable"
    return f"  n {entry['n']}  {operation}{about} by {who}: {entry['outcome']}{code}{fault}"
