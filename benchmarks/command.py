"""What the commands of this package share: how they read their arguments, and the folder in which they work."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import ROOT


def make_parser(described: str | None, *, examples: str = "", quick: str = "") -> argparse.ArgumentParser:
    """Return a parser whose help is a module's docstring, which begins with the command in backquotes and a colon.

    With `quick`, which says how much it measures, the command has the option `--quick` and stores nothing then.
    """
    _, command, text = (described or "").split("`", 2)
    parser = argparse.ArgumentParser(
        prog=" ".join(command.split()[:3]),
        description=text.removeprefix(":").strip(),
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if quick:
        parser.add_argument("--quick", action="store_true", help=f"{quick}, and store nothing")
    return parser


@contextmanager
def working_folder(kind: str) -> Iterator[Path]:
    """Yield a new folder below `var/` and remove it afterwards.

    SIGTERM and Ctrl-C end the block with one line and exit code 1, so that the programs that it started end too.
    """
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, _stop)
    var = ROOT / "var"
    var.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=var))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(number: int, frame: object) -> None:
    del number, frame
    sys.exit("stopped")
