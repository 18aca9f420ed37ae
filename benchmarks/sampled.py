"""`python -m benchmarks.sampled OUT serve …`: the gateway's commands with a sampling profiler on the main thread.

Between SIGUSR1 and SIGUSR2 the stack is noted every 2 ms of CPU time; then OUT is written, one line a stack.
CPU of the store's threads counts too, under whatever the main thread is doing.
"""

import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

from gateway.__main__ import main

INTERVAL_S = 0.002


def _name(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "?")
    return f"{module}:{frame.f_code.co_qualname.replace('<locals>.', '')}"


def sample_into(out: Path) -> None:
    """Set the signals up; nothing is sampled before SIGUSR1."""
    stacks: Counter[str] = Counter()

    def note(number: int, frame: FrameType | None) -> None:
        del number
        names: list[str] = []
        while frame is not None:
            names.append(_name(frame))
            frame = frame.f_back
        stacks[";".join(reversed(names))] += 1

    def begin(number: int, frame: FrameType | None) -> None:
        del number, frame
        stacks.clear()
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        signal.setitimer(signal.ITIMER_PROF, 0)
        text = "".join(f"{stack} {count}\n" for stack, count in stacks.items())
        aside = out.with_suffix(".part")
        aside.write_text(text, encoding="utf-8")
        aside.rename(out)

    signal.signal(signal.SIGPROF, note)
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    sample_into(Path(sys.argv.pop(1)))
    main()
