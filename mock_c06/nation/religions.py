"""What a record says of faith: mostly nothing. Rounded by hand, nobody's statistics."""

from mock_c06.nation.cells import Member
from mock_c06.nation.draws import Draws, Purpose

_NONE, _BUDDHIST, _CATHOLIC, _HOA_HAO, _MUSLIM, _CAO_DAI, _PROTESTANT, _BRAHMIN = (
    "00", "01", "02", "03", "04", "05", "08", "13",
)  # fmt: skip
# Per thousand of a people, by code; the rest have none recorded.
_BY_PEOPLE = {
    "04": {_BUDDHIST: 300, _CATHOLIC: 20},
    "05": {_BUDDHIST: 800},
    "08": {_PROTESTANT: 200},
    "10": {_PROTESTANT: 250, _CATHOLIC: 80},
    "12": {_PROTESTANT: 400, _CATHOLIC: 60},
    "13": {_CATHOLIC: 400},
    "16": {_CATHOLIC: 300, _PROTESTANT: 350},
    "17": {_BRAHMIN: 450, _MUSLIM: 400},
}
_OTHERS = {_BUDDHIST: 60, _CATHOLIC: 65, _HOA_HAO: 12, _CAO_DAI: 9, _PROTESTANT: 5}


def religion_of(draws: Draws, member: Member, people: str) -> str:
    """Give the code of the table that portals use; a household shares it as a rule."""
    shares = _BY_PEOPLE.get(people, _OTHERS)
    root = member.shape.slots[member.position].root
    drawn = draws.draw(Purpose.FAITH, member.clan, root) % 1000
    total = 0
    for code, share in shares.items():
        total += share
        if drawn < total:
            return code
    return _NONE
