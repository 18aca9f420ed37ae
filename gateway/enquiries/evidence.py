"""Audit entries of one call: a template with caller, purpose and citizen, from which each row is made."""

from types import TracebackType
from typing import Any, Self

import structlog

from gateway.audit.model import AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.enquiries.model import Verification
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryError
from gateway.identifiers import new_identifier
from gateway.oauth.model import Caller
from gateway.procedures.fields import Operation
from gateway.profiles.model import Place

log = structlog.get_logger("gateway.verifications")


def of_call(deps: Dependencies, place: Place, caller: Caller, **members: Any) -> AuditEntry:
    """Return the template of the rows of one call, with the members that are known."""
    return AuditEntry(
        at=deps.clock.now(),
        kind=Kind.REFUSED,
        profile=place.profile,
        act=new_identifier("act"),
        request_id=caller.request_id,
        correlation_id=caller.correlation_id,
        client_id=caller.account.client_id,
        organisation=caller.account.organisation,
        **members,
    )


def of_verification(call: AuditEntry, verification: Verification) -> AuditEntry:
    """Return the template with the verification of a call: its procedure, dossier, role and citizen."""
    return call.copy_with(
        procedure=verification.procedure,
        dossier=verification.dossier,
        subject_role=verification.subject_role,
        citizen=verification.subject,
        citizen_key=verification.subject_key,
        verification=verification.id,
    )


class refusals_recorded:  # noqa: N801 - it reads as a function: `async with refusals_recorded(deps, entry) as refusals`
    """Records a refusal that the block raises, in a separate transaction. Failures of the registry already have rows.

    `entry` is the template of the row; it is replaced when more is known. It has only known names, never a caller's text,
    which could be a person's number.
    """

    __slots__ = ("_deps", "entry")

    def __init__(self, deps: Dependencies, entry: AuditEntry) -> None:
        self._deps, self.entry = deps, entry

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, GatewayError) and not isinstance(error, RegistryError):
            row = self.entry.copy_with(at=self._deps.clock.now(), kind=Kind.REFUSED, outcome=error.code)
            await self._deps.audit.record(row)


def raise_alarm(error: GatewayError, operation: Operation) -> None:
    """Log an answer that failed the gateway's checks as an alarm, with the check's name and never a value."""
    if isinstance(error, RegistryAnswerInvalid):
        log.warning("registry_answer_invalid", operation=operation.value, reason=error.reason)
