"""Discrepancies: a citizen says that a value of the registry is wrong, and declares the field instead.

A discrepancy is filed on a registry field of the account's own prefill, filled or not. While it is open, later
prefills of this account for the same citizen don't ask for the field (`under_correction`), and the same discrepancy
filed again is the first one. See docs/decisions/0026.

Operators list them, read one with its note, and resolve one as corrected or rejected. The gateway can't correct the registry's
data: an operator writes what the authority in charge of the data decided, in Vietnamese and in English, for the citizen.
Reading a note is recorded, since it may contain personal data; resolving deletes it. Role: `data_protection` or `approver`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.accounts.model import Caller
from gateway.audit.model import AuditEntry, Kind
from gateway.enquiries import prefill_store
from gateway.enquiries.checks import Rights, check_rights, of_call, of_verification, refusals_recorded
from gateway.enquiries.claim import refuse_hidden
from gateway.enquiries.model import (
    Discrepancy,
    DiscrepancyPage,
    DiscrepancyState,
    Page,
    Trace,
    Verification,
)
from gateway.enquiries.receipts import get_verification
from gateway.enquiries.store import find_verification
from gateway.errors.operators import StateWrong
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid
from gateway.identifiers import Profile, new_identifier, normalise, parse_line, refuse_long
from gateway.keys.sealing import seal_with_data_key, unseal_with_data_key
from gateway.operators.model import HOST, Operator, RequestSource, Role, operator_entry
from gateway.operators.sessions import require_role
from gateway.operators.use_cases import confirm_operator
from gateway.profiles.model import Dependencies, Gateway, Place
from gateway.storage.database import Transaction
from gateway.storage.driver import ConnectionTransaction

ROLES = (Role.DATA_PROTECTION, Role.APPROVER)
"""The roles that read and resolve discrepancies."""

MAX_NOTE = 500
MAX_REASON = 500
ID = re.compile(r"dis_[a-z2-7]{25}")
_PREFILL_ID = re.compile(r"pre_[a-z2-7]{25}")


def parse_note(text: str) -> str:
    """Return a note of 1 to 500 characters without hidden ones. Raises `ValueError`."""
    refuse_long(text, longest=MAX_NOTE)
    refuse_hidden(text)
    text = normalise("NFC", text, longest=MAX_NOTE)
    if not 1 <= len(text) <= MAX_NOTE or not text.strip():
        raise ValueError(f"1 to {MAX_NOTE} characters")
    return text


async def file_discrepancy(
    deps: Dependencies, place: Place, caller: Caller, *, prefill: str, field: str, note: str
) -> tuple[Discrepancy, bool]:
    """Store an open discrepancy and its audit row; return it, and whether it is new.

    If the account has an open one about the same field of this citizen, return that one and store nothing.

    Raises:
        FieldUnknown: not a field of any form.
        NotFound: not a prefill of this account.
        RequestInvalid: not a registry field of that prefill.
        TokenInvalid, AccountSuspended: a right of the account has ended meanwhile.
    """
    call = of_call(deps, place, caller)
    async with refusals_recorded(deps, call):
        trace, verification = await _open_prefill(deps, place, caller, prefill, field)
    found = _new_discrepancy(deps, place, trace, verification, field=field, note=note)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], tuple[Discrepancy, bool]]:
        await check_rights(transaction, Rights(caller, asks=False), deps.clock.now())
        first = await prefill_store.find_open_discrepancy(transaction, found)
        if first is not None:
            return (), (first, False)
        await prefill_store.insert_discrepancy(transaction, found)
        filed = replace(
            of_verification(call, verification),
            at=found.filed_at,
            kind=Kind.FILED,
            fields=(found.field,),
            outcome=found.id,
        )
        return (filed,), (found, True)

    async with refusals_recorded(deps, call):
        return await deps.audit.commit(decide)


async def list_own(deps: Dependencies, place: Place, caller: Caller, page: Page) -> DiscrepancyPage:
    """Return one page of the account's discrepancies, the newest first.

    Raises:
        RequestInvalid: `after` is none of the account's discrepancies.
    """
    async with deps.database.read() as connection:
        return await prefill_store.list_discrepancies(
            connection, page, profile=place.profile, client_id=caller.account.client_id
        )


async def get_own(deps: Dependencies, place: Place, caller: Caller, discrepancy_id: str) -> Discrepancy:
    """Return one of the account's discrepancies. Raises `NotFound`."""
    found: Discrepancy | None = None
    if ID.fullmatch(discrepancy_id):
        async with deps.database.read() as connection:
            found = await prefill_store.find_discrepancy(connection, discrepancy_id)
    if found is None or (found.profile, found.client_id) != (place.profile, caller.account.client_id):
        raise NotFound
    return found


async def _open_prefill(
    deps: Dependencies, place: Place, caller: Caller, prefill: str, field: str
) -> tuple[Trace, Verification]:
    if not deps.catalogue.knows_field(field):
        raise FieldUnknown.of("field", "a field that GET procedures lists")
    if not _PREFILL_ID.fullmatch(prefill):
        raise NotFound  # checked here, since PostgreSQL refuses some characters in a query
    async with deps.database.read() as connection:
        trace = await prefill_store.find_trace(
            connection, prefill, profile=place.profile, client_id=caller.account.client_id
        )
    if trace is None:
        raise NotFound
    if field not in trace.fields:
        raise RequestInvalid.of("field", "a registry field that this prefill was asked for")
    return trace, await get_verification(deps, place, caller, trace.verification)


def _new_discrepancy(
    deps: Dependencies, place: Place, trace: Trace, verification: Verification, *, field: str, note: str
) -> Discrepancy:
    name, now = new_identifier("dis"), deps.clock.now()
    sealed, wrapped = seal_with_data_key(
        place.keys, note.encode(), owner=f"discrepancy/{name}", part="note", now=now
    )
    return Discrepancy(
        id=name,
        prefill=trace.id,
        profile=place.profile,
        client_id=trace.client_id,
        subject=verification.subject,
        subject_key=verification.subject_key,
        field=field,
        state=DiscrepancyState.OPEN,
        filed_at=now,
        sealed_note=sealed,
        wrapped_key=wrapped,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """A discrepancy with the verification it is about; `note` is None once it is resolved, or in a list."""

    discrepancy: Discrepancy
    verification: Verification
    note: str | None = None


def parse_reason(text: str) -> str:
    """Return a reason without surrounding white space. Raises `ValueError`."""
    text = text.strip()
    if not 1 <= len(text) <= MAX_REASON:
        raise ValueError(f"1 to {MAX_REASON} characters")
    return parse_line(text)


async def list_all(
    gateway: Gateway, by: Operator, page: Page, profile: Profile | None, *, source: RequestSource = HOST
) -> DiscrepancyPage:
    """Return one page of the discrepancies of all accounts, the newest first, without notes.

    Raises:
        RoleMissing
        RequestInvalid: `after` is none of them.
    """
    await require_role(gateway, by, *ROLES, source=source)
    async with gateway.deps.database.read() as connection:
        return await prefill_store.list_discrepancies(connection, page, profile=profile)


async def read_one(
    gateway: Gateway, by: Operator, discrepancy_id: str, *, source: RequestSource = HOST
) -> Disputed:
    """Return a discrepancy with its note, and record that the operator read it.

    Raises:
        RoleMissing, NotFound
    """
    await require_role(gateway, by, *ROLES, source=source)
    found = await _get(gateway, discrepancy_id)
    await gateway.deps.audit.record(_entry(gateway, by, found, "discrepancy_read", source))
    return found


async def resolve(
    gateway: Gateway,
    by: Operator,
    discrepancy_id: str,
    state: DiscrepancyState,
    *,
    reason_vi: str,
    reason: str,
    source: RequestSource = HOST,
) -> Disputed:
    """End an open discrepancy, with reasons for the citizen: the next prefill asks the registry for the field again.

    Raises:
        RoleMissing, NotFound
        StateWrong: it is resolved already.
    """
    await require_role(gateway, by, *ROLES, source=source)
    if state is DiscrepancyState.OPEN:
        raise RequestInvalid.of("as", "corrected or rejected")
    disputed = await _get(gateway, discrepancy_id)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Disputed]:
        await confirm_operator(transaction, by)
        found = await prefill_store.find_discrepancy(transaction, discrepancy_id)
        if found is None:
            raise NotFound
        if found.state is not DiscrepancyState.OPEN:
            raise StateWrong(f"discrepancy {found.id} is {found.state.value} already")
        resolved = replace(
            found,
            state=state,
            resolved_at=gateway.deps.clock.now(),
            resolved_by=by.name,
            reason_vi=reason_vi,
            reason=reason,
        )
        await prefill_store.resolve_discrepancy(transaction, resolved)
        after = Disputed(discrepancy=resolved, verification=disputed.verification)
        entry = _entry(gateway, by, after, f"discrepancy_{state.value}", source)
        return (entry,), after

    return await gateway.deps.audit.commit(decide)


async def _get(gateway: Gateway, discrepancy_id: str) -> Disputed:
    if not ID.fullmatch(discrepancy_id):
        raise NotFound
    async with gateway.deps.database.read() as connection:
        found = await prefill_store.find_discrepancy(connection, discrepancy_id)
        if found is None:
            raise NotFound
        profile, client_id = found.profile, found.client_id
        trace = await prefill_store.find_trace(
            connection, found.prefill, profile=profile, client_id=client_id
        )
        assert trace is not None
        verification = await find_verification(
            ConnectionTransaction(connection), trace.verification, profile=profile, client_id=client_id
        )
        assert verification is not None
    return Disputed(discrepancy=found, verification=verification, note=_open_note(gateway, found))


def _open_note(gateway: Gateway, found: Discrepancy) -> str | None:
    if found.state is not DiscrepancyState.OPEN:
        return None
    return unseal_with_data_key(
        gateway.places[found.profile].keys,
        found.sealed_note,
        found.wrapped_key,
        owner=f"discrepancy/{found.id}",
        part="note",
    ).decode()


def _entry(
    gateway: Gateway, by: Operator, disputed: Disputed, outcome: str, source: RequestSource
) -> AuditEntry:
    found = disputed.discrepancy
    entry = operator_entry(
        gateway.deps, f"{outcome}:{found.id}", actor=by.name, profile=found.profile, source=source
    )
    return entry.copy_with(
        client_id=found.client_id, verification=disputed.verification.id, fields=(found.field,)
    )
