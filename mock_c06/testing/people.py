"""A person to ask about, with the fields of a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mock_c06.matching import fold_name


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    """A synthetic person. `confirmed`: a yes/no question with these values is answered with yes."""

    slug: str
    why: str
    full_name: str
    citizen_id: str | None = None
    id_card_number: str | None = None
    birth_date: str | None = None
    birth_year: int | None = None
    alive: bool = True
    confirmed: bool = True

    @property
    def number(self) -> str:
        """The number to ask by: twelve digits, else nine."""
        return self.citizen_id or self.id_card_number or ""

    @property
    def folded_name(self) -> str:
        """The name as C06 compares it, such as `NGUYENVANAN`."""
        return fold_name(self.full_name)

    @property
    def wire(self) -> dict[str, str]:
        """The person's fields of a request, by their wire names."""
        number = {"SoDinhDanh": self.citizen_id} if self.citizen_id else {"SoCMND": self.number}
        birth = (
            {"NgayThangNam": self.birth_date.replace("-", "")}
            if self.birth_date
            else {"Nam": str(self.birth_year)}
        )
        return {**number, "HoVaTen": self.folded_name, **birth}


PersonOrNumber = KnownPerson | str


def numbers_of(somebody: PersonOrNumber) -> dict[str, str]:
    """Return the person's numbers by member names."""
    if isinstance(somebody, str):
        return {"citizen_id" if len(somebody) == 12 else "id_card_number": somebody}
    numbers = {"citizen_id": somebody.citizen_id, "id_card_number": somebody.id_card_number}
    return {name: number for name, number in numbers.items() if number is not None}


def number_of(somebody: PersonOrNumber) -> str:
    """Return the person's number, or the given number."""
    return somebody if isinstance(somebody, str) else somebody.number


def read_person(written: Mapping[str, Any]) -> KnownPerson:
    """Read a person of the catalogue, or of a run's world."""
    known = {name for name in KnownPerson.__dataclass_fields__ if name in written}
    values = {name: written[name] for name in known}
    values.setdefault("slug", str(written.get("citizen_id") or written.get("id_card_number")))
    values.setdefault("why", "put into the run by the test")
    expected = written.get("expect", {"confirmed": values.get("alive", True)})
    return KnownPerson(**values, confirmed=expected["confirmed"])
