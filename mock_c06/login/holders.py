"""Who can sign in at the stand-in for the national login: the hand-made people and the officers of ready-made accounts.

People without a 12-digit number are left out: the national login knows a person by it. The service officer is left
out: a program acts in that name, not a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mock_c06.accounts.model import Account
from mock_c06.matching import fold_words
from mock_c06.people.model import Persona

SERVICE_OFFICER = "dvctt.dichvu"
_OFFICER_WHY = "An officer of a one-stop desk; whether a portal's account names them is the gateway's to say"
_OFFICER_WHY_VI = (
    "Cán bộ Bộ phận một cửa; tài khoản của cổng dịch vụ công có tên cán bộ này hay không do gateway xác định"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Someone who can sign in. `claims` go into the ID token; `why` and `why_vi` say which case the person is for."""

    slug: str
    name: str
    why: str
    why_vi: str
    theme: str
    claims: dict[str, str]

    @property
    def is_officer(self) -> bool:
        """Return whether this is an officer, who has no citizen's number."""
        return "officer_id" in self.claims

    @property
    def born(self) -> str:
        """Return the birth date or year; empty for an officer."""
        return self.claims.get("birth_date", "")


def list_holders(personas: Iterable[Persona], accounts: Iterable[Account]) -> tuple[Holder, ...]:
    """Return everyone who can sign in, citizens first, in the order of the catalogue."""
    citizens = [_citizen(persona) for persona in personas if persona.person.citizen_id]
    officers = sorted({name for account in accounts for name in account.officers} - {SERVICE_OFFICER})
    return (*citizens, *(_officer(name) for name in officers))


def search_holders(holders: Iterable[Holder], text: str) -> list[Holder]:
    """Return the holders whose name, number or reason contains every word, tone marks and case aside."""
    words = fold_words(text).split()
    searched = [(holder, _searched(holder)) for holder in holders]
    return [holder for holder, told in searched if all(word in told for word in words)]


def _searched(holder: Holder) -> str:
    # Folded one by one: `fold_words` reads 400 characters, which a long name with two long reasons exceeds.
    parts = (holder.name, holder.slug, holder.why_vi, holder.why, *holder.claims.values())
    return " ".join(fold_words(part) for part in parts)


def _citizen(persona: Persona) -> Holder:
    person = persona.person
    born = person.birth_date.isoformat() if person.birth_date else str(person.birth_year)
    claims = {"citizen_id": person.citizen_id or "", "name": person.full_name, "birth_date": born}
    return Holder(
        slug=persona.slug,
        name=person.full_name,
        why=persona.why,
        why_vi=persona.why_vi,
        theme=persona.theme,
        claims=claims,
    )


def _officer(name: str) -> Holder:
    number = name.rpartition(".")[2]
    shown = f"Cán bộ một cửa {number}"
    return Holder(
        slug=f"officer:{name}",
        name=shown,
        why=_OFFICER_WHY,
        why_vi=_OFFICER_WHY_VI,
        theme="officers",
        claims={"officer_id": name, "name": shown},
    )
