"""The whole ledger of a person for a data-protection officer: every organisation's enquiries, and disputed fields.

The officer gives a reason. Each reading is a row of its own kind for every organisation that has entries about the person, so
that the next ledger, also the citizen's own, shows who looked. It is recorded before anything is shown.
Source: NĐ 13/2023 Đ9, Đ28; docs/decisions/0023.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.audit.model import AuditEntry, Kind
from gateway.citizens.use_cases import read_whole_ledger
from gateway.discrepancies.resolution import parse_reason
from gateway.enquiries.claim import key_number
from gateway.enquiries.model import Discrepancy
from gateway.enquiries.person_store import find_person_of
from gateway.enquiries.prefill_store import list_disputed
from gateway.errors.operators import OperationError
from gateway.identifiers import Profile, new_identifier
from gateway.keys.model import Purpose
from gateway.operators.model import Operator, Role
from gateway.operators.sessions import require_role
from gateway.operators.use_cases import confirm_operator
from gateway.profiles.model import Gateway, Place
from gateway.storage.database import Transaction

OUTCOME = "ledger"

_NUMBER = re.compile(r"[0-9]{12}")


class LedgerRefused(OperationError):
    """The number or the reason isn't valid; says what is expected, never the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLedger:
    """Entries as (profile, organisation's id and name, row), oldest first of each profile; and the disputed fields.

    `has_earlier`: there are more than the latest 500 of a profile.
    """

    entries: Sequence[tuple[Profile, str, str, Mapping[str, Any]]]
    disputed: Sequence[Discrepancy]
    has_earlier: bool


async def inspect_ledger(
    gateway: Gateway,
    by: Operator,
    number: str,
    reason: str,
    *,
    profiles: Sequence[Profile] = tuple(Profile),
) -> WholeLedger:
    """Return everything that was asked about the person with a number, after the reading is recorded.

    Raises:
        RoleMissing: the operator is not a data-protection officer; recorded.
        LedgerRefused: not a number of twelve digits, or no reason.
    """
    await require_role(gateway, by, Role.DATA_PROTECTION)
    if not _NUMBER.fullmatch(number):
        raise LedgerRefused("the number has twelve digits")
    try:
        reason = parse_reason(reason)
    except ValueError as error:
        raise LedgerRefused(f"reason: {error}") from None
    entries: list[tuple[Profile, str, str, Mapping[str, Any]]] = []
    disputed: list[Discrepancy] = []
    rows: list[AuditEntry] = []
    has_earlier = False
    for place in (gateway.places[profile] for profile in profiles):
        found = await read_whole_ledger(gateway.deps, place, number)
        has_earlier = has_earlier or found.has_earlier
        entries += [(place.profile, each.id, each.name, row) for each, row in found.rows]
        organisations = sorted({str(each.id) for each, _ in found.rows})
        disputed += await _list_disputed(gateway, place, organisations, number)
        rows += _rows(gateway, place, organisations, number, by=by, reason=reason)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await confirm_operator(transaction, by)
        return rows, None

    await gateway.deps.audit.commit(decide)
    return WholeLedger(entries=entries, disputed=disputed, has_earlier=has_earlier)


def _rows(
    gateway: Gateway, place: Place, organisations: Sequence[str], number: str, *, by: Operator, reason: str
) -> list[AuditEntry]:
    """Return a row for each organisation, or one without an organisation if none has an entry."""
    act, keys = new_identifier("act"), place.keys
    return [
        AuditEntry(
            at=gateway.deps.clock.now(),
            kind=Kind.INSPECTED,
            profile=place.profile,
            act=act,
            organisation=organisation or None,
            citizen=key_number(keys, organisation, number).pseudonyms[0],
            citizen_key=keys.current(Purpose.PSEUDONYM).kid,
            outcome=OUTCOME,
            initiated_by="data_protection",
            actor=by.name,
            reason=reason,
        )
        for organisation in organisations or [""]
    ]


async def _list_disputed(
    gateway: Gateway, place: Place, organisations: Sequence[str], number: str
) -> list[Discrepancy]:
    found: list[Discrepancy] = []
    async with gateway.deps.database.read() as connection:
        for organisation in organisations:
            person = await find_person_of(gateway.deps.database, place.keys, organisation, number)
            found += await list_disputed(connection, profile=place.profile, subjects=person.whole)
    return found
