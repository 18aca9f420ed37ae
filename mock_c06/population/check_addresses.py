"""Check that an address's codes and words belong together, in the list they come from.

An address with a district is of the list before July 2025, one with a ward and no district of the list since.
Looking a code of one list up in the other is the mistake this guards against.
"""

from collections.abc import Iterator

from mock_c06.population.model import Address, Persona
from mock_c06.population.units import Units


def check_addresses(persona: Persona, units: Units) -> Iterator[str]:
    """Check all four addresses; a marked persona must contradict its codes somewhere."""
    person = persona.person
    addresses = {
        "birth registration place": person.birth_registration_place,
        "native place": person.native_place,
        "permanent residence": person.permanent_residence,
        "current residence": person.current_residence,
    }
    mismatched = False
    for name, address in addresses.items():
        if address is None:
            continue
        yield from (f"{name} {said}" for said in _check_codes(address, units))
        if _words_contradict(address, units):
            mismatched = True
            if not persona.unit_mismatch:
                yield f"{name} has words that are not its code's"
    if persona.unit_mismatch and not mismatched:
        yield "is marked as a unit mismatch, but its addresses agree"


def _check_codes(address: Address, units: Units) -> Iterator[str]:
    province, district, ward = address.province_code, address.district_code, address.ward_code
    if province is None:
        if district or ward:
            yield "has a district or ward without a province"
        return
    if address.country != "VN":
        yield "lies abroad but has Vietnamese codes"
    provinces = units.old_provinces if district else units.new_provinces
    if province not in provinces:
        yield f"has the province {province}, which its list does not know"
    known = _known(address, units)
    if ward is not None and (
        known is None or (known.province_code, known.district_code) != (province, district)
    ):
        yield f"has the ward {ward}, which its list does not know there"


def _words_contradict(address: Address, units: Units) -> bool:
    known = _known(address, units)
    return known is not None and address.detail not in {"", known.detail}


def _known(address: Address, units: Units) -> Address | None:
    which = "old" if address.district_code else "new"
    return units.addresses.get(f"{which}:{address.ward_code}")
