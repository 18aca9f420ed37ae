"""`python -m benchmarks.traced OUT serve …`: the gateway's commands with a tracer of calls on the main thread.

Between SIGUSR1 and SIGUSR2 each call of a function of `gateway/` is noted in order, one line a call: file and function.
A coroutine that is resumed is not called again; comprehensions belong to their function. Calls in the store's threads
are not seen.
"""

import signal
import sys
from pathlib import Path
from types import FrameType

import gateway
from gateway.__main__ import main

HOUSE = str(Path(gateway.__file__).parent)
_PARTS_OF_A_FUNCTION = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


def trace_into(out: Path) -> None:
    """Set the signals up; nothing is traced before SIGUSR1."""
    called: dict[
        int, FrameType
    ] = {}  # the frames themselves: an id is not given twice while its frame is kept

    def note(frame: FrameType, event: str, argument: object) -> None:
        del argument
        code = frame.f_code
        if (
            event == "call"
            and code.co_filename.startswith(HOUSE)
            and code.co_name not in _PARTS_OF_A_FUNCTION
        ):
            called.setdefault(id(frame), frame)

    def begin(number: int, frame: FrameType | None) -> None:
        del number, frame
        called.clear()
        sys.setprofile(note)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        sys.setprofile(None)
        codes = [found.f_code for found in called.values()]
        lines = [f"{Path(code.co_filename).relative_to(HOUSE)} {code.co_qualname}\n" for code in codes]
        aside = out.with_suffix(".part")
        aside.write_text("".join(lines), encoding="utf-8")
        aside.rename(out)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)


if __name__ == "__main__":
    trace_into(Path(sys.argv.pop(1)))
    main()
