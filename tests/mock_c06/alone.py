"""A program for `test_alone`: the mock on a machine that has nothing but the packages of `requirements-mock.lock`.

Whatever else is installed can't be imported here. Given modules on its input it imports them all; given arguments it is
`mock-c06` with these.
"""

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

LOCK = Path(__file__).resolve().parents[2] / "requirements-mock.lock"


class OnlyTheLocked(MetaPathFinder):
    """Finds nothing itself; refuses, before anybody else looks, an installed package that isn't locked, and our others."""

    def __init__(self) -> None:
        locked = {_canonical(name) for name in re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE)}
        self._refused = {"gateway", "portal", "demo", "migrations", "tests"} | {
            module
            for module, distributions in packages_distributions().items()
            if not {_canonical(name) for name in distributions} & locked
        }
        self._refused -= {"mock_c06", "openapi"}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self._refused:
            raise ModuleNotFoundError(f"{fullname} is not among the mock's packages", name=fullname)
        return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: list[str]) -> None:
    """Block, then import or run."""
    sys.meta_path.insert(0, OnlyTheLocked())
    if not arguments:
        for module in sys.stdin.read().split():
            importlib.import_module(module)
        strangers = sorted(name for name in sys.modules if name.partition(".")[0] == "gateway")
        sys.stdout.write(f"{len(strangers)} modules of the gateway\n")
        return
    sys.argv[1:] = arguments
    importlib.import_module("mock_c06.__main__").main()


if __name__ == "__main__":
    main(sys.argv[1:])
