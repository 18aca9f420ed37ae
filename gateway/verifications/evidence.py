"""Audit entries of an act: one template with who, what for and about whom, varied row by row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from gateway.audit.model import AuditEntry, Kind
from gateway.edge.problems import find_problem
from gateway.errors import GatewayError
from gateway.errors.registry import RegistryAnswerInvalid, RegistryError
from gateway.identifiers import new_identifier
from gateway.keys.model import Purpose
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.procedures.fields import Operation
from gateway.procedures.model import Procedure, Role
from gateway.profiles.model import Place
from gateway.registry.model import Claim
from gateway.verifications.model import InitiatedBy, Verification

log = structlog.get_logger("gateway.verifications")


def open_act(
    parts: Parts, place: Place, caller: Caller, *, dossier: str, initiated_by: InitiatedBy
) -> AuditEntry:
    """Return the template of an act's rows. `dossier` must be of the checked form."""
    return replace(
        of_call(parts, place, caller),
        dossier=dossier,
        initiated_by=initiated_by.kind,
        authentication=initiated_by.authentication,
    )


def of_call(parts: Parts, place: Place, caller: Caller) -> AuditEntry:
    """Return the template of the rows of one call, before it is known what it is about."""
    return AuditEntry(
        at=parts.clock.now(),
        kind=Kind.REFUSED,
        profile=place.profile,
        act=new_identifier("act"),
        request_id=caller.request_id,
        correlation_id=caller.correlation_id,
        client_id=caller.account.client_id,
        organisation=caller.account.organisation,
    )


def within(act: AuditEntry, procedure: Procedure, role: Role) -> AuditEntry:
    """Add what the act is for; only names of ours, since a caller's own could be a person's number."""
    return replace(act, procedure=procedure.slug, subject_role=role.name, legal_basis=procedure.legal_basis)


def about(act: AuditEntry, place: Place, claim: Claim) -> AuditEntry:
    """Add whom the act is about, as the organisation's pseudonym."""
    number = claim.citizen_id or claim.id_card_number or ""
    return replace(
        act,
        citizen=place.keys.pseudonym("citizen", act.organisation or "", number),
        citizen_key=place.keys.current(Purpose.PSEUDONYM).kid,
    )


def of_verification(call: AuditEntry, verification: Verification) -> AuditEntry:
    """Add the verification that a call is about, with what that stands for."""
    return replace(
        call,
        procedure=verification.procedure,
        dossier=verification.dossier,
        subject_role=verification.subject_role,
        citizen=verification.subject,
        citizen_key=verification.subject_key,
        verification=verification.id,
    )


@asynccontextmanager
async def refusals_recorded(parts: Parts, act: AuditEntry) -> AsyncIterator[None]:
    """Record a guard that held, in a transaction of its own; the registry's failures have rows already."""
    try:
        yield
    except RegistryError:
        raise
    except GatewayError as error:
        code = find_problem(error).code
        await parts.audit.record(replace(act, at=parts.clock.now(), kind=Kind.REFUSED, outcome=code))
        raise


def raise_alarm(error: GatewayError, operation: Operation) -> None:
    """Log an answer that failed our checks as an alarm: the check's name, never a value."""
    if isinstance(error, RegistryAnswerInvalid):
        log.warning("registry_answer_invalid", operation=operation.value, reason=error.reason)
