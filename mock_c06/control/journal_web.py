"""The control face's part for journals: read, query, assert, clear."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Query as InAddress

from mock_c06.control.journal_json import AssertBody, EntryFilter, SearchBody, entry_json
from mock_c06.control.named_accounts import NamedAccounts
from mock_c06.runs.run import Runs


class _Filter(EntryFilter):
    unmasked: bool = False


def journal_routes(runs: Runs, accounts: NamedAccounts) -> APIRouter:
    """Make the routes."""
    router = APIRouter(tags=["journal"])

    @router.get("/runs/{run}/journal")
    async def read_journal(run: str, narrow: Annotated[_Filter, InAddress()]) -> dict[str, Any]:
        """Give the calls that came to this run, oldest first."""
        found = runs.get(run)
        accounts.verify(found, [("account", narrow.account)])
        entries = found.journal.entries(narrow.query())
        return {"entries": [entry_json(entry, unmasked=narrow.unmasked) for entry in entries]}

    @router.delete("/runs/{run}/journal", status_code=204)
    async def clear_journal(run: str) -> Response:
        """Forget the calls of this run, for its recording too; world, faults and clock stay as they are."""
        found = runs.get(run)
        found.journal.clear()
        found.recording.clear()
        return Response(status_code=204)

    @router.post("/runs/{run}/journal/query")
    async def query_journal(run: str, body: SearchBody) -> dict[str, Any]:
        """Give the calls that match, also those about one person: numbers belong in a body."""
        found = runs.get(run)
        accounts.verify(found, [("account", body.account)])
        entries = found.journal.entries(body.query())
        return {"entries": [entry_json(entry, unmasked=body.unmasked) for entry in entries]}

    @router.post("/runs/{run}/journal/assert")
    async def assert_journal(run: str, body: AssertBody) -> dict[str, Any]:
        """Judge a claim about the journal; a claim that doesn't hold is an answer, not an error."""
        found = runs.get(run)
        accounts.verify(found, body.named_accounts())
        judgement = body.judge(found.journal)
        return {"passed": judgement.passed, "reason": judgement.reason}

    return router
