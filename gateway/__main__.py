"""`python -m gateway` and the console script `gateway`: run the commands, and catch errors that they don't."""

import errno
import gc
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import NoReturn, cast

# A package of the extra [gateway]; the mock doesn't need it.
_EXTRA_PACKAGE = "sqlalchemy"

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class _Absent(ModuleType):
    """A module that is not loaded: each of its names is None."""

    def __getattr__(self, name: str) -> None:
        """Return None."""


class _NoPlugins(ModuleType):
    """pydantic's loader of plugins, without plugins."""

    @staticmethod
    def get_plugins() -> tuple[()]:
        """Return no plugins."""
        return ()


def leave_out() -> None:
    """Leave out of this process what libraries load and the gateway never uses: 0.2 s of each start, 9 MiB of each worker.

    pydantic reads the entry points of all installed packages to find plugins; structlog, Typer and httpx load rich and Pygments
    if they can; FastAPI loads pydantic 1 to know its models; SQLAlchemy's asyncio package loads its sessions, and with them the
    whole ORM.
    """
    modules: dict[str, ModuleType | None] = dict.fromkeys(("rich", "pygments", "pydantic.v1"))
    for name in ("sqlalchemy.ext.asyncio.scoping", "sqlalchemy.ext.asyncio.session"):
        modules[name] = _Absent(name)
    modules["pydantic.plugin._loader"] = _NoPlugins("pydantic.plugin._loader")
    for name, module in modules.items():  # None: an import of it fails
        cast("dict[str, ModuleType | None]", sys.modules).setdefault(name, module)


def main() -> None:
    """Run the commands. Text is UTF-8 in every locale; an unexpected error is one line and exit 1."""
    if sys.stdout is None:  # closed by the caller (`>&-`): whatever is printed is lost, as with /dev/null
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
    if importlib.util.find_spec(_EXTRA_PACKAGE) is None:
        sys.stderr.write(
            "error: the gateway's packages are missing: pip install '.[gateway]' in the project's folder\n"
        )
        sys.exit(1)
    # Loading libraries makes no garbage: looking for it meanwhile takes a tenth of a command's time. `run` resumes it.
    gc.disable()
    leave_out()
    from gateway.cli import build_cli  # noqa: PLC0415 - it needs these packages

    try:
        build_cli()(prog_name="gateway")
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:
            _report(error)
        sys.stderr.write(f"error: the output can't be written ({error.strerror})\n")
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the outermost edge: no traceback, and no text that may hold a secret
        _report(error)


def _report(error: Exception) -> NoReturn:
    place = traceback.extract_tb(error.__traceback__)[-1]
    kind = type(error).__name__
    sys.stderr.write(f"error: unexpected {kind} at {place.filename}:{place.lineno}; please report it\n")
    sys.exit(1)


if "__mp_main__" in sys.modules:  # a worker, in which multiprocessing imports the program's entry first
    leave_out()

if __name__ == "__main__":
    main()
