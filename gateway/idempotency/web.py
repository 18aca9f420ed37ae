"""`Idempotency-Key` on a route: without one the work is simply done, with one it is done once.

A route takes `AtMostOnce` behind its body. It says how to make its answer, and what a kept one must pass again.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from pydantic import WithJsonSchema
from starlette.responses import Response

from gateway.edge.answers import Answer, respond
from gateway.edge.guards import Guard
from gateway.edge.idempotency_key import HEADER, PATTERN, find_key
from gateway.edge.strict_json import parse_object
from gateway.errors import GatewayError
from gateway.errors.idempotency import IdempotencyAnswerGone, IdempotencyConflict, IdempotencyInProgress
from gateway.errors.requests import RequestInvalid
from gateway.idempotency.model import KeptAnswer, KeyedRequest, canonical
from gateway.idempotency.use_cases import answer_once
from gateway.oauth.model import Caller
from gateway.oauth.web import AtPlace, gateway_of
from gateway.profiles.model import Place

REPLAYED = "Idempotent-Replayed"

Make = Callable[[], Awaitable[KeptAnswer]]
Allow = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """One request, with its key where it has one."""

    request: Request
    place: Place
    key: str | None

    async def answer(self, caller: Caller, make: Make, *, allow: Allow | None = None) -> Response:
        """Return what `make` answers, or what was kept of it once `allow` let its members pass."""
        if self.key is None:
            return _respond(await make())

        async def allow_members(kept: KeptAnswer) -> None:
            if allow is not None:
                await allow(json.loads(kept.body))

        keyed = KeyedRequest(
            profile=self.place.profile,
            client_id=caller.account.client_id,
            route=f"{self.request.method} {self.request.scope['route'].path}",
            path=self.request.url.path,
            key=self.key,
            body=canonical(parse_object(await self.request.body() or b"{}")),
        )
        parts = gateway_of(self.request).parts
        return _respond(await answer_once(parts, self.place, keyed, make=make, allow=allow_members))


def keepable(
    answer: Answer, *, status: int = 200, verification: str | None = None, personal: bool = False
) -> KeptAnswer:
    """Return an answer as it goes out, now and under its key; `personal` where it holds a person's data."""
    body = bytes(respond(answer, status=status).body)
    return KeptAnswer(status=status, body=body, verification=verification, personal=personal)


def check_unchanged(kept: dict[str, Any], now: Answer) -> None:
    """Let a kept answer pass that asking anew would give too. Raises `IdempotencyAnswerGone`."""
    if kept != json.loads(keepable(now).body):
        raise IdempotencyAnswerGone


def _respond(kept: KeptAnswer) -> Response:
    headers = {REPLAYED: "true"} if kept.replayed else {}
    return Response(kept.body, status_code=kept.status, media_type="application/json", headers=headers)


class _FindKey(Guard):
    """A dependency that finds a request's key; the body before it has judged its form."""

    refuses: tuple[type[GatewayError], ...] = (RequestInvalid, IdempotencyInProgress)

    def __init__(self, *, has_body: bool) -> None:
        if has_body:
            self.refuses = (*_FindKey.refuses, IdempotencyConflict)

    async def __call__(
        self,
        request: Request,
        place: AtPlace,
        documented: Annotated[
            str | None,
            Header(
                alias=HEADER, description="Random, one for each request: sent again, it gets the same answer."
            ),
            WithJsonSchema({"type": "string", "pattern": PATTERN}),
        ] = None,
    ) -> Once:
        """Return the request with its key."""
        del documented  # it stands here for the document; a header that is repeated shows only in the request
        return Once(request=request, place=place, key=find_key(request))


AtMostOnce = Annotated[Once, Depends(_FindKey(has_body=True))]
AtMostOncePath = Annotated[Once, Depends(_FindKey(has_body=False))]
"""For a call that its path says whole: no other request can come under its key."""
