"""Create `.venv`: every locked package, checked by its hash, and this project, editable.

Runs on a bare Python (standard library only) and writes only inside the project folder. The package index is a setting
of the machine. A second run is quick: a stamp in `.venv` has the hashes of all inputs of the environment.

Why uv, and why inside the project: docs/decisions/0020.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST, TOO_NEW = (3, 11), (3, 14)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
UV_HOME = ROOT / ".uv"
CACHE = ROOT / ".cache"
STAMP = VENV / "installed.sha256"
PYTHON_IN_VENV = VENV / "bin" / "python"
INPUTS = ("pyproject.toml", "requirements-dev.lock", "requirements-uv.lock")
LOAD_ONCE = (
    "import demo.__main__, gateway.cli, gateway.workers, mock_c06.__main__, mock_c06.server, "
    "aiosqlite, alembic.command, joserfc.jwk, sqlalchemy.dialects.postgresql, uvicorn.protocols.http.httptools_impl"
)


class InstallFailed(Exception):
    """The environment can't be created; the message says what to do."""


def main() -> int:
    """Bring `.venv` up to date; return 0, or 1 after one line with the reason."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    try:
        _install(_interpreter())
    except InstallFailed as failure:
        print(f"install: FAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install: stopped; run it again to continue", file=sys.stderr)
        return 1
    return 0


def _install(python: str) -> None:
    place, inputs = _hash_place(python), _hash_inputs()
    made_for, made_from = _read_stamp()
    if (made_for, made_from) == (place, inputs):
        return
    began = time.monotonic()
    uv = _bootstrap_uv(python)
    STAMP.unlink(missing_ok=True)
    if made_for != place:
        _say("environment .venv")
        _run(uv, "venv", "--quiet", "--clear", "--python", python, str(VENV))
    _say("packages of requirements-dev.lock, each checked by its hash")
    into = ("--quiet", "--python", str(PYTHON_IN_VENV))
    _run(uv, "pip", "sync", *into, "--require-hashes", "requirements-dev.lock")
    _say("this project, editable")
    _run(uv, "pip", "install", *into, "--no-deps", "--no-build-isolation", "--editable", ".")
    for file in VENV.glob("lib/python*/site-packages/_editable_impl_*.pth"):
        make_relative(file, ROOT)
    _say("bytecode of the programs' modules, which halves the time of each start")
    _run(str(PYTHON_IN_VENV), "-c", LOAD_ONCE)
    STAMP.write_text(f"{place}\n{inputs}\n", encoding="utf-8")
    _say(f"done in {time.monotonic() - began:.1f} s")


def make_relative(file: Path, folder: Path) -> None:
    """Let a path file (.pth) name `folder` as seen from its own folder, in ASCII.

    Until 3.12 Python reads these files in the locale's encoding, and does not start if the folder has other letters than
    the locale: `LC_ALL=C`, or a locale that ssh names and this host does not have.
    """
    if set(file.read_bytes().splitlines()) == {os.fsencode(folder)}:  # a line for each package
        file.write_text(f"{os.path.relpath(folder, file.parent)}\n", encoding="ascii")


def _interpreter() -> str:
    """Return the Python for the environment: the running one, outside any virtual environment, else a suitable one."""
    if OLDEST <= sys.version_info[:2] < TOO_NEW:
        return os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    for minor in range(TOO_NEW[1] - 1, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
            return found
    raise InstallFailed(
        f"Python {sys.version.split()[0]} is outside 3.11 to 3.13; "
        "install one of these, or run: make install PYTHON=/path/to/python3.13"
    )


def _hash_place(python: str) -> str:
    """Return a hash of what requires a new environment: the Python, and the folder (scripts contain its path)."""
    parts = (python, str(Path(python).stat().st_mtime_ns), str(ROOT))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _hash_inputs() -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _read_stamp() -> tuple[str, str]:
    if not (STAMP.is_file() and PYTHON_IN_VENV.exists()):
        return "", ""
    lines = STAMP.read_text(encoding="utf-8").splitlines()
    return (lines[0], lines[1]) if len(lines) == 2 else ("", "")


def _bootstrap_uv(python: str) -> str:
    """Return the path of a pinned uv inside the project; install it, checked by its hash, if it is missing."""
    wanted = hashlib.sha256((ROOT / "requirements-uv.lock").read_bytes()).hexdigest()
    stamp = UV_HOME / "installed.sha256"
    in_venv, in_target = UV_HOME / "bin" / "uv", UV_HOME / "lib" / "bin" / "uv"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        for present in (in_venv, in_target):
            if present.exists():
                return str(present)
    _say("installer uv, into .uv")
    shutil.rmtree(UV_HOME, ignore_errors=True)
    locked = ("--quiet", "--require-hashes", "--only-binary", ":all:", "-r", "requirements-uv.lock")
    if _has(python, "venv", "ensurepip"):
        _run(python, "-m", "venv", str(UV_HOME))
        _run(str(UV_HOME / "bin" / "python"), "-m", "pip", "install", *locked)
        installed = in_venv
    elif _has(python, "pip"):  # Debian without python3-venv
        _run(python, "-m", "pip", "install", *locked, "--target", str(UV_HOME / "lib"))
        installed = in_target
    else:
        raise InstallFailed(
            f"{python} has neither venv with ensurepip nor pip; install one of them "
            "(Debian, Ubuntu: apt-get install python3-venv) and run this again"
        )
    stamp.write_text(wanted, encoding="utf-8")
    return str(installed)


def _has(python: str, *modules: str) -> bool:
    if python == os.path.realpath(sys.executable):
        return all(importlib.util.find_spec(module) for module in modules)
    lookup = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {list(modules)!r})))"
    return subprocess.run([python, "-c", lookup], check=False, capture_output=True).returncode == 0


def _run(*command: str) -> None:
    (CACHE / "tmp").mkdir(parents=True, exist_ok=True)
    surroundings = {
        **os.environ,
        "PIP_CACHE_DIR": str(CACHE / "pip"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "TMPDIR": str(CACHE / "tmp"),
        "UV_CACHE_DIR": str(CACHE / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    for hindrance in ("VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"):
        surroundings.pop(hindrance, None)
    try:
        ended = subprocess.run(command, cwd=ROOT, env=surroundings, check=False).returncode
    except OSError as error:
        raise InstallFailed(f"can't start {command[0]}: {error.strerror}") from None
    if ended != 0:
        raise InstallFailed(f"`{' '.join(command[:4])} …` ended with {ended}; see its output above")


def _say(step: str) -> None:
    print(f"install: {step}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
