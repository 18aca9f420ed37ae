"""Log lines: one a fact, whatever a value holds; an error tells its kind and place, never its text."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.kit.scene import Portal, Scene

PROGRAM = """
import logging, sys, structlog
from gateway.edge.logs import REQUEST_IDS, set_up_logs

set_up_logs(form=sys.argv[1], level="info")
REQUEST_IDS.set({"request_id": "req_one"})
log = structlog.get_logger("gateway.test")
log.info("evil", value="a\\r\\nforged line\\x1b[2J\\x9b2J\\x07")
log.debug("silent")
try:
    try:
        int("no 001090000123")
    except ValueError as error:
        raise LookupError("Nguyễn Văn An\\nforged line") from error
except LookupError:
    log.exception("internal")
logging.getLogger("a.library").warning("said %s", "x\\ny")
logging.getLogger("httpx").info("GET http://registry/001090000123")
logging.getLogger("gateway.edge.uvicorn").warning("Invalid HTTP request received.")
"""


def written(tmp_path: Path, form: str) -> list[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program), form], capture_output=True, check=True, cwd=Path.cwd(), timeout=60
    )
    assert done.stdout == b""
    return done.stderr.decode("utf-8").splitlines()


def test_threat_44_json_lines_parse_and_carry_the_request_id(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path, "json")]
    assert [line["event"] for line in lines] == ["evil", "internal", "said x\\x0ay"]
    assert {line["request_id"] for line in lines} == {"req_one"}
    assert lines[0]["value"] == "a\\x0d\\x0aforged line\\x1b[2J\\x9b2J\\x07"
    assert {"level", "logger", "timestamp"} <= set(lines[0])


@pytest.mark.parametrize("form", ["json", "console"])
def test_threat_44_no_value_forges_a_line_or_moves_a_terminal(tmp_path: Path, form: str) -> None:
    lines = written(tmp_path, form)
    assert not any(line.startswith(("forged", "\x1b")) for line in lines)
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for line in lines for sign in line)


@pytest.mark.parametrize("form", ["json", "console"])
def test_threat_44_a_logged_error_has_class_and_line_but_never_its_text(tmp_path: Path, form: str) -> None:
    text = "\n".join(written(tmp_path, form))
    assert "LookupError" in text
    assert "ValueError" in text
    assert "program.py:" in text
    assert "001090000123" not in text
    assert "Nguyễn" not in text


async def test_the_line_of_a_request_names_profile_account_and_problem(scene: Scene, portal: Portal) -> None:
    with capture_logs() as lines:
        await portal.verify()
        await portal.verify(procedure="nothing")
        await scene.http.get("/livez")
        await scene.http.post(f"{portal.issuer}/oauth2/token", data={"grant_type": "none"})
    known = ("route", "status", "profile", "account", "problem")
    found = [
        {name: line[name] for name in known if name in line} for line in lines if line["event"] == "request"
    ]
    ours = {"profile": "sandbox", "account": portal.client_id}
    assert found == [
        {"route": "/{profile}/v1/verifications", "status": 201} | ours,
        {"route": "/{profile}/v1/verifications", "status": 422, "problem": "procedure_unknown"} | ours,
        {"route": "/livez", "status": 200},
        {
            "route": "/{profile}/oauth2/token",
            "status": 401,
            "profile": "sandbox",
            "problem": "invalid_client",
        },
    ]
    assert all(line["ms"] >= 0 for line in lines if line["event"] == "request")
