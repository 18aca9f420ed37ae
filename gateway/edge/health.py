"""Health, without authentication: `/livez` and `/readyz`."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gateway.background import start_task
from gateway.deployment import record_probe
from gateway.edge.problems import Internal
from gateway.edge.responses import Answer, refuses
from gateway.errors.requests import Overloaded, StoreUnavailable
from gateway.storage.database import Database, Transaction
from gateway.storage.outages import Cause


class LiveAnswer(Answer):
    """The process answers."""

    status: Literal["ok"]


class ProfileStates(Answer):
    """The state of each profile; `not_served`: another process answers for it."""

    sandbox: Literal["ready", "degraded", "suspended", "unconfigured", "not_served"]
    official: Literal["ready", "degraded", "suspended", "unconfigured", "not_served"]


class CredentialEnds(Answer):
    """In how many days each profile's credentials at the registry end; null where no end is known."""

    sandbox: int | None
    official: int | None


class CredentialWarnings(Answer):
    """What to do about a profile's credentials, from 30 days before their end, and while the registry refuses them."""

    sandbox: str | None
    official: str | None


class EnquiryWarnings(Answer):
    """A warning if accounts of a profile have nearly used up their enquiries of an hour or a day; else null."""

    sandbox: str | None
    official: str | None


class ReadyAnswer(Answer):
    """The store can be written. `credential_days_left`: whole days; negative once they have ended."""

    status: Literal["ok"]
    profiles: ProfileStates
    credential_days_left: CredentialEnds
    credential_warnings: CredentialWarnings
    enquiry_warnings: EnquiryWarnings


class NotReadyAnswer(Answer):
    """The store can't be written: no profile can answer; or the process is about to stop (`draining`).

    `cause`, of the store, is in the log too, with its remedy.
    """

    status: Literal["store_unavailable", "overloaded", "draining"]
    cause: str | None
    profiles: ProfileStates
    credential_days_left: CredentialEnds
    credential_warnings: CredentialWarnings
    enquiry_warnings: EnquiryWarnings


PROBE_SECONDS = 2.0
"""How long `/readyz` waits for the store."""

_PROBES_APART = 1.0
"""Seconds for which a probe's success is used again: anybody may call `/readyz`, and a commit waits for the disk."""


Profiles = Callable[[], dict[str, dict[str, Any]]]
Enquiries = Callable[[Transaction], Awaitable[dict[str, str | None]]]


class Health:
    """What `/readyz` answers. It commits a row to find out whether the store can be written; all calls share one probe."""

    def __init__(self, database: Database, *, profiles: Profiles, enquiries: Enquiries) -> None:
        """`profiles` returns the profiles' members of `ReadyAnswer`, `enquiries` the warnings from the store."""
        self._database = database
        self._profiles = profiles
        self._enquiries = enquiries
        self._probe: asyncio.Task[Overloaded | None] | None = None
        self._begun = 0.0

    async def check(self, *, draining: bool) -> tuple[bool, dict[str, Any]]:
        """Return whether the gateway is ready, and the members of the answer."""
        outage, warnings = await self._find_outage(), dict[str, str | None].fromkeys(("sandbox", "official"))
        if outage is None:
            try:
                async with self._database.read() as connection:
                    warnings = await self._enquiries(connection)
            except Overloaded as error:
                outage = error
        members = self._profiles() | {"enquiry_warnings": warnings}
        if draining:
            return False, {"status": "draining", "cause": None} | members
        if outage is None:
            return True, {"status": "ok"} | members
        cause = outage.cause if isinstance(outage, StoreUnavailable) else None
        return False, {"status": outage.code, "cause": cause} | members

    async def _find_outage(self) -> Overloaded | None:
        loop = asyncio.get_running_loop()
        probe = self._probe
        if probe is None or (probe.done() and (probe.result() or loop.time() - self._begun >= _PROBES_APART)):
            self._begun = loop.time()
            self._probe = probe = start_task(self._write(str(int(self._begun))))
        finished, _ = await asyncio.wait({probe}, timeout=PROBE_SECONDS)
        if finished:
            return probe.result()
        cause = Cause.LOCKED if self._database.is_shut_out else Cause.TIMED_OUT
        return self._database.outages.note(cause, "probe")

    async def _write(self, mark: str) -> Overloaded | None:
        try:
            async with self._database.write() as transaction:
                await record_probe(transaction, mark)
        except Overloaded as outage:
            return outage
        return None


def build_router() -> APIRouter:
    """Return the open routes."""
    router = APIRouter()

    @router.get(
        "/livez",
        operation_id="live",
        summary="The process answers",
        responses={200: {"model": LiveAnswer}},
    )
    async def livez() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get(
        "/readyz",
        operation_id="ready",
        summary="The store can be written; each profile's state",
        openapi_extra=refuses(Internal),
        responses={200: {"model": ReadyAnswer}, 503: {"model": NotReadyAnswer}},
    )
    async def readyz(request: Request) -> JSONResponse:
        state = request.app.state
        ready, members = await state.health.check(draining=state.draining())
        return JSONResponse(members, status_code=200 if ready else 503)

    return router
