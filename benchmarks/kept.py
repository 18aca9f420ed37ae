"""Store figures with their machine, in one file for each kind and day."""

import json
import os
import platform
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Return a line that describes the machine."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def keep(kind: str, members: Mapping[str, object], folder: Path = RESULTS) -> Path:
    """Write figures of a kind, with the machine, in place of those of the same day; return the path."""
    day = date.fromtimestamp(time.time()).isoformat()  # noqa: TID251, DTZ012 - names a file after the day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{day}.json"
    path.write_text(json.dumps({"machine": machine(), **members}, indent=2) + "\n", encoding="utf-8")
    return path
