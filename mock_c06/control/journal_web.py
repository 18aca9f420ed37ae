"""A run's journal at the control face: read, query, assert, clear.

The number of a person is masked unless `unmasked` is set, and is sent in a body, never in a URL.
"""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field, model_validator

from mock_c06.accounts.register import Register
from mock_c06.bodies import ControlBody, Flag, Integer
from mock_c06.control.accounts_json import verify_accounts
from mock_c06.control.problems import guarded_router
from mock_c06.journal import (
    Entry,
    EntryFilter,
    Journal,
    Judgement,
    QueryBody,
    judge_count,
    judge_never,
    judge_order,
)
from mock_c06.runs.run import Runs


class SearchBody(QueryBody):
    """A query, whether numbers are shown unmasked, and the size of a page."""

    unmasked: Flag = False
    limit: Integer | None = Field(default=None, ge=1, le=10_000)


class CountBody(QueryBody):
    """A query with the number of calls that match: `equals`, or bounds."""

    equals: Integer | None = Field(default=None, ge=0)
    at_least: Integer | None = Field(default=None, ge=0)
    at_most: Integer | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_how_many(self) -> "CountBody":
        bounds = self.at_least is not None or self.at_most is not None
        if bounds is (self.equals is not None):
            raise ValueError("count has equals, or at_least and at_most")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is greater than at_most")
        return self


class AssertBody(ControlBody):
    """Exactly one assertion."""

    count: CountBody | None = None
    in_order: list[QueryBody] | None = Field(default=None, min_length=1, max_length=1000)
    never: QueryBody | None = None

    @model_validator(mode="after")
    def _one_claim(self) -> "AssertBody":
        if sum(claim is not None for claim in (self.count, self.in_order, self.never)) != 1:
            raise ValueError("exactly one of count, in_order and never")
        return self

    def named_accounts(self) -> list[tuple[str, str | None]]:
        """Return the account names of the assertion, each with its member."""
        alone = [("count.account", self.count), ("never.account", self.never)]
        ordered = [(f"in_order.{n}.account", each) for n, each in enumerate(self.in_order or ())]
        return [(member, each.account) for member, each in (*alone, *ordered) if each is not None]

    def judge(self, journal: Journal) -> Judgement:
        """Judge the assertion."""
        if self.in_order is not None:
            return judge_order(journal, self.in_order)
        if self.never is not None:
            return judge_never(journal, self.never)
        assert self.count is not None
        count = self.count
        at_most = count.at_most if count.equals is None else count.equals
        return judge_count(journal, count, at_least=count.equals or count.at_least or 0, at_most=at_most)


def entry_json(entry: Entry, *, unmasked: Flag = False) -> dict[str, Any]:
    """Write an entry; `asked` and the whole number only if `unmasked`."""
    written = asdict(entry)
    asked = written.pop("asked")
    del written["observation"]  # only for the report card (report/)
    if entry.asked is not None and entry.ma_yeu_cau and entry.subject and not unmasked:
        written["ma_yeu_cau"] = entry.ma_yeu_cau.replace(entry.asked.number, entry.subject)
    if unmasked:
        written |= {"asked": asked, "masked_subject": entry.subject}
        if entry.asked is not None:
            written["subject"] = entry.asked.number
    return written


class JournalQuery(EntryFilter):
    """The same filters, and whether numbers are shown unmasked."""

    unmasked: bool = False
    limit: int | None = Field(
        default=None, ge=1, le=10_000, description="Entries of one page; all without it."
    )


def journal_routes(runs: Runs, register: Register) -> APIRouter:
    """Make the routes of the journal."""
    router = guarded_router("journal")

    def read_page(run: str, asked: JournalQuery | SearchBody) -> dict[str, Any]:
        """Return a page of entries; `next_after` is the `after` of the next page, null where this one is the last."""
        found = runs.get(run)
        verify_accounts(found, register, [("account", asked.account)])
        entries = found.journal.entries(asked)
        page = entries[: asked.limit]
        written = [entry_json(entry, unmasked=asked.unmasked) for entry in page]
        return {"entries": written, "next_after": page[-1].n if len(page) < len(entries) else None}

    @router.get("/runs/{run}/journal")
    async def read_journal(run: str, narrow: Annotated[JournalQuery, Query()]) -> dict[str, Any]:
        """Return the calls that came to this run, oldest first."""
        return read_page(run, narrow)

    @router.delete("/runs/{run}/journal", status_code=204)
    async def clear_journal(run: str) -> Response:
        """Delete the calls of this run, also from its recording; world, faults and clock stay as they are."""
        found = runs.get(run)
        found.journal.clear()
        found.recording.clear()
        return Response(status_code=204)

    @router.post("/runs/{run}/journal/query")
    async def query_journal(run: str, body: SearchBody) -> dict[str, Any]:
        """Return the calls that match, also those about one person, whose number belongs in a body."""
        return read_page(run, body)

    @router.post("/runs/{run}/journal/assert")
    async def assert_journal(run: str, body: AssertBody) -> dict[str, Any]:
        """Judge an assertion about the journal; one that fails is an answer, not an error."""
        found = runs.get(run)
        verify_accounts(found, register, body.named_accounts())
        judgement = body.judge(found.journal)
        return {"passed": judgement.passed, "reason": judgement.reason}

    return router
