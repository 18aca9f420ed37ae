"""The two numbers of a record, and the records of a number.

Twelve digits: province, century and gender, year, and six digits of the population's block, 900000 to 999999: the
place in the cell, shuffled under a key of seed and cell. Nine digits: the place among all, shuffled; they begin
with 5 to 9, which no province's identity cards are known to have done. Both can be undone.
"""

from mock_c06.nation.cells import Cells, Member
from mock_c06.nation.columns import FIRST_YEAR, LAST_YEAR
from mock_c06.nation.draws import Draws, Whole
from mock_c06.nation.provinces import load_provinces

BLOCK = 100_000
_FIRST_OF_BLOCK = 900_000
_LEFT, _RIGHT = 400, 250
_CARDS = 500_000_000
_FIRST_CARD = 500_000_000
# The digits of century and gender, and of the year, for each year's two genders; and what they mean.
_DIGITS = {
    year: tuple(f"{(year - FIRST_YEAR) // 100 * 2 + gender}{year % 100:02d}" for gender in (0, 1))
    for year in range(FIRST_YEAR, LAST_YEAR + 1)
}
_BORN = {digits: (year, gender) for year, pair in _DIGITS.items() for gender, digits in enumerate(pair)}


class Numbering:
    """Numbers under one seed, for one population."""

    def __init__(self, cells: Cells, draws: Draws) -> None:
        self._cells = cells
        self._codes = [province.code for province in load_provinces()]
        self._places = {code: place for place, code in enumerate(self._codes)}
        self._to_left = _make_table(draws, Whole.SHUFFLE_LEFT, _RIGHT, _LEFT)
        self._to_right = _make_table(draws, Whole.SHUFFLE_RIGHT, _LEFT, _RIGHT)
        left, factor = divmod(draws.draw_of_all(Whole.CARD), _CARDS // 10)
        # Odd and no multiple of 5: then multiplying can be undone.
        self._factor = factor * 10 + 7
        self._shift = left % _CARDS
        self._undo = pow(self._factor, -1, _CARDS)

    def citizen_id(self, member: Member) -> str:
        """Write the twelve digits."""
        turns = _turns(member.province, member.year, member.gender)
        random = _FIRST_OF_BLOCK + self._shuffle(turns, self._cells.ordinal(member))
        return f"0{self._codes[member.province]}{_DIGITS[member.year][member.gender]}{random}"

    def find(self, citizen_id: str) -> Member | None:
        """Give the record of that number, None where nobody has it."""
        if len(citizen_id) != 12 or not (citizen_id.isascii() and citizen_id.isdigit()):
            return None
        province, random = self._places.get(citizen_id[1:3]), int(citizen_id[6:])
        born = _BORN.get(citizen_id[3:6])
        if citizen_id[0] != "0" or province is None or born is None or random < _FIRST_OF_BLOCK:
            return None
        year, gender = born
        ordinal = self._unshuffle(_turns(province, year, gender), random - _FIRST_OF_BLOCK)
        return self._cells.find(province, year, gender, ordinal)

    def card(self, member: Member) -> str:
        """Write the nine digits that this record would have."""
        return str(_FIRST_CARD + (self._factor * member.place + self._shift) % _CARDS)

    def find_card(self, id_card_number: str) -> Member | None:
        """Give the record that would have those nine digits, None where there is none."""
        if len(id_card_number) != 9 or not (id_card_number.isascii() and id_card_number.isdigit()):
            return None
        card = int(id_card_number) - _FIRST_CARD
        place = (card - self._shift) * self._undo % _CARDS
        return self._cells.member_at(place) if card >= 0 and place < self._cells.count else None

    def _shuffle(self, turns: tuple[int, int, int], ordinal: int) -> int:
        left, right = divmod(ordinal, _RIGHT)
        for turn in turns:
            left = (left + self._to_left[(right + turn) % _RIGHT]) % _LEFT
            right = (right + self._to_right[(left + turn) % _LEFT]) % _RIGHT
        return left * _RIGHT + right

    def _unshuffle(self, turns: tuple[int, int, int], shuffled: int) -> int:
        left, right = divmod(shuffled, _RIGHT)
        for turn in reversed(turns):
            right = (right - self._to_right[(left + turn) % _LEFT]) % _RIGHT
            left = (left - self._to_left[(right + turn) % _RIGHT]) % _LEFT
        return left * _RIGHT + right


def _turns(province: int, year: int, gender: int) -> tuple[int, int, int]:
    # Spread, so that neighbouring cells turn the tables by quite different steps.
    turn = ((province * 200 + year - FIRST_YEAR) * 2 + gender) * 40_503 % 1_000_003
    return turn, turn // 3, turn // 7


def _make_table(draws: Draws, table: Whole, length: int, below: int) -> tuple[int, ...]:
    return tuple(draws.draw_of_all(table, place) % below for place in range(length))
