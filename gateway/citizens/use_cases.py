"""A citizen's own ledger: what every organisation asked about them in this profile (NĐ 13/2023 Điều 9).

Only the citizen's own login opens it: a match of data is not the citizen. Each reading is an audit row of the organisation whose
portal shows it. The rows are found under each organisation's own pseudonyms of the number, and of a nine-digit number that a
record joined with it (docs/decisions/0072).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gateway.accounts.model import Caller, Organisation
from gateway.accounts.store import list_organisations
from gateway.audit.model import AuditEntry, Kind
from gateway.audit.store import LEDGER_MOST
from gateway.enquiries.checks import Rights, check_rights, of_call, refusals_recorded
from gateway.enquiries.claim import key_number
from gateway.enquiries.model import Discrepancy
from gateway.enquiries.person_store import find_person_of
from gateway.enquiries.prefill_store import list_disputed
from gateway.enquiries.receipts import list_rows_about
from gateway.keys.model import Purpose
from gateway.profiles.model import Dependencies, Place
from gateway.storage.database import Transaction

Shared = TypeVar("Shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLedger:
    """The latest rows about a citizen with the organisation of each, oldest first; the fields that the citizen disputed, with
    the organisation to which, oldest first; and whether there are earlier ones."""

    rows: Sequence[tuple[Organisation, Mapping[str, Any]]]
    disputed: Sequence[tuple[Organisation, Discrepancy]]
    has_earlier: bool


async def show_own_ledger(deps: Dependencies, place: Place, caller: Caller, citizen_id: str) -> OwnLedger:
    """Return what was asked about a citizen who has signed in. The last step records the reading, if no right has ended.

    Raises:
        TokenInvalid, AccountSuspended: a right of the account has ended meanwhile.
    """
    own = key_number(place.keys, caller.account.organisation, citizen_id)
    entry = of_call(
        deps,
        place,
        caller,
        citizen=own.pseudonyms[0],
        citizen_key=place.keys.current(Purpose.PSEUDONYM).kid,
        initiated_by="citizen",
    )
    ledger = await read_whole_ledger(deps, place, citizen_id)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        now = deps.clock.now()
        await check_rights(transaction, Rights(caller, asks=False), now)
        return (entry.copy_with(at=now, kind=Kind.SHOWN, outcome="own_ledger"),), None

    async with refusals_recorded(deps, entry):
        await deps.audit.commit(decide)
    return ledger


async def read_whole_ledger(
    deps: Dependencies, place: Place, citizen_id: str, *, most: int = LEDGER_MOST
) -> OwnLedger:
    """Return what every organisation asked about the person with a twelve-digit number. The caller records the reading.

    No more than `most` rows and as many disputed fields, of which each organisation has its share: one with many hides none
    of another's.
    """
    found: list[tuple[Organisation, Sequence[Mapping[str, Any]]]] = []
    disputed: list[tuple[Organisation, Sequence[Discrepancy]]] = []
    has_earlier = False
    async with deps.database.read() as connection:
        organisations = await list_organisations(connection)
    for organisation in organisations:
        person = await find_person_of(deps.database, place.keys, organisation.id, citizen_id)
        rows, earlier = await list_rows_about(deps, place, organisation.id, person, most=most)
        has_earlier = has_earlier or earlier
        found.append((organisation, rows))
        async with deps.database.read() as connection:
            own = await list_disputed(
                connection, profile=place.profile, organisation=organisation.id, subjects=person.whole
            )
        disputed.append((organisation, own))
    shared = _share(found, most, lambda row: datetime.fromisoformat(str(row["at"])))
    shared_disputes = _share(disputed, most, lambda each: each.filed_at)
    left = len(shared) + len(shared_disputes)
    return OwnLedger(
        rows=shared,
        disputed=shared_disputes,
        has_earlier=has_earlier or left < sum(len(each) for _, each in [*found, *disputed]),
    )


def _share(
    found: Sequence[tuple[Organisation, Sequence[Shared]]], most: int, at: Callable[[Shared], datetime]
) -> list[tuple[Organisation, Shared]]:
    """Return the latest rows of each organisation, oldest first; what one leaves of its share is the others'."""
    shared: list[tuple[Organisation, Shared]] = []
    ascending = sorted(found, key=lambda each: len(each[1]))
    for position, (organisation, rows) in enumerate(ascending):
        share = (most - len(shared)) // (len(ascending) - position)
        shared += [(organisation, row) for row in rows[max(len(rows) - share, 0) :]]
    return sorted(shared, key=lambda each: at(each[1]))
