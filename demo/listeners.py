"""Which processes listen on ports of this machine, as Linux tells it in `/proc`; elsewhere nobody is found."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENS = "0A"
_MOST_SHOWN = 100
"""Characters of a command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A process of this user that listens on a port; `folder` is where it runs."""

    process: int
    command: str
    folder: Path


def find_listeners(ports: Collection[int]) -> list[Listener]:
    """Return the first process of each socket that listens on one of the ports, where this user may see it."""
    wanted = _find_sockets(ports)
    found = []
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda each: int(each.name)):
        links = wanted.intersection(find_links(process))
        if links and (listener := _describe(process)):
            found.append(listener)
            wanted -= links
    return found


def _find_sockets(ports: Collection[int]) -> set[str]:
    """Return the links that processes have to the listening sockets of these ports."""
    found = set()
    for table in _TABLES:
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            parts = row.split()
            port = int(parts[1].rpartition(":")[2], 16)
            if parts[3] == _LISTENS and port in ports:
                found.add(f"socket:[{parts[9]}]")
    return found


def find_links(process: Path) -> Iterator[str]:
    """Yield the targets of the links in /proc/PID/fd."""
    with suppress(OSError):  # another user's, or it has ended
        for each in list((process / "fd").iterdir()):
            with suppress(OSError):  # closed meanwhile
                yield str(each.readlink())


def _describe(process: Path) -> Listener | None:
    try:
        words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
        folder = (process / "cwd").readlink()
    except OSError:
        return None
    shown = words if len(words) <= _MOST_SHOWN else f"{words[: _MOST_SHOWN - 1].rstrip()}…"
    return Listener(process=int(process.name), command=shown, folder=folder)
