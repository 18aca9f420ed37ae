"""`POST /{profile}/v1/ledger/mine`: what every organisation asked about the citizen who has signed in.

Also the check of the routes that take a citizen's own login: the header `Citizen-Token` is judged directly after the scope.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from gateway.citizens.login import HEADER, CitizenLogin, LoginKeys, OpenTransport
from gateway.citizens.use_cases import OwnLedger, show_own_ledger
from gateway.clock import Clock
from gateway.discrepancies.responses import DiscrepancyAnswer
from gateway.edge.requests import check_empty
from gateway.edge.responses import JWS, Answer, add_route, respond
from gateway.enquiries.responses import LedgerEntry, ledger_members
from gateway.errors.requests import CitizenLoginUnavailable, CitizenTokenInvalid, CitizenTokenMissing
from gateway.identifiers import Profile
from gateway.oauth.bearer_web import Bearer
from gateway.oauth.web import Call, Checks
from gateway.profiles.model import Place
from gateway.settings import Settings


def open_citizen_logins(
    settings: Settings, *, clock: Clock, open_transport: OpenTransport
) -> Mapping[Profile, CitizenLogin]:
    """Return the login of each profile that has one; nothing is sent before its first token."""
    found = {}
    for profile in Profile:
        own = settings.of(profile)
        if own.citizen_issuer is not None:
            keys = LoginKeys(own.citizen_issuer, clock=clock, open_transport=open_transport)
            found[profile] = CitizenLogin(own.citizen_issuer, own.citizen_audience, keys=keys, clock=clock)
    return found


_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "description": (
        "The ID token of the citizen who signed in at the national login 15 minutes ago at most: a compact JWS, as the "
        "login's token endpoint gave it to the portal."
    ),
    "schema": {"type": "string", "pattern": JWS},
}


class CitizenBearer(Bearer):
    """A dependency that returns the caller with the citizen who has signed in; `required`: without one it refuses."""

    def __init__(self, scope: str, *, required: bool) -> None:
        super().__init__(scope)
        self._required = required
        self.parameters = [_PARAMETER | {"required": required}]
        self.refuses += (CitizenTokenInvalid, CitizenLoginUnavailable)
        if required:
            self.refuses += (CitizenTokenMissing,)

    async def find_citizen(self, request: Request, place: Place) -> str | None:
        """Return the number of the citizen of the header `Citizen-Token`; None without one, unless it is required.

        Raises:
            CitizenTokenMissing, CitizenTokenInvalid (also where the profile has no login), CitizenLoginUnavailable
        """
        headers = request.headers.getlist(HEADER)
        if not headers:
            if self._required:
                raise CitizenTokenMissing
            return None
        login: CitizenLogin | None = request.app.state.citizen_logins.get(place.profile)
        if login is None:
            raise CitizenTokenInvalid("no login is configured for this profile")
        if len(headers) > 1:
            raise CitizenTokenInvalid("two headers")
        return await login.identify(headers[0].strip())


class OwnLedgerEntry(LedgerEntry):
    """One enquiry of an organisation on the citizen, or one reading of this ledger (`kind`: `shown`)."""

    organisation: str
    organisation_name: str


class OwnDiscrepancy(DiscrepancyAnswer):
    """A field that the citizen disputed, the organisation through which, and how it ended."""

    organisation: str
    organisation_name: str


class OwnLedgerAnswer(Answer):
    """The latest 500 enquiries of all organisations, oldest first; `discrepancies`, only if the citizen disputed a field, has the
    latest 500 of these; `earlier_left_out` is there only if there are more."""

    entries: list[OwnLedgerEntry]
    discrepancies: list[OwnDiscrepancy] = Field(default_factory=list)
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
    citizen_id = call.caller.citizen_id
    assert citizen_id is not None  # the header is required
    return respond(_shape(await show_own_ledger(call.deps, call.place, call.caller, citizen_id)))


def _shape(ledger: OwnLedger) -> OwnLedgerAnswer:
    entries = [
        OwnLedgerEntry.model_construct(
            **ledger_members(row), organisation=organisation.id, organisation_name=organisation.name
        )
        for organisation, row in ledger.rows
    ]
    marked: dict[str, Any] = {"earlier_left_out": True} if ledger.has_earlier else {}
    if ledger.disputed:
        marked["discrepancies"] = [
            OwnDiscrepancy.of(each, organisation=organisation.id, organisation_name=organisation.name)
            for organisation, each in ledger.disputed
        ]
    return OwnLedgerAnswer.model_construct(entries=entries, **marked)
