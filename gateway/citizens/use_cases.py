"""A citizen's own ledger: what every organisation asked about them in this profile (NĐ 13/2023 Điều 9).

Only the citizen's own login opens it: a match of data is not the citizen. Each reading is an audit row of the organisation whose
portal shows it. The rows are found under each organisation's own pseudonyms of the number, and of a nine-digit number that a
record joined with it (docs/decisions/0072).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from gateway.accounts.model import Organisation
from gateway.accounts.store import list_organisations
from gateway.audit.model import AuditEntry, Kind
from gateway.audit.use_cases import LEDGER_MOST
from gateway.dependencies import Dependencies
from gateway.enquiries.checks import Rights, check_rights
from gateway.enquiries.claim import key_number
from gateway.enquiries.evidence import of_call, refusals_recorded
from gateway.enquiries.person_store import find_person_of
from gateway.enquiries.receipts import list_rows_about
from gateway.keys.model import Purpose
from gateway.oauth.model import Caller, PresentCitizen
from gateway.profiles.model import Place
from gateway.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnLedger:
    """The latest rows about a citizen with the organisation of each, oldest first, and whether there are earlier ones."""

    rows: Sequence[tuple[Organisation, Mapping[str, Any]]]
    has_earlier: bool


async def show_own_ledger(
    deps: Dependencies, place: Place, caller: Caller, citizen: PresentCitizen
) -> OwnLedger:
    """Return what was asked about a citizen who has signed in. The last step records the reading, if no right has ended.

    Raises:
        TokenInvalid, AccountSuspended: a right of the account has ended meanwhile.
    """
    own = key_number(place.keys, caller.account.organisation, citizen.citizen_id)
    entry = of_call(
        deps,
        place,
        caller,
        citizen=own.pseudonyms[0],
        citizen_key=place.keys.current(Purpose.PSEUDONYM).kid,
        initiated_by="citizen",
    )
    ledger = await read_whole_ledger(deps, place, citizen.citizen_id)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        now = deps.clock.now()
        await check_rights(transaction, Rights(caller, asks=False), now)
        return (entry.copy_with(at=now, kind=Kind.SHOWN, outcome="own_ledger"),), None

    async with refusals_recorded(deps, entry):
        await deps.audit.commit(decide)
    return ledger


async def read_whole_ledger(deps: Dependencies, place: Place, citizen_id: str) -> OwnLedger:
    """Return what every organisation asked about the person with a twelve-digit number. The caller records the reading."""
    found: list[tuple[datetime, Organisation, Mapping[str, Any]]] = []
    has_earlier = False
    async with deps.database.read() as connection:
        organisations = await list_organisations(connection)
    for organisation in organisations:
        person = await find_person_of(deps.database, place.keys, organisation.id, citizen_id)
        rows, earlier = await list_rows_about(deps, place, organisation.id, person)
        has_earlier = has_earlier or earlier
        found += [(datetime.fromisoformat(str(row["at"])), organisation, row) for row in rows]
    found.sort(key=itemgetter(0))
    return OwnLedger(
        rows=[(organisation, row) for _, organisation, row in found[-LEDGER_MOST:]],
        has_earlier=has_earlier or len(found) > LEDGER_MOST,
    )
