"""The checks of a route that takes a citizen's own login: the header `Citizen-Token` is judged directly after the scope."""

from collections.abc import Mapping

from starlette.requests import Request

from gateway.citizens.login_keys import LoginKeys, OpenTransport
from gateway.citizens.tokens import HEADER, CitizenLogin, find_citizen
from gateway.clock import Clock
from gateway.edge.responses import JWS
from gateway.errors.registry import CitizenLoginUnavailable
from gateway.errors.requests import CitizenTokenInvalid, CitizenTokenMissing
from gateway.identifiers import Profile
from gateway.oauth.model import PresentCitizen
from gateway.oauth.web import Bearer
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

    async def find_citizen(self, request: Request, place: Place) -> PresentCitizen | None:
        """Return the citizen of the header `Citizen-Token`; raises as `tokens.find_citizen`."""
        login = request.app.state.citizen_logins.get(place.profile)
        return await find_citizen(login, request.headers.getlist(HEADER), required=self._required)
