"""Operators on discrepancies: list them, read one with its note, resolve one as corrected or rejected.

The gateway can't correct the registry's data. An operator writes what the authority in charge of the data decided, in
Vietnamese and in English, for the citizen. Reading a note is recorded, since it may contain personal data; resolving
deletes it. Role: `data_protection` or `approver`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.audit.model import AuditEntry
from gateway.discrepancies.use_cases import ID
from gateway.enquiries import prefill_store
from gateway.enquiries.model import Discrepancy, DiscrepancyPage, DiscrepancyState, Page, Verification
from gateway.enquiries.store import find_verification
from gateway.errors import FieldError
from gateway.errors.operators import StateWrong
from gateway.errors.requests import NotFound, RequestInvalid
from gateway.identifiers import Profile, parse_line
from gateway.keys.sealing import unseal_with_data_key
from gateway.operators.model import HOST, Operator, RequestSource, Role, operator_entry
from gateway.operators.sessions import require_role
from gateway.operators.use_cases import confirm_operator
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction
from gateway.storage.driver import ConnectionTransaction

ROLES = (Role.DATA_PROTECTION, Role.APPROVER)
"""The roles that read and resolve discrepancies."""

MAX_REASON = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """How a discrepancy ends, with the reason for the citizen in Vietnamese and in English."""

    state: DiscrepancyState
    reason_vi: str
    reason: str


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
    resolution: Resolution,
    *,
    source: RequestSource = HOST,
) -> Disputed:
    """End an open discrepancy: the next prefill asks the registry for the field again.

    Raises:
        RoleMissing, NotFound
        StateWrong: it is resolved already.
    """
    await require_role(gateway, by, *ROLES, source=source)
    if resolution.state is DiscrepancyState.OPEN:
        raise RequestInvalid(
            (FieldError(field="as", code="request_invalid", detail="corrected or rejected"),)
        )
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
            state=resolution.state,
            resolved_at=gateway.deps.clock.now(),
            resolved_by=by.name,
            reason_vi=resolution.reason_vi,
            reason=resolution.reason,
        )
        await prefill_store.resolve_discrepancy(transaction, resolved)
        after = Disputed(discrepancy=resolved, verification=disputed.verification)
        entry = _entry(gateway, by, after, f"discrepancy_{resolution.state.value}", source)
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
