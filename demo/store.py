"""The store of the demo's gateway: its own SQLite file, unless the caller sets another.

PostgreSQL requires a master key. Without one from the caller, the demo makes one and stores it under `var/`, so that the
same database can be used again. The gateway refuses a key other than the one a database was made with.
"""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from demo.processes import make_private_folder

SQLITE = "sqlite:///"
URL, KEY, KEY_FILE = "GATEWAY_DATABASE_URL", "GATEWAY_MASTER_KEY", "GATEWAY_MASTER_KEY_FILE"


def choose_store(var: Path, caller: Mapping[str, str]) -> Mapping[str, str]:
    """Return the settings of the caller's store, none without one; make a key if it is necessary.

    The programs run in another folder: a relative path of the caller becomes absolute.
    """
    given = {name: caller[name] for name in (URL, KEY, KEY_FILE) if name in caller}
    if is_file(given):
        given[URL] = f"{SQLITE}{Path(given[URL].removeprefix(SQLITE)).absolute()}"
    if KEY_FILE in given:
        given[KEY_FILE] = str(Path(given[KEY_FILE]).resolve())
    elif KEY not in given and is_server(given):
        given[KEY_FILE] = str(_keep_key(var / "demo.master.key"))
    return given


def name_store(settings: Mapping[str, str], folder: Path) -> str:
    """Return the path of the store's file, or host and name of its database: its URL without user and password."""
    if is_server(settings):
        found = urlsplit(settings[URL])
        return f"{found.hostname or ''}{f':{found.port}' if found.port else ''}{found.path}"
    own = settings[URL].removeprefix(SQLITE) if is_file(settings) else str(folder / "var" / "gateway.db")
    return str(Path(own).resolve())


def is_file(settings: Mapping[str, str]) -> bool:
    """Return whether the store is a named SQLite file."""
    url = settings.get(URL, "")
    return url.startswith(SQLITE) and url != SQLITE


def is_server(settings: Mapping[str, str]) -> bool:
    """Return whether the store is PostgreSQL, whose schema only `gateway migrate` changes."""
    return settings.get(URL, "").startswith("postgresql:")


def _keep_key(path: Path) -> Path:
    make_private_folder(path.parent)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"="))
    return path
