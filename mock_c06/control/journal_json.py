"""The journal as tests ask for it: filters, claims, entries with whom they were about masked unless asked.

A number of a person is never part of an address: it is sent in a body.
"""

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mock_c06.control.values import Flag, Instant, Whole
from mock_c06.desk.accounts import Environment
from mock_c06.operations import Operation
from mock_c06.runs.assertions import Judgement, judge_count, judge_never, judge_order
from mock_c06.runs.faults import Kind
from mock_c06.runs.journal import Entry, Journal, Outcome, Query


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EntryFilter(_Body):
    """What can be asked by address; every member narrows. `since` is inclusive, `after` a number of an entry."""

    environment: Environment | None = None
    # A name misspelt would make every `never` hold.
    operation: Operation | Literal["token"] | None = None
    account: str | None = None
    outcome: Outcome | None = None
    fault: Kind | None = None
    fault_id: str | None = None
    code: str | None = None
    ma_yeu_cau: str | None = None
    since: Instant | None = None
    after: int = Field(default=0, ge=0)

    def query(self) -> Query:
        """Give the query."""
        return Query(**{name: getattr(self, name) for name in EntryFilter.model_fields})


class QueryBody(EntryFilter):
    """The same, and the person asked about by their number."""

    citizen_id: str | None = Field(default=None, pattern=r"^[0-9]{12}$")
    id_card_number: str | None = Field(default=None, pattern=r"^[0-9]{9}$")

    def query(self) -> Query:
        """Give the query; both numbers of somebody mean the calls by either."""
        members = {name: getattr(self, name) for name in EntryFilter.model_fields}
        numbers = [number for number in (self.citizen_id, self.id_card_number) if number is not None]
        return Query(**members, numbers=frozenset(numbers) or None)


class SearchBody(QueryBody):
    """A query, and whether to show in whole whom the calls were about."""

    unmasked: Flag = False


class CountBody(QueryBody):
    """How many calls match: `equals`, or bounds."""

    equals: Whole | None = Field(default=None, ge=0)
    at_least: Whole | None = Field(default=None, ge=0)
    at_most: Whole | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_how_many(self) -> "CountBody":
        bounds = self.at_least is not None or self.at_most is not None
        if bounds is (self.equals is not None):
            raise ValueError("count says equals, or at_least and at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is over at_most")
        return self


class AssertBody(_Body):
    """Exactly one claim."""

    count: CountBody | None = None
    in_order: list[QueryBody] | None = Field(default=None, min_length=1, max_length=1000)
    never: QueryBody | None = None

    @model_validator(mode="after")
    def _one_claim(self) -> "AssertBody":
        if sum(claim is not None for claim in (self.count, self.in_order, self.never)) != 1:
            raise ValueError("exactly one of count, in_order and never")
        return self

    def named_accounts(self) -> list[tuple[str, str | None]]:
        """Give the accounts that the claim names, each with its place."""
        alone = [("count.account", self.count), ("never.account", self.never)]
        ordered = [(f"in_order.{n}.account", each) for n, each in enumerate(self.in_order or ())]
        return [(place, each.account) for place, each in (*alone, *ordered) if each is not None]

    def judge(self, journal: Journal) -> Judgement:
        """Judge the claim."""
        if self.in_order is not None:
            return judge_order(journal, [each.query() for each in self.in_order])
        if self.never is not None:
            return judge_never(journal, self.never.query())
        assert self.count is not None
        count = self.count
        at_most = count.at_most if count.equals is None else count.equals
        return judge_count(
            journal, count.query(), at_least=count.equals or count.at_least or 0, at_most=at_most
        )


def entry_json(entry: Entry, *, unmasked: Flag = False) -> dict[str, Any]:
    """Write an entry; `asked` and the whole number only where they were asked for."""
    written = asdict(entry)
    asked = written.pop("asked")
    del written["seen"]  # for the report card alone (report/)
    if entry.asked is not None and entry.ma_yeu_cau and entry.subject and not unmasked:
        written["ma_yeu_cau"] = entry.ma_yeu_cau.replace(entry.asked.number, entry.subject)
    if unmasked:
        written |= {"asked": asked, "masked_subject": entry.subject}
        if entry.asked is not None:
            written["subject"] = entry.asked.number
    return written
