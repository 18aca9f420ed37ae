"""`python -m benchmarks.traced OUT serve …`: the gateway's commands with a tracer of calls on the main thread.

Between BEGIN and END (`profiled.py`) each call of a function of `gateway/` is recorded, one line for each: file and function.
A resumed coroutine is not a new call; comprehensions belong to their function. Calls in the store's threads are not
recorded, and neither are those of tasks that already run at BEGIN: the server's ticks and the background tasks. A
request has its own tasks.
"""

import asyncio
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import gateway
from benchmarks.command import make_parser
from benchmarks.profiled import BEGIN, END
from gateway.__main__ import main

PACKAGE = str(Path(gateway.__file__).parent)
_PARTS_OF_A_FUNCTION = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


def trace_into(out: Path) -> None:
    """Install the signal handlers; tracing begins at BEGIN."""
    called: dict[
        int, FrameType
    ] = {}  # with the frames themselves, since an id is unique only while its frame exists
    background: set[asyncio.Task[Any]] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        del argument
        code = frame.f_code
        if (
            event == "call"
            and code.co_filename.startswith(PACKAGE)
            and code.co_name not in _PARTS_OF_A_FUNCTION
            and asyncio.current_task() not in background
        ):
            called.setdefault(id(frame), frame)

    def begin(number: int, frame: FrameType | None) -> None:
        del number, frame
        called.clear()
        background.clear()
        background.update(asyncio.all_tasks())
        sys.setprofile(note)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        sys.setprofile(None)
        codes = [found.f_code for found in called.values()]
        lines = [f"{Path(code.co_filename).relative_to(PACKAGE)} {code.co_qualname}\n" for code in codes]
        aside = out.with_suffix(".part")
        aside.write_text("".join(lines), encoding="utf-8")
        aside.rename(out)

    signal.signal(BEGIN, begin)
    signal.signal(END, end)


if __name__ == "__main__":
    parser = make_parser(__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="the file of the calls, written at END")
    trace_into(parser.parse_args(sys.argv[1:2]).out)
    del sys.argv[1]
    main()
