"""The two numbers of a record, and the records of a number.

Twelve digits: province, century and gender, year, and six digits of the population's block, 900000 to 999999: the
index in the cell, shuffled under a key of seed and cell. Nine digits: the record index, shuffled; they begin with 5
to 9, as no known identity card of a province does. Both can be reversed.
"""

from mock_c06.generated.cells import FIRST_YEAR, LAST_YEAR, Cells, Member
from mock_c06.generated.draws import Draws, PopulationPurpose
from mock_c06.generated.units import load_provinces

BLOCK = 100_000
_FIRST_OF_BLOCK = 900_000
_LEFT, _RIGHT = 400, 250
_CARDS = 500_000_000
_FIRST_CARD = 500_000_000
# The three digits of century and gender and year, for each year and gender, and the reverse.
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
        self._indexes = {code: index for index, code in enumerate(self._codes)}
        self._to_left = _make_table(draws, PopulationPurpose.SHUFFLE_LEFT, _RIGHT, _LEFT)
        self._to_right = _make_table(draws, PopulationPurpose.SHUFFLE_RIGHT, _LEFT, _RIGHT)
        left, factor = divmod(draws.draw_of_all(PopulationPurpose.CARD), _CARDS // 10)
        # Odd and no multiple of 5, so that the multiplication has an inverse.
        self._factor = factor * 10 + 7
        self._shift = left % _CARDS
        self._undo = pow(self._factor, -1, _CARDS)

    def citizen_id(self, member: Member) -> str:
        """Write the twelve digits."""
        number = member.clan.numbers.get(member.position)
        if number is None:
            turns = _turns(member.province, member.year, member.gender)
            random = _FIRST_OF_BLOCK + self._shuffle(turns, self._cells.ordinal(member))
            number = f"0{self._codes[member.province]}{_DIGITS[member.year][member.gender]}{random}"
            member.clan.numbers[member.position] = number
        return number

    def find(self, citizen_id: str) -> Member | None:
        """Return the record with that number, or None."""
        if len(citizen_id) != 12 or not (citizen_id.isascii() and citizen_id.isdigit()):
            return None
        province, random = self._indexes.get(citizen_id[1:3]), int(citizen_id[6:])
        born = _BORN.get(citizen_id[3:6])
        if citizen_id[0] != "0" or province is None or born is None or random < _FIRST_OF_BLOCK:
            return None
        year, gender = born
        ordinal = self._unshuffle(_turns(province, year, gender), random - _FIRST_OF_BLOCK)
        return self._cells.find(province, year, gender, ordinal)

    def card(self, member: Member) -> str:
        """Write the nine digits that this record would have."""
        return str(_FIRST_CARD + (self._factor * member.record_index + self._shift) % _CARDS)

    def find_card(self, id_card_number: str) -> Member | None:
        """Return the record that would have those nine digits, or None."""
        if len(id_card_number) != 9 or not (id_card_number.isascii() and id_card_number.isdigit()):
            return None
        card = int(id_card_number) - _FIRST_CARD
        index = (card - self._shift) * self._undo % _CARDS
        return self._cells.member_at(index) if card >= 0 and index < self._cells.count else None

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
    # Spread, so that neighbouring cells shift the tables by different steps.
    turn = ((province * 200 + year - FIRST_YEAR) * 2 + gender) * 40_503 % 1_000_003
    return turn, turn // 3, turn // 7


def _make_table(draws: Draws, table: PopulationPurpose, length: int, below: int) -> tuple[int, ...]:
    return tuple(draws.draw_of_all(table, index) % below for index in range(length))
