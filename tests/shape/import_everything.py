"""A program for `test_imports_do_nothing`: imports every module named on its input and prints each side effect.

It watches files, sockets, processes, threads and the environment. It ignores what a library does during its
own import: an effect counts if a frame of this project is closer to it on the stack than an import.
"""

import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import FrameType
from typing import Any

PYDANTIC_PLUGINS = "pydantic/plugin/_loader.py"
"""Pydantic looks for its plugins when the first model is defined."""
WATCHED = (
    "open",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "socket.",
    "subprocess.",
    "os.system",
    "_thread.start_new_thread",
    "sqlite3.",
)


def main(root: Path, modules: list[str]) -> int:
    """Import them all; print one line per effect; return 1 if there was any."""
    effects: list[str] = []

    def note(what: str) -> None:
        culprit = _find_culprit(sys._getframe(1), root)
        if culprit:
            effects.append(f"{culprit}: {what}")

    real = os.environ  # noqa: TID251 - replaced by a watched copy and not read here
    os.environ = _WatchedEnvironment(real, note)  # type: ignore[assignment]  # noqa: TID251, B003 - it has the same methods
    sys.addaudithook(
        lambda event, arguments: note(f"{event} {arguments[:1]}") if event.startswith(WATCHED) else None
    )
    for module in modules:
        importlib.import_module(module)
    found = tuple(effects)
    sys.stdout.write("\n".join(found))
    return 1 if found else 0


class _WatchedEnvironment(MutableMapping[str, str]):
    """The environment, with a recorder of each read."""

    def __init__(self, real: MutableMapping[str, str], note: Any) -> None:
        self._real, self._note = real, note

    def __getitem__(self, key: str) -> str:
        self._note(f"environment {key}")
        return self._real[key]

    def __iter__(self) -> Iterator[str]:
        self._note("environment, whole")
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)

    def __setitem__(self, key: str, value: str) -> None:
        self._note(f"environment {key}, set")
        self._real[key] = value

    def __delitem__(self, key: str) -> None:
        self._note(f"environment {key}, deleted")
        del self._real[key]


def _find_culprit(frame: FrameType | None, root: Path) -> str | None:
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or name.endswith(PYDANTIC_PLUGINS):
            return None
        if Path(name).is_relative_to(root) and ".venv" not in name and Path(name) != Path(__file__):
            return f"{Path(name).relative_to(root)}:{frame.f_lineno}"
        frame = frame.f_back
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.stdin.read().split()))
