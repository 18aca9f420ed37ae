"""Apply for the official account: one signed bundle to C06's desk, one sealed answer."""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from demo.scene import Scene

STATEMENT = """\
application_id = "DVCTT-DEMO"
application_name = "Cổng dịch vụ công trực tuyến (dữ liệu thử nghiệm)"
security_level = 3
retention = "Dữ liệu đọc được không lưu; nhật ký bằng chứng giữ 24 tháng"
deletion = "Khóa dữ liệu bị xóa khi hết hạn; nhật ký xóa theo tháng"

[rate]
per_second = 20
per_day = 20000

[contact]
unit = "Trung tâm Dữ liệu"
email = "ketnoi@dvctt.example"
phone = "024 3000 0000"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """The result of the desk's answer: a change to official's next revision, and the account's user."""

    sha256: str
    change: dict[str, Any]
    user: str


def apply_for_official(scene: Scene, proposer: str) -> Issued:
    """Apply, let the desk decide, and open the answer as the proposer."""
    programs, folder = scene.programs, scene.programs.folder
    stated = folder / "application.toml"
    stated.write_text(STATEMENT, encoding="utf-8")
    bundle = folder / "official-application.json"
    made = programs.gateway(
        "official", "application", "--file", str(stated), "--out", str(bundle), token=proposer
    )
    case = _at_the_desk(scene, "POST", "", content=bundle.read_bytes())
    decision = {"decision": "issue", "registry_url": scene.mock.official}
    _at_the_desk(scene, "POST", f"/{case['id']}/decision", content=json.dumps(decision).encode())
    issued = _at_the_desk(scene, "GET", f"/{case['id']}/issued")
    answer = folder / "issued.json"
    answer.write_text(json.dumps(issued, ensure_ascii=False), encoding="utf-8")
    change = programs.gateway("official", "open", "--file", str(answer), token=proposer)
    diff = {line["member"]: line["to"] for line in change["diff"]}
    return Issued(sha256=made["sha256"], change=change, user=diff["c06_user"])


def _at_the_desk(scene: Scene, method: str, path: str, content: bytes | None = None) -> Any:
    answer = httpx.request(
        method,
        f"{scene.mock.control}/desk/applications{path}",
        content=content,
        headers={
            "Authorization": f"Bearer {scene.mock.control_token}",
            "Content-Type": "application/json",
        },
        trust_env=False,
        timeout=30,
    )
    answer.raise_for_status()
    return answer.json()
