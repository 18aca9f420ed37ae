"""Three mocks from npm, each a fixed version in the project's cache: their commands, and their calls of like work.

Prism answers with our `c06-lgsp.yaml`, a verdict and a record; MockPass with a record of a person, as large as ours;
oauth2-mock-server with a token that it signs with ES256, as ours. Install scripts don't run.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from benchmarks.people import RECORD, VERDICT
from benchmarks.processes import ROOT, find_free_port, running
from benchmarks.subjects import FORM, Turn, platform_call
from benchmarks.wrk import Call, ToolMissing

FOLDER = ROOT / ".cache" / "npm"
MODULES = FOLDER / "node_modules"
PRISM, MOCKPASS, OAUTH2 = "@stoplight/prism-cli", "@opengovsg/mockpass", "oauth2-mock-server"
VERSIONS = {PRISM: "5.16.0", MOCKPASS: "4.3.4", OAUTH2: "8.2.3"}
_MOST_S = 300
_QUIET = [
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--loglevel",
    "error",
]
# A record of MockPass, with as many members as ours has groups.
_UINFIN = "S9812379B"
_ATTRIBUTES = [
    "name",
    "sex",
    "race",
    "nationality",
    "dob",
    "birthcountry",
    "regadd",
    "marital",
    "housingtype",
]


def install_peers() -> None:
    """Install the packages into the project's cache. Raises `ToolMissing`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ToolMissing("there is no node with npm on this machine")
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
        raise ToolMissing(f"npm install took more than {_MOST_S} s") from None
    if ended.returncode != 0:
        lines = ended.stderr.strip().splitlines() or ["no reason given"]
        raise ToolMissing(f"npm install failed: {lines[0]}")


def _has(package: str, version: str) -> bool:
    manifest = MODULES / package / "package.json"
    return manifest.is_file() and json.loads(manifest.read_text(encoding="utf-8"))["version"] == version


def _node(package: str, entry: str, *arguments: str) -> list[str]:
    return ["node", str(MODULES / package / entry), *arguments]


@contextmanager
def prism(lines: Path) -> Iterator[Turn]:
    """Prism checks the form of each call, and answers with the API description's examples."""
    port = find_free_port()
    description = str(ROOT / "openapi" / "c06-lgsp.yaml")
    arguments = ["mock", description, "--multiprocess=false", "--verboseLevel", "silent"]
    command = _node(PRISM, "dist/index.js", *arguments, "--host", "127.0.0.1", "--port", str(port))
    headers = {"Authorization": "Bearer bench", "lgspaccesstoken": "bench"}
    with running(command, port, NODE_ENV="production") as process:
        authority = f"127.0.0.1:{port}"
        calls = {
            "003": platform_call(authority, VERDICT, lines, headers, accept="Response"),
            "037": platform_call(authority, RECORD, lines, headers, accept="SoDinhDanh"),
        }
        yield Turn(calls=calls, trees={"server": process.pid})


@contextmanager
def mockpass() -> Iterator[Turn]:
    """MockPass returns one person's record to a token that is signed here: the package contains the private key."""
    port = find_free_port()
    pem = (MODULES / MOCKPASS / "static" / "certs" / "spcp-key.pem").read_text(encoding="utf-8")
    token = jwt.encode({"alg": "RS256"}, {"sub": _UINFIN, "scope": list(_ATTRIBUTES)}, RSAKey.import_key(pem))
    with running(
        _node(MOCKPASS, "index.js"), port, NODE_ENV="production", MOCKPASS_PORT=str(port)
    ) as process:
        call = Call(
            authority=f"127.0.0.1:{port}",
            method="GET",
            path=f"/myinfo/v3/person/{_UINFIN}/?attributes={','.join(_ATTRIBUTES)}",
            headers={"Authorization": f"Bearer {token}"},
            accept='"regadd"',
        )
        yield Turn(calls={"record": call}, trees={"server": process.pid})


@contextmanager
def oauth2_mock_server(folder: Path) -> Iterator[Turn]:
    """The token endpoint of oauth2-mock-server, client credentials, ES256."""
    port, key = find_free_port(), folder / "oauth2.jwk.json"
    key.write_text(
        json.dumps({**ECKey.generate_key("P-256").as_dict(private=True), "alg": "ES256", "kid": "bench"}),
        "utf-8",
    )
    command = _node(
        OAUTH2, "dist/oauth2-mock-server.mjs", "-a", "127.0.0.1", "-p", str(port), "--jwk", str(key)
    )
    with running(command, port, NODE_ENV="production") as process:
        call = Call(
            authority=f"127.0.0.1:{port}",
            path="/token",
            headers={"Content-Type": FORM},
            body="grant_type=client_credentials",
            accept='"access_token"',
        )
        yield Turn(calls={"token": call}, trees={"server": process.pid})
