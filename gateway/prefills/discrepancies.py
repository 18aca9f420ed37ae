"""Discrepancies: what the registry gave is not so, says the citizen. The field becomes theirs to declare.

One is filed on a registry field of an own prefill, whether it was filled or the registry had none. While it is
open, later prefills of this account for the same citizen don't ask for the field (`under_correction`). Who
forwards it to the registry, and who closes it, is outside this service (docs/decisions/0026).
"""

import re
from dataclasses import replace

from gateway.audit.model import Kind
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.requests import FieldUnknown, NotFound, RequestInvalid
from gateway.identifiers import new_identifier
from gateway.keys.data_keys import seal_with_data_key
from gateway.normal_forms import normalise, refuse_long
from gateway.oauth.model import Caller
from gateway.parts import Parts
from gateway.prefills import store
from gateway.prefills.model import Discrepancy, DiscrepancyState, Filing, Trace
from gateway.profiles.model import Place
from gateway.verifications.claims import refuse_hidden
from gateway.verifications.evidence import of_call, of_verification, refusals_recorded
from gateway.verifications.model import Verification
from gateway.verifications.rights import check_rights, rights_of
from gateway.verifications.use_cases import get_verification

MAX_NOTE = 500
_ID = re.compile(r"pre_[a-z2-7]{25}")


def parse_note(text: str) -> str:
    """Return a note of 1 to 500 characters that hides nothing. Raises `ValueError`."""
    refuse_long(text, longest=MAX_NOTE)
    refuse_hidden(text)
    text = normalise("NFC", text, longest=MAX_NOTE)
    if not 1 <= len(text) <= MAX_NOTE or not text.strip():
        raise ValueError(f"1 to {MAX_NOTE} characters")
    return text


async def file_discrepancy(parts: Parts, place: Place, caller: Caller, filing: Filing) -> Discrepancy:
    """Keep a discrepancy, open, with the row that says so.

    Raises:
        FieldUnknown: no field of any form.
        NotFound: not a prefill of this account.
        RequestInvalid: not a registry field of that prefill.
        TokenInvalid, AccountSuspended: the account may not any more.
    """
    call = of_call(parts, place, caller)
    async with refusals_recorded(parts, call):
        trace, verification = await _open_prefill(parts, place, caller, filing)
    found = _new_discrepancy(parts, place, filing, trace, verification)

    async def change(transaction: Transaction) -> None:
        await check_rights(transaction, rights_of(caller, asks=False), parts.clock.now())
        await store.insert_discrepancy(transaction, found)

    filed = replace(
        of_verification(call, verification),
        at=found.filed_at,
        kind=Kind.FILED,
        fields=(found.field,),
        outcome=found.id,
    )
    async with refusals_recorded(parts, call):
        await parts.audit.record(filed, change=change)
    return found


async def _open_prefill(
    parts: Parts, place: Place, caller: Caller, filing: Filing
) -> tuple[Trace, Verification]:
    if not parts.catalogue.knows_field(filing.field):
        raise FieldUnknown((_error("field_unknown", "a field that GET procedures lists"),))
    if not _ID.fullmatch(filing.prefill):
        raise NotFound  # before the store, which can't even be asked about some characters
    async with parts.database.read() as connection:
        trace = await store.find_trace(
            connection, filing.prefill, profile=place.profile, client_id=caller.account.client_id
        )
    if trace is None:
        raise NotFound
    if filing.field not in trace.fields:
        detail = "a registry field that this prefill was asked for"
        raise RequestInvalid((_error("request_invalid", detail),))
    return trace, await get_verification(parts, place, caller, trace.verification)


def _new_discrepancy(
    parts: Parts, place: Place, filing: Filing, trace: Trace, verification: Verification
) -> Discrepancy:
    name = new_identifier("dis")
    sealed, wrapped = seal_with_data_key(
        place.keys, filing.note.encode(), owner=f"discrepancy/{name}", part="note"
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
        filed_at=parts.clock.now(),
        sealed_note=sealed,
        wrapped_key=wrapped,
    )


def _error(code: str, detail: str) -> FieldError:
    return FieldError(field="field", code=code, detail=detail)
