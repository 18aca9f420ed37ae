"""The fifteen commands of `docs/deploy.md` bring a gateway from nothing to serving, on PostgreSQL, in the page's order.

The test types the gateway's own commands with the page's settings; only addresses, paths and the port are the test's.
"""

import re
import shlex
import socket
from pathlib import Path

import httpx
import pytest

from tests.kit.commands import Commands
from tests.kit.operators import PASSWORD
from tests.kit.programs import Place
from tests.kit.source import ROOT
from tests.kit.stores import Server
from tests.sockets.operators_guide import File, read_script

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCK = re.search(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = BLOCK[1].splitlines() if BLOCK else []


def read_settings(folder: Path, database_url: str) -> dict[str, str]:
    """Return the page's settings, with this test's database, key file and a free port."""
    page = next(part for part in read_script(PAGE) if isinstance(part, File) and part.name == "settings.env")
    named = dict(line.split("=", 1) for line in page.text.splitlines())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {
        "GATEWAY_DATABASE_URL": database_url,
        "GATEWAY_MASTER_KEY_FILE": str(folder / "master.key"),
        "GATEWAY_METRICS_PORT": port,
    }
    assert set(own) <= set(named)
    return named | own


def of_the_gateway(line: str) -> list[str]:
    """Return the arguments of the gateway's command in a line; none if it has none."""
    found = re.search(r"(?:^|gateway )gateway (.*?)(?: &&|$)", line)
    return shlex.split(found[1]) if found else []


def test_the_page_needs_at_most_fifteen_commands() -> None:
    assert 0 < len(COMMANDS) <= 15


@pytest.mark.postgresql
def test_the_fifteen_commands_bring_a_gateway_from_nothing_to_serving(
    postgresql_server: Server, tmp_path: Path
) -> None:
    settings = read_settings(tmp_path, postgresql_server.make_database(template="template0"))
    gateway = Commands(tmp_path)
    start = next(number for number, line in enumerate(COMMANDS) if "systemctl" in line)
    before = [arguments for line in COMMANDS[:start] if (arguments := of_the_gateway(line))]
    assert [arguments[:2] for arguments in before] == [["keys", "make-master"], ["migrate"]]
    for arguments in before:
        moved = [each.replace("/srv/gateway", str(tmp_path)) for each in arguments]
        assert gateway(*moved, **settings).code == 0

    with Place(folder=tmp_path, settings=settings).serving(workers=2) as running:
        assert running.lines[0] == "gateway: https://gateway.example.vn"
        metrics = httpx.get(f"http://127.0.0.1:{settings['GATEWAY_METRICS_PORT']}/metrics")
        assert 'worker="1"' in metrics.text
        code = ""
        for line in COMMANDS:
            if (arguments := of_the_gateway(line)) and arguments[0] in {
                "operators",
                "organisations",
                "accounts",
            }:
                stdin = f"{code}\n{PASSWORD}\n" if arguments[1] == "enrol" else ""
                made = gateway(*arguments, stdin=stdin, **settings)
                assert made.code == 0, made
                code = (re.search(r"one_time_code: (\S+)", made.out) or [code, code])[1]
    assert gateway("audit", "verify", **settings).code == 0
