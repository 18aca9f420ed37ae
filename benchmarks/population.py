"""What a generated population costs, by its size: start, memory kept, a look-up by number. Prints ratios.

Processor time of this process, so that others on the machine count less. `python -m benchmarks.population`
"""

import json
import os
import platform
import time
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from mock_c06.nation.nation import Nation
from mock_c06.nation.sampling import scatter

RESULTS = Path(__file__).parent / "results"
SIZES = (1_000, 1_000_000, 100_000_000)
LOOK_UPS = 20_000
SEED = "7"


def _time(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _measure(count: int) -> dict[str, float]:
    """Measure one size: seconds to start, MiB kept after the look-ups, microseconds a look-up."""
    start = _time(lambda: Nation(count=count, seed=SEED))
    tracemalloc.start()
    nation = Nation(count=count, seed=SEED)
    members = [nation.cells.member_at(place) for place in scatter(LOOK_UPS, nation)]
    numbers = [nation.numbering.citizen_id(member) for member in members]
    del members
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    times = -(-LOOK_UPS // len(numbers))
    record = _time(lambda: [nation.find_by_key(number) for _ in range(times) for number in numbers])
    place = _time(lambda: [nation.numbering.find(number) for _ in range(times) for number in numbers])
    asked = times * len(numbers)
    return {
        "start_s": round(start, 4),
        "kept_mib": round(kept / (1 << 20), 1),
        "record_us": round(record / asked * 1e6, 1),
        "who_us": round(place / asked * 1e6, 1),
    }


def _report(figures: Mapping[int, Mapping[str, float]]) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    base = figures[SIZES[0]]
    print(f"generated population, {LOOK_UPS} look-ups each; {machine}")
    for count, found in figures.items():
        print(
            f"  {count:>11,} people: a record {found['record_us'] / base['record_us']:.2f} x   "
            f"({found['record_us']:.0f} us; whose number alone {found['who_us']:.1f} us; "
            f"start {found['start_s'] * 1000:.0f} ms; {found['kept_mib']:.0f} MiB)"
        )
    RESULTS.mkdir(parents=True, exist_ok=True)
    members = {
        "machine": machine,
        "look_ups": LOOK_UPS,
        "figures": {str(count): dict(found) for count, found in figures.items()},
        "ratios": {str(n): round(found["record_us"] / base["record_us"], 2) for n, found in figures.items()},
    }
    day = date.fromtimestamp(time.time()).isoformat()  # noqa: TID251, DTZ012 - names a file after the day
    path = RESULTS / f"population-{day}.json"
    path.write_text(json.dumps(members, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Measure the three sizes, print and keep the ratios."""
    Nation(count=1, seed=SEED)  # the data files are read once a process, whatever the size
    _report({count: _measure(count) for count in SIZES})


if __name__ == "__main__":
    main()
