"""The people whom the rows of one account affect: what is needed within 72 hours after a leak of its credentials.

A person is a pseudonym of the account's organisation. Counted are answers, reuses and deliveries: what the account learned.
A person whose number was asked under several pseudonym keys is shown by the oldest pseudonym.
Source: NĐ 13/2023 Đ23, Luật 91/2025/QH15 Đ23.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.accounts.store import find_account
from gateway.audit.model import Kind
from gateway.errors.operators import Unknown
from gateway.inspection.period import Period
from gateway.inspection.store import map_oldest, stream_of_account
from gateway.storage.database import Database

KINDS = (Kind.ANSWERED, Kind.REUSED, Kind.DELIVERED)


@dataclass(slots=True)
class AffectedPerson:
    """One person: acts about them, whether one of them was confirmed, and the fields that were delivered."""

    pseudonym: str
    organisation: str
    acts: set[str] = field(default_factory=set)
    confirmed: bool = False
    fields: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""

    def members(self) -> dict[str, object]:
        """Return the members of the contract, and when the account first and last asked."""
        return {
            "pseudonym": self.pseudonym,
            "organisation": self.organisation,
            "enquiries": len(self.acts),
            "confirmed": self.confirmed,
            "fields": sorted(self.fields),
            "first_at": self.first,
            "last_at": self.last,
        }


async def find_affected(database: Database, client_id: str, period: Period) -> list[AffectedPerson]:
    """Return the people whom an account asked about in a period, the first asked first.

    Raises:
        Unknown: there is no such account.
    """
    people: dict[tuple[str, str], AffectedPerson] = {}
    async with database.walk() as connection:
        account = await find_account(connection, client_id)
        if account is None:
            raise Unknown(f"{client_id}: no such account: gateway accounts list")
        oldest = await map_oldest(connection, account.profile, account.organisation)
        async for body in stream_of_account(connection, client_id, KINDS, period):
            row = json.loads(body)
            if "citizen" not in row:
                continue
            key = (row.get("organisation", ""), oldest.get(row["citizen"], row["citizen"]))
            person = people.setdefault(key, AffectedPerson(pseudonym=key[1], organisation=key[0]))
            person.acts.add(row["act"])
            person.confirmed |= row.get("outcome") == "confirmed"
            if row["kind"] == Kind.DELIVERED:
                person.fields.update(row.get("fields", ()))
            person.first, person.last = person.first or row["at"], row["at"]
    return list(people.values())


def count_affected(people: Iterable[AffectedPerson]) -> dict[str, object]:
    """Return the totals: people, enquiries, people confirmed, and people by field and by organisation."""
    found = list(people)
    return {
        "people": len(found),
        "enquiries": sum(len(each.acts) for each in found),
        "confirmed": sum(each.confirmed for each in found),
        "with_fields": sum(bool(each.fields) for each in found),
        "fields": dict(sorted(Counter(name for each in found for name in each.fields).items())),
        "organisations": dict(sorted(Counter(each.organisation for each in found).items())),
    }
