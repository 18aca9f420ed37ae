"""What `make serve` keeps in its folder from start to start: one lock, the ports of its registry, the accounts.

A second start in the same folder is refused before it touches a file, and names what runs where. Ports are tried before
anything starts. The accounts are made once; the official account's key is a file that only its owner may read.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from demo.listeners import Listener, find_listeners
from demo.processes import Programs, StartFailed, make_private_folder
from demo.scene import Scene, make_account
from portal.gateway_client import PortalAccount

LOCK, ACCOUNTS, KEY = "serve.lock", "accounts.json", "official-key.jwk.json"
OPTIONS = {
    "gateway": "--port",
    "mock registry": "--mock-port",
    "mock registry (official)": "--official-port",
    "mock control": "--control-port",
    "national login": "--login-port",
    "test portal": "--portal-port",
}
"""The option of each port, by what listens there."""
_SECOND_FOLDER = "--folder var/second"
_SECOND_PORTS = {
    "--port": 9000,
    "--mock-port": 9100,
    "--official-port": 9110,
    "--control-port": 9101,
    "--login-port": 9102,
    "--portal-port": 9200,
}


def _write_options(ports: Mapping[str, int]) -> str:
    return " ".join((_SECOND_FOLDER, *(f"{option} {port}" for option, port in ports.items())))


SECOND = _write_options(_SECOND_PORTS)
"""The options of a start beside the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports of the mock registry's faces, its national login, the gateway and the test portal."""

    mock: int
    official: int
    control: int
    login: int
    gateway: int
    portal: int

    def named(self) -> dict[str, int]:
        """Return the ports by what listens there."""
        return {
            "gateway": self.gateway,
            "mock registry": self.mock,
            "mock registry (official)": self.official,
            "mock control": self.control,
            "national login": self.login,
            "test portal": self.portal,
        }


@contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold the folder for one `make serve`; yield the lock's file, which says what runs there.

    Raises:
        StartFailed: another process holds it, this user can't write there, or others have files there.
    """
    path, is_new = folder / LOCK, not folder.exists()
    _check_own(folder)
    make_private_folder(folder)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartFailed(f"{path} can't be written ({error.strerror}): use another --folder") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            where = " ".join(file.read().split())
            second = _write_options(
                _choose_free(_SECOND_PORTS)
            )  # the running start may have those of `SECOND`
            raise StartFailed(
                f"make serve already runs in {folder}: {where or 'it is starting'}. End it with Ctrl-C there, or use "
                f'another folder and other ports: make serve SERVE="{second}"'
            ) from None
        file.truncate(0)
        try:
            yield path
            file.truncate(0)
        finally:
            if is_new and list(folder.iterdir()) == [path]:  # nothing was started
                path.unlink()
                folder.rmdir()


def _check_own(folder: Path) -> None:
    """Raise `StartFailed` for a folder such as /tmp, which would be closed to its other users."""
    try:
        is_shared = folder.is_dir() and folder.stat().st_mode & 0o077 and any(folder.iterdir())
    except OSError as error:
        raise StartFailed(f"{folder} can't be read ({error.strerror}): use another --folder") from None
    if is_shared:
        raise StartFailed(
            f"{folder} has files, and others may use it: name a new --folder, or close this one: "
            f"chmod 700 {quote(str(folder))}"
        )


def check_ports(folder: Path, ports: Ports) -> None:
    """Raise `StartFailed` if one of the ports is in use, or two are the same; name free ones instead."""
    named = ports.named()
    owner: dict[int, str] = {}
    for what, port in named.items():
        if port in owner:
            raise StartFailed(
                f"{OPTIONS[owner[port]]} and {OPTIONS[what]} are both {port}: each needs its own port"
            )
        owner[port] = what
    free = _choose_free(named)
    taken = {what: port for what, port in named.items() if free[what] != port}
    if not taken:
        return
    listeners = find_listeners(taken.values())
    _refuse_left_over(folder, listeners)
    used = ", ".join(f"{port} ({what})" for what, port in taken.items())
    by = "".join(f", by process {each.process} in {each.folder} ({each.command})" for each in listeners)
    options = [f"{OPTIONS[what]} {free[what]}" for what in taken]
    if _read(folder) and {ports.mock, ports.official} & set(taken.values()):
        options.insert(0, _SECOND_FOLDER)  # the store that is kept knows its registry's ports
    raise StartFailed(
        f"in use by another program: port {used}{by}; end that program, or start with these beside your other options: "
        f'make serve SERVE="{" ".join(options)}"'
    )


def _refuse_left_over(folder: Path, listeners: Sequence[Listener]) -> None:
    """Raise `StartFailed` if programs that a killed start has left running in this folder listen on the ports."""
    if left := [each for each in listeners if each.folder == folder.resolve()]:
        named = ", ".join(f"{each.process} ({each.command})" for each in left)
        end = " ".join(str(each.process) for each in left)
        raise StartFailed(
            f"programs of a make serve that was killed still run in {folder}: {named}; end them, then start again: "
            f"kill {end}"
        )


def _choose_free(ports: Mapping[str, int]) -> dict[str, int]:
    """Return the ports by name, another one instead of each that is in use: the next free one above, else below."""
    found: dict[str, int] = {}
    for name, port in ports.items():
        avoided = {*ports.values(), *found.values()}
        near = chain(range(port + 1, 65536), range(port - 1, 0, -1))
        others = (each for each in near if each not in avoided and _is_free(each))
        found[name] = port if _is_free(port) else next(others)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def check_kept(folder: Path, ports: Ports, store: str) -> None:
    """Raise `StartFailed` if the folder's accounts are of another store, or its store was made for other registry ports."""
    found = _read(folder)
    if found.get("store", store) != store:
        raise StartFailed(
            f"{folder} keeps the accounts of {found['store']}, and not of {store}: use that store, or a --folder for each"
        )
    kept, own = found.get("mock_ports"), [ports.mock, ports.official]
    if kept is not None and kept != own:
        raise StartFailed(
            f"{folder} keeps a store whose registry is on the ports {kept[0]} and {kept[1]}: use "
            f"--mock-port {kept[0]} --official-port {kept[1]}, another --folder, or remove that folder"
        )


def keep_accounts(
    programs: Programs, folder: Path, ports: Ports, store: str
) -> tuple[PortalAccount, PortalAccount]:
    """Return the sandbox and the official account of an earlier start; make those that the store doesn't have."""
    kept = _read(folder)
    known = {each["client_id"] for each in programs.gateway("accounts", "list") if each["state"] == "active"}
    sandbox, official = kept.get("sandbox", {}), kept.get("official", {})
    key = _keep_key(folder / KEY)
    # Official first: a refused one leaves no account behind.
    if official.get("client_id") not in known:
        official = _members(_make_official(programs, folder, key))
    if sandbox.get("client_id") not in known:
        sandbox = _members(make_account(programs, "sandbox", wide=True))
    found = {
        "store": store,
        "mock_ports": [ports.mock, ports.official],
        "sandbox": sandbox,
        "official": official,
    }
    _write_private(folder / ACCOUNTS, json.dumps(found, indent=2) + "\n")
    return PortalAccount(**sandbox), PortalAccount(**official, key=key)


def _make_official(programs: Programs, folder: Path, key: ECKey) -> PortalAccount:
    if programs.gateway("operators", "list"):
        raise StartFailed(
            f"{folder / ACCOUNTS} names no official account of the store, and since there are operators only they "
            f"make one: put that file back, or begin anew: remove {folder}, and on PostgreSQL use an empty database"
        )
    return make_account(programs, "official", key=key, wide=True)


def _members(account: PortalAccount) -> dict[str, Any]:
    secret = {} if account.client_secret is None else {"client_secret": account.client_secret}
    return {"client_id": account.client_id, "issuer": account.issuer, **secret}


def _keep_key(path: Path) -> ECKey:
    if path.exists():
        try:
            return ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, JoseError):
            raise StartFailed(
                f"{path} is not the key of the official account: put it back, or remove {path.parent}"
            ) from None
    key = ECKey.generate_key("P-256")
    _write_private(path, json.dumps(key.as_dict(private=True)) + "\n")
    return key


def _read(folder: Path) -> Mapping[str, Any]:
    path = folder / ACCOUNTS
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise StartFailed(f"{path} can't be read as JSON: put it back, or remove {folder} to begin anew")
    return found


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    path.chmod(0o600)


def describe(scene: Scene, folder: Path, portal: str) -> str:
    """Return what `make serve` prints: the addresses, the accounts, and one line of curl to try."""
    account = scene.sandbox
    return "\n".join(
        (
            f"test portal      {portal}",
            "TEST DATA ONLY: mock registry, synthetic people, loopback.",
            f"gateway          {scene.gateway}",
            f"  sandbox API    {account.issuer}/v1",
            f"  official API   {scene.official.issuer}/v1",
            f"mock registry    {scene.mock.test} (test), {scene.mock.official} (official)",
            f"national login   {scene.mock.login} (a stand-in: pick who you are)",
            f"mock control     {scene.mock.control}  token {scene.mock.control_token}",
            f"sandbox account  {account.client_id}  secret {account.client_secret}",
            f"official account {scene.official.client_id}  key {folder / KEY}",
            f"kept in          {folder}",
            "try: " + curl_line(account),
            "Ctrl-C ends all.",
        )
    )


def curl_line(account: PortalAccount) -> str:
    """Return one line for a shell: fetch a token and verify a citizen."""
    body = {
        "procedure": "khai-sinh",
        "dossier": "HN-2022-000123",
        "subject_role": "requester",
        "claim": {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"},
        "initiated_by": {"kind": "citizen"},
    }
    token = (
        f"curl -s -u {account.client_id}:{account.client_secret} -d grant_type=client_credentials "
        f'{account.issuer}/oauth2/token | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\''
    )
    return (
        f'curl -s {account.issuer}/v1/verifications -H "Authorization: Bearer $({token})" '
        f"-H 'Content-Type: application/json' -d '{json.dumps(body, ensure_ascii=False)}'"
    )
