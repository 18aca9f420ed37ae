"""`POST /{profile}/v1/ledger/mine`: what every organisation asked about the citizen who has signed in."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from gateway.citizens.call_web import CitizenBearer
from gateway.citizens.use_cases import OwnLedger, show_own_ledger
from gateway.edge.requests import check_empty
from gateway.edge.responses import Answer, add_route, respond
from gateway.enquiries.responses import LedgerEntry, ledger_members
from gateway.oauth.web import Call, Checks


class OwnLedgerEntry(LedgerEntry):
    """One enquiry of an organisation on the citizen, or one reading of this ledger (`kind`: `shown`)."""

    organisation: str
    organisation_name: str


class OwnLedgerAnswer(Answer):
    """The latest 500 enquiries of all organisations, oldest first; `earlier_left_out` is there only if there are more."""

    entries: list[OwnLedgerEntry]
    earlier_left_out: bool = False


def build_router() -> APIRouter:
    """Return the route, which every profile has."""
    router = APIRouter(prefix="/{profile}/v1")
    summary = "All organisations' enquiries on the citizen who has signed in"
    add_route(router, "POST", "/ledger/mine", _show_own_ledger, summary, OwnLedgerAnswer)
    return router


async def _show_own_ledger(
    call: Annotated[Call[None], Depends(Checks(CitizenBearer("ledger", required=True), check_empty))],
) -> Response:
    citizen = call.caller.citizen
    assert citizen is not None  # the header is required
    return respond(_shape(await show_own_ledger(call.deps, call.place, call.caller, citizen)))


def _shape(ledger: OwnLedger) -> OwnLedgerAnswer:
    entries = [
        OwnLedgerEntry.model_construct(
            **ledger_members(row), organisation=organisation.id, organisation_name=organisation.name
        )
        for organisation, row in ledger.rows
    ]
    marked = {"earlier_left_out": True} if ledger.has_earlier else {}
    return OwnLedgerAnswer(entries=entries, **marked)
