"""`python -m benchmarks.population`: the cost of a generated population by its size: start, memory, a look-up by number.

The sizes alternate, and the median counts: processor time of this process, so that other load of the machine matters
less. Each look-up is of another person, except among a thousand. It prints ratios to the smallest size.
"""

import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.command import make_parser
from benchmarks.kept import keep, machine
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.sampling import scattered_indexes

SIZES = (1_000, 1_000_000, 100_000_000)
LOOK_UPS, QUICK = 20_000, 1_000
TURNS = 5
SEED = "7"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Population:
    """A population with the numbers to look up, and its cost: seconds to start, MiB of memory."""

    generated: GeneratedPopulation
    numbers: list[str]
    start_s: float
    kept_mib: float


def _time(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _make(count: int, look_ups: int) -> _Population:
    start = _time(lambda: GeneratedPopulation(count=count, seed=SEED))
    tracemalloc.start()
    generated = GeneratedPopulation(count=count, seed=SEED)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    members = [generated.cells.member_at(place) for place in scattered_indexes(look_ups, generated)]
    numbers = [generated.numbering.citizen_id(member) for member in members]
    numbers *= -(-look_ups // len(numbers))
    return _Population(generated=generated, numbers=numbers, start_s=start, kept_mib=kept / (1 << 20))


def _look_up(population: _Population) -> tuple[float, float]:
    """Return the microseconds of a whole record, and of finding only the number's person."""
    find, numbers = population.generated.find_by_key, population.numbers
    record = _time(lambda: [find(number) for number in numbers])
    place = _time(lambda: [population.generated.numbering.find(number) for number in numbers])
    return record / len(numbers) * 1e6, place / len(numbers) * 1e6


def _measure(look_ups: int) -> dict[int, dict[str, float]]:
    populations = {count: _make(count, look_ups) for count in SIZES}
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


def _report(figures: Mapping[int, Mapping[str, float]], look_ups: int) -> None:
    base = figures[SIZES[0]]
    print(f"generated population, median of {TURNS} times {look_ups} look-ups; {machine()}")
    for count, found in figures.items():
        print(
            f"  {count:>11,} people: a record {found['record_us'] / base['record_us']:.2f} x   "
            f"({found['record_us']:.0f} us; whose number alone {found['who_us']:.1f} us; "
            f"start {found['start_s'] * 1000:.0f} ms; {found['kept_mib']:.0f} MiB)"
        )
    if look_ups != LOOK_UPS:
        return
    ratios = {str(n): round(found["record_us"] / base["record_us"], 2) for n, found in figures.items()}
    kept = {str(count): dict(found) for count, found in figures.items()}
    path = keep("population", {"look_ups": look_ups, "figures": kept, "ratios": ratios})
    print(f"written to {path}")


def main() -> None:
    """Measure the three sizes, print and store the ratios."""
    quick = make_parser(__doc__, quick=f"{QUICK} look-ups each").parse_args().quick
    look_ups = QUICK if quick else LOOK_UPS
    GeneratedPopulation(count=1, seed=SEED)  # the data files are read once in a process, for any size
    _report(_measure(look_ups), look_ups)


if __name__ == "__main__":
    main()
