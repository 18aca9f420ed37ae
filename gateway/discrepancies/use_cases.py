"""Discrepancies: a citizen says that a value of the registry is wrong, and declares the field instead.

A discrepancy is filed on a registry field of the account's own prefill, filled or not. While it is open, later
prefills of this account for the same citizen don't ask for the field (`under_correction`), and the same discrepancy
filed again is the first one. An operator resolves it (`resolution.py`). See docs/decisions/0026.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.model import AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.enquiries import prefill_store
from gateway.enquiries.checks import Rights, check_rights
from gateway.enquiries.claim import refuse_hidden
from gateway.enquiries.evidence import of_call, of_verification, refusals_recorded
from gateway.enquiries.model import (
    Discrepancy,
    DiscrepancyPage,
    DiscrepancyState,
    Filing,
    Page,
    Trace,
    Verification,
)
from gateway.enquiries.receipts import get_verification
from gateway.errors import FieldError
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid
from gateway.identifiers import new_identifier
from gateway.keys.sealing import seal_with_data_key
from gateway.normal_forms import normalise, refuse_long
from gateway.oauth.model import Caller
from gateway.profiles.model import Place
from gateway.storage.database import Transaction

MAX_NOTE = 500
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
    deps: Dependencies, place: Place, caller: Caller, filing: Filing
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
        trace, verification = await _open_prefill(deps, place, caller, filing)
    found = _new_discrepancy(deps, place, filing, trace, verification)

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
    deps: Dependencies, place: Place, caller: Caller, filing: Filing
) -> tuple[Trace, Verification]:
    if not deps.catalogue.knows_field(filing.field):
        raise FieldUnknown((_error("field_unknown", "a field that GET procedures lists"),))
    if not _PREFILL_ID.fullmatch(filing.prefill):
        raise NotFound  # checked here, since PostgreSQL refuses some characters in a query
    async with deps.database.read() as connection:
        trace = await prefill_store.find_trace(
            connection, filing.prefill, profile=place.profile, client_id=caller.account.client_id
        )
    if trace is None:
        raise NotFound
    if filing.field not in trace.fields:
        detail = "a registry field that this prefill was asked for"
        raise RequestInvalid((_error("request_invalid", detail),))
    return trace, await get_verification(deps, place, caller, trace.verification)


def _new_discrepancy(
    deps: Dependencies, place: Place, filing: Filing, trace: Trace, verification: Verification
) -> Discrepancy:
    name, now = new_identifier("dis"), deps.clock.now()
    sealed, wrapped = seal_with_data_key(
        place.keys, filing.note.encode(), owner=f"discrepancy/{name}", part="note", now=now
    )
    return Discrepancy(
        id=name,
        prefill=trace.id,
        profile=place.profile,
        client_id=trace.client_id,
        subject=verification.subject,
        subject_key=verification.subject_key,
        field=filing.field,
        state=DiscrepancyState.OPEN,
        filed_at=deps.clock.now(),
        sealed_note=sealed,
        wrapped_key=wrapped,
    )


def _error(code: str, detail: str) -> FieldError:
    return FieldError(field="field", code=code, detail=detail)
