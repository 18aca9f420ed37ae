"""How work grows: the CPU time of twice the input divided by that of the input. The machine's load does not count."""

import time
from collections.abc import Callable
from math import inf
from typing import TypeVar

LINEAR = 2.5
"""The most that twice the input may cost of work that grows with its length; what grows with the square costs 4."""

_ROUNDS, _TRIES = 5, 3
_LONG_ENOUGH_S = 0.005

Input = TypeVar("Input")


def growth(work: Callable[[Input], object], make: Callable[[int], Input], size: int) -> float:
    """Return the work of `make(2 * size)` divided by the work of `make(size)`.

    Other programs on the same cores change the processor time too, so a ratio beyond `LINEAR` is measured again.
    """
    once, twice = make(size), make(2 * size)
    times, ratio = _times_for(work, once), inf
    for _ in range(_TRIES):
        pairs = [(_cpu_s(work, once, times), _cpu_s(work, twice, times)) for _ in range(_ROUNDS)]
        ratio = min(ratio, min(second for _, second in pairs) / min(first for first, _ in pairs))
        if ratio <= LINEAR:
            break
    return ratio


def _times_for(work: Callable[[Input], object], given: Input) -> int:
    """Return how many repetitions the process clock needs to measure the work."""
    times = 1
    while _cpu_s(work, given, times) < _LONG_ENOUGH_S:
        times *= 2
    return times


def _cpu_s(work: Callable[[Input], object], given: Input, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work(given)
    return time.process_time() - began
