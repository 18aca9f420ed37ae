"""Three other mocks, from npm, by exact version: what each is asked, and how it is started. No lock file: one would name an address.

They are installed into `.cache/npm/`, without install scripts. Each answers what it has canned; none looks a person up,
checks a digest or keeps a journal. Their logs are off where they can be (MockPass's can't: it goes to the null device).
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import RSAKey

from benchmarks.mock_calls import (
    RECORD,
    VERDICT,
    Place,
    is_token,
    people_of,
    platform_calls,
    write_get,
    write_post,
)
from benchmarks.wire_load import Accept

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "npm"
MODULES = FOLDER / "node_modules"
PRISM, MOCKPASS, OAUTH2 = "@stoplight/prism-cli", "@opengovsg/mockpass", "oauth2-mock-server"
VERSIONS = {PRISM: "5.16.0", MOCKPASS: "4.3.4", OAUTH2: "8.2.3"}
_MOST_S = 300
_QUIET = (
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--loglevel",
    "error",
)
# A record of MockPass's own, and as many of its members as ours has groups.
_UINFIN = "S9812379B"
_ATTRIBUTES = (
    "name",
    "sex",
    "race",
    "nationality",
    "dob",
    "birthcountry",
    "regadd",
    "marital",
    "housingtype",
)


class PeersMissing(Exception):
    """The peers can't be had here; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another mock: how it is started on a port, what it is asked, by the question's name, and what counts as an answer."""

    name: str
    command: Callable[[Place], list[str]]
    asked: Mapping[str, tuple[Callable[[Place], bytes], Accept]]
    environment: Callable[[Place], Mapping[str, str]] = field(default=lambda _place: {})


def install_peers() -> None:
    """Bring the packages into the project's cache; raises `PeersMissing`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise PeersMissing("there is no node with npm on this machine")
    if all(_has(package, version) for package, version in VERSIONS.items()):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    packages = [f"{package}@{version}" for package, version in VERSIONS.items()]
    command = [npm, "install", "--prefix", str(FOLDER), *_QUIET, *packages]
    try:
        ended = subprocess.run(
            command, cwd=FOLDER, capture_output=True, text=True, timeout=_MOST_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PeersMissing(f"npm install took more than {_MOST_S} s") from None
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or ["it gave no reason"]
        raise PeersMissing(f"npm install failed: {lines[0]}")


def _has(package: str, version: str) -> bool:
    manifest = MODULES / package / "package.json"
    return manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8"))["version"] == version


def peers() -> tuple[Peer, ...]:
    """Give the three, none of them started."""
    return (
        Peer(
            name="Prism",
            command=lambda place: _node(
                PRISM,
                "dist/index.js",
                *("mock", str(ROOT / "openapi" / "c06-lgsp.yaml"), "--multiprocess=false"),
                *("--verboseLevel", "silent", "--host", place.host, "--port", str(place.port)),
            ),
            asked={
                "003": (
                    lambda place: _prism(place, VERDICT),
                    lambda status, body: status == 200 and b"Response" in body,
                ),
                "037": (
                    lambda place: _prism(place, RECORD),
                    lambda status, body: status == 200 and b"SoDinhDanh" in body,
                ),
            },
        ),
        Peer(
            name="MockPass",
            command=lambda _place: _node(MOCKPASS, "index.js"),
            environment=lambda place: {"MOCKPASS_PORT": str(place.port)},
            asked={"record": (_mockpass, lambda status, body: status == 200 and b'"regadd"' in body)},
        ),
        Peer(
            name="oauth2-mock-server",
            command=lambda place: _node(
                OAUTH2, "dist/oauth2-mock-server.mjs", "-a", place.host, "-p", str(place.port)
            ),
            asked={"token": (_oauth2, is_token)},
        ),
    )


def _node(package: str, entry: str, *arguments: str) -> list[str]:
    return ["node", str(MODULES / package / entry), *arguments]


def _prism(place: Place, operation: str) -> bytes:
    """Ask as a platform's client does; Prism checks the shape and answers what the description implies."""
    headers = {"Authorization": "Bearer bench", "lgspaccesstoken": "bench"}
    return next(platform_calls(place, "", headers, operation, people_of(1_000, 1)))


def _mockpass(place: Place) -> bytes:
    """Ask for a person's record under a token of its own making: its private key is a part of the package."""
    key = RSAKey.import_key(
        (MODULES / MOCKPASS / "static" / "certs" / "spcp-key.pem").read_text(encoding="utf-8")
    )
    token = jwt.encode({"alg": "RS256"}, {"sub": _UINFIN, "scope": list(_ATTRIBUTES)}, key)
    path = f"/myinfo/v3/person/{_UINFIN}/?attributes={','.join(_ATTRIBUTES)}"
    return write_get(place, path, {"Authorization": f"Bearer {token}"})


def _oauth2(place: Place) -> bytes:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return write_post(place, "/token", b"grant_type=client_credentials", headers)
