"""Check an enquiry before it is asked, and its rights again before its rows are written; record what is refused.

Before: first whether procedure, role and fields exist (422), then whether they are granted (403). Each class of error
lists all of its errors; the first class is raised. An error repeats only known field names. This part reads no store.

Again: whether account, grants, token, officer, profile and verification are unchanged. `find_ended` is one statement. The
commits of `intended`, `answered` and `delivered` rows call it under the audit's lock. Accounts, profiles and verifications
are changed under the same lock, so the result is still true when the rows are written. `Recheck` calls it before a
question that had to wait, and before a second attempt after a renewed token. A switch of the revision ends no right: a
question under way ends on its first connection (docs/decisions/0056, 0065).

A row is made from the template of its call, which has caller, purpose and citizen (`of_call`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import structlog

from gateway.accounts.model import AccountState, Caller
from gateway.audit.model import AuditEntry, Kind
from gateway.enquiries import store
from gateway.enquiries.model import Verification, VerificationState
from gateway.errors import FieldError, GatewayError
from gateway.errors.requests import (
    AccountSuspended,
    CallerError,
    FieldNotGranted,
    FieldNotInProcedure,
    FieldsError,
    FieldUnknown,
    GrantError,
    OfficerNotGranted,
    ProcedureNotGranted,
    ProcedureUnknown,
    ProfileSuspended,
    RegistryAnswerInvalid,
    RegistryError,
    ScopeMissing,
    SubjectRoleNotGranted,
    SubjectRoleUnknown,
    TokenInvalid,
    VerificationExpired,
    VerificationInvalidated,
)
from gateway.identifiers import VerificationId, new_identifier
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.model import FIELD_OPERATIONS, SENSITIVE_FIELDS, Operation, Procedure, SubjectRole
from gateway.profiles.model import Dependencies, Place
from gateway.storage.database import Transaction
from gateway.storage.driver import ConnectionTransaction, Reader

PREFILL_SCOPE = "prefill"
SENSITIVE_SCOPE = "prefill.sensitive"

log = structlog.get_logger("gateway.verifications")

_MEANING: Mapping[str, type[FieldsError]] = {
    "procedure_unknown": ProcedureUnknown,
    "subject_role_unknown": SubjectRoleUnknown,
    "field_unknown": FieldUnknown,
    "field_not_in_procedure": FieldNotInProcedure,
}
_GRANTS: Mapping[str, type[GrantError]] = {
    "procedure_not_granted": ProcedureNotGranted,
    "subject_role_not_granted": SubjectRoleNotGranted,
    "field_not_granted": FieldNotGranted,
    "officer_not_granted": OfficerNotGranted,
}


def find_procedure(
    catalogue: Catalogue, day: date, procedure: str, subject_role: str, fields: Sequence[str], *, at: str
) -> tuple[Procedure, SubjectRole]:
    """Return the procedure and role, if the role's form has all fields; `at` is the fields' location in the body.

    `day` is today in Asia/Ho_Chi_Minh, for the validity of a procedure's code.

    Raises:
        ProcedureUnknown, SubjectRoleUnknown, FieldUnknown, FieldNotInProcedure: the first that applies, with
        the errors of all.
    """
    found = catalogue.find(procedure, day)
    role = found.role(subject_role) if found is not None else None
    errors: list[FieldError] = []
    if found is None:
        errors.append(_error("procedure", "procedure_unknown", "a slug, or a code that is valid today"))
    elif role is None:
        names = ", ".join(known.name for known in found.roles)
        errors.append(_error("subject_role", "subject_role_unknown", f"one of {names}"))
    form = {field.name for field in role.fields} if role is not None else set()
    outside = [(position, name) for position, name in enumerate(fields) if name not in form]
    unknown = {name for _, name in outside if not catalogue.knows_field(name)}
    errors += [
        _error(f"{at}.{position}", "field_unknown", "a field that GET procedures lists")
        for position, name in outside
        if name in unknown
    ]
    errors += [
        _error(name, "field_not_in_procedure", "this procedure's form has no such field for this role")
        for _, name in outside
        if role is not None and name not in unknown
    ]
    if found is None or role is None or errors:
        raise _MEANING[errors[0].code](tuple(errors))
    return found, role


def list_refusals(
    caller: Caller, procedure: Procedure, role: SubjectRole, fields: Sequence[str], *, at: str
) -> list[FieldError]:
    """Return everything that the token's scopes and grants lack for these fields, scopes first.

    Fields are checked against the entries for this procedure and role, or without such entries against the nearest ones.
    """
    missing = _missing_scopes(caller, fields)
    errors = [_error(at, "scope_missing", f"needs scope {PREFILL_SCOPE}")] if PREFILL_SCOPE in missing else []
    if SENSITIVE_SCOPE in missing:
        errors += [
            _error(name, "scope_missing", f"needs scope {SENSITIVE_SCOPE}")
            for name in fields
            if name in SENSITIVE_FIELDS
        ]
    entries = caller.grants.entries
    for_procedure = [entry for entry in entries if entry.covers_procedure(procedure.slug)]
    for_role = [entry for entry in for_procedure if entry.covers_role(role.name)]
    if not for_procedure:
        errors.append(_error("procedure", "procedure_not_granted", "not in the grants"))
    elif not for_role:
        errors.append(_error("subject_role", "subject_role_not_granted", "not in the grants"))
    nearest = for_role or for_procedure or entries
    errors += [
        _error(name, "field_not_granted", "not in the grants for this procedure and role")
        for name in fields
        if name in FIELD_OPERATIONS and not any(entry.covers_field(name) for entry in nearest)
    ]
    return errors


def refusal_of(caller: Caller, fields: Sequence[str], errors: Sequence[FieldError]) -> CallerError:
    """Return the error of the first refusal's class, with all refusals."""
    if errors[0].code == "scope_missing":
        return ScopeMissing(" ".join(_missing_scopes(caller, fields)), tuple(errors))
    return _GRANTS[errors[0].code](tuple(errors))


def _missing_scopes(caller: Caller, fields: Sequence[str]) -> list[str]:
    """Return the scopes that these fields need and the token lacks."""
    wanted = [PREFILL_SCOPE] if fields else []
    if not SENSITIVE_FIELDS.isdisjoint(fields):
        wanted.append(SENSITIVE_SCOPE)
    return [scope for scope in wanted if scope not in caller.scopes]


def _error(field: str, code: str, detail: str) -> FieldError:
    return FieldError(field=field, code=code, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Why a prefill of these fields would be refused, else the registry's operations that it needs."""

    refusals: Sequence[FieldError]
    operations: Sequence[Operation]


def needed_operations(fields: Sequence[str]) -> tuple[Operation, ...]:
    """Return the registry's operations that return these fields of a form, each once, in a fixed order."""
    needed = {FIELD_OPERATIONS.get(name) for name in fields}
    return tuple(operation for operation in Operation if operation in needed)


ENDED_RIGHTS = (
    TokenInvalid,
    AccountSuspended,
    OfficerNotGranted,
    VerificationExpired,
    VerificationInvalidated,
    ProfileSuspended,
)
"""The errors of an ended right, each of one caller only: other callers of the same question check their own rights."""

NO_OFFICER = FieldError(
    field="initiated_by.id", code="officer_not_granted", detail="not among the account's officers"
)


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights that an enquiry depends on until its answer is sent.

    `officer` is the pseudonym of the officer who acts, None where a citizen does. `verification` is the one that the
    enquiry relies on. `asks` says that the registry is asked, which a suspended profile forbids.
    """

    caller: Caller
    officer: str | None = None
    verification: VerificationId | None = None
    asks: bool = True


async def find_all_ended(
    reader: Reader, rights: Sequence[Rights], now: datetime
) -> list[GatewayError | None]:
    """Return for each call the first right that has ended since its checks, in their order; None if none has."""
    found = await store.read_rights(
        reader,
        clients={each.caller.account.client_id for each in rights},
        tokens={each.caller.token_id for each in rights},
        officers={each.officer for each in rights if each.officer is not None},
        ids={each.verification for each in rights if each.verification is not None},
    )
    return [_find_ended(found, each, now) for each in rights]


async def find_ended(transaction: Transaction, rights: Rights, now: datetime) -> GatewayError | None:
    """Return the first right that has ended since the checks, in their order; None if none has ended."""
    return (await find_all_ended(ConnectionTransaction(transaction), [rights], now))[0]


def _find_ended(found: store.RightsNow, rights: Rights, now: datetime) -> GatewayError | None:
    account = rights.caller.account
    state, grant_epoch = found.accounts.get(account.client_id, (AccountState.REVOKED, 0))
    if state is AccountState.REVOKED:
        return TokenInvalid()
    if state is AccountState.SUSPENDED:
        return AccountSuspended()
    if grant_epoch != account.grant_epoch or rights.caller.token_id in found.tokens:
        return TokenInvalid()
    if rights.officer is not None and (account.client_id, rights.officer) not in found.officers:
        return OfficerNotGranted((NO_OFFICER,))
    if rights.verification is not None and (ended := _find_ended_verification(found, rights, now)):
        return ended
    return ProfileSuspended() if rights.asks and account.profile in found.profiles else None


def _find_ended_verification(found: store.RightsNow, rights: Rights, now: datetime) -> GatewayError | None:
    owner, state, expires_at = found.verifications.get(rights.verification or "", ("", None, None))
    if owner != rights.caller.account.client_id:
        return VerificationExpired()
    if state in {VerificationState.INVALIDATED, VerificationState.REVOKED}:
        return VerificationInvalidated(verification=rights.verification)
    lives = state is VerificationState.LIVE and expires_at is not None and now < expires_at
    return None if lives else VerificationExpired()


async def check_rights(transaction: Transaction, rights: Rights, now: datetime) -> None:
    """Check that no right has ended.

    Raises:
        TokenInvalid, AccountSuspended, OfficerNotGranted, VerificationExpired, VerificationInvalidated, ProfileSuspended
    """
    ended = await find_ended(transaction, rights, now)
    if ended is not None:
        raise ended


class Recheck:
    """Checks rights before a question is sent, unless the event loop has not run since the last check."""

    def __init__(self, deps: Dependencies, rights: Rights) -> None:
        self._deps = deps
        self._rights = rights
        loop = asyncio.get_running_loop()
        self._turned = loop.create_future()
        loop.call_soon(self._turned.set_result, None)

    async def __call__(self) -> None:
        """Raise what `check_rights` raises; `Overloaded` if the store can't be read."""
        if self._turned.done():
            ended = await find_all_ended(self._deps.database, [self._rights], self._deps.clock.now())
            if ended[0] is not None:
                raise ended[0]


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


@dataclass(slots=True)
class RowTemplate:
    """The template of a refusal's row, replaced when more of the call is known.

    It has only known names, never a caller's text, which could be a person's number.
    """

    entry: AuditEntry


@asynccontextmanager
async def refusals_recorded(deps: Dependencies, entry: AuditEntry) -> AsyncIterator[RowTemplate]:
    """Record a refusal that the block raises, in a separate transaction. Failures of the registry already have rows."""
    template = RowTemplate(entry)
    try:
        yield template
    except GatewayError as error:
        if not isinstance(error, RegistryError):
            row = template.entry.copy_with(at=deps.clock.now(), kind=Kind.REFUSED, outcome=error.code)
            await deps.audit.record(row)
        raise


def raise_alarm(error: GatewayError, operation: Operation) -> None:
    """Log an answer that failed the gateway's checks as an alarm, with the check's name and never a value."""
    if isinstance(error, RegistryAnswerInvalid):
        log.warning("registry_answer_invalid", operation=operation.value, reason=error.reason)
