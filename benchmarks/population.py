"""What a generated population costs, by its size: start, memory kept, a look-up by number. Prints ratios.

Sizes take turns, and the median of the turns counts: processor time of this process, so that others on the machine
count less. Everybody who is looked up is another person, but among a thousand. `python -m benchmarks.population`
"""

import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.kept import keep, machine
from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter

SIZES = (1_000, 1_000_000, 100_000_000)
LOOK_UPS = 20_000
TURNS = 5
SEED = "7"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Population:
    """A population with the numbers to ask for, and what it cost: seconds to start, MiB kept."""

    nation: Nation
    numbers: list[str]
    start_s: float
    kept_mib: float


def _time(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _make(count: int) -> _Population:
    start = _time(lambda: Nation(count=count, seed=SEED))
    tracemalloc.start()
    nation = Nation(count=count, seed=SEED)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    members = [nation.cells.member_at(place) for place in scatter(LOOK_UPS, nation)]
    numbers = [nation.numbering.citizen_id(member) for member in members]
    numbers *= -(-LOOK_UPS // len(numbers))
    return _Population(nation=nation, numbers=numbers, start_s=start, kept_mib=kept / (1 << 20))


def _look_up(population: _Population) -> tuple[float, float]:
    """Give the microseconds that a whole record took, and those of whose number it is alone."""
    find, numbers = population.nation.find_by_key, population.numbers
    record = _time(lambda: [find(number) for number in numbers])
    place = _time(lambda: [population.nation.numbering.find(number) for number in numbers])
    return record / len(numbers) * 1e6, place / len(numbers) * 1e6


def _measure() -> dict[int, dict[str, float]]:
    populations = {count: _make(count) for count in SIZES}
    turns = [{count: _look_up(made) for count, made in populations.items()} for _ in range(TURNS)]
    return {
        count: {
            "start_s": round(made.start_s, 4),
            "kept_mib": round(made.kept_mib, 1),
            "record_us": round(median(turn[count][0] for turn in turns), 1),
            "who_us": round(median(turn[count][1] for turn in turns), 1),
        }
        for count, made in populations.items()
    }


def _report(figures: Mapping[int, Mapping[str, float]]) -> None:
    base = figures[SIZES[0]]
    print(f"generated population, median of {TURNS} times {LOOK_UPS} look-ups; {machine()}")
    for count, found in figures.items():
        print(
            f"  {count:>11,} people: a record {found['record_us'] / base['record_us']:.2f} x   "
            f"({found['record_us']:.0f} us; whose number alone {found['who_us']:.1f} us; "
            f"start {found['start_s'] * 1000:.0f} ms; {found['kept_mib']:.0f} MiB)"
        )
    ratios = {str(n): round(found["record_us"] / base["record_us"], 2) for n, found in figures.items()}
    kept = {str(count): dict(found) for count, found in figures.items()}
    keep("population", {"look_ups": LOOK_UPS, "figures": kept, "ratios": ratios})


def main() -> None:
    """Measure the three sizes, print and keep the ratios."""
    Nation(count=1, seed=SEED)  # the data files are read once a process, whatever the size
    _report(_measure())


if __name__ == "__main__":
    main()
