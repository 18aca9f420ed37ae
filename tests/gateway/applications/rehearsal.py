"""A sandbox in use, an application made from it, and the desk's answer: real gateway, real mock, over ASGI."""

import json
from dataclasses import replace
from typing import Any

import httpx
from openapi_schema_validator import OAS31Validator

from gateway.accounts.grants import make_grant
from gateway.applications.model import Bundle, Contact, Statement
from gateway.applications.use_cases import make_application
from gateway.places import Profile
from tests.gateway.scene import AN, Portal, Scene
from tests.shape.source import ROOT

OFFICER = "can.bo.01"
FIELDS = ("full_name", "birth_date", "gender", "nationality", "current_residence", "ethnicity")
STATED = Statement(
    application_id="DVCTT-HN",
    application_name="Cổng dịch vụ công trực tuyến thành phố Hà Nội",
    security_level=3,
    rate_per_second=5,
    rate_per_day=20_000,
    contact=Contact(unit="Trung tâm Dữ liệu", email="ketnoi@dvctt.example", phone="024 3000 0000"),
    retention="Dữ liệu đọc được không lưu; nhật ký bằng chứng giữ 24 tháng",
    deletion="Khóa dữ liệu bị xóa khi hết hạn; nhật ký xóa theo tháng",
)


async def rehearse(scene: Scene) -> Portal:
    """Run the main job's scenarios once each; the one account may have all that is wanted."""
    portal = await scene.portal(
        grants=make_grant(["khai-sinh", "ket-hon"], ["*"], FIELDS),
        scopes=("verify", "prefill", "prefill.sensitive"),
        officers=(OFFICER, "can.bo.02"),
    )
    await portal.log_in(scope="verify prefill prefill.sensitive")
    receipt = await portal.receipt()
    assert (await portal.prefill(receipt, ["full_name"])).status_code == 200
    assert (await portal.verify(procedure="ket-hon", dossier="HN-2")).json()["origin"] == "reuse"
    wrong = AN | {"full_name": "Nguyễn Văn Ăn Sai"}
    assert (await portal.verify(claim=wrong)).json()["verdict"] == "not_confirmed"
    assert (await portal.prefill(receipt, ["citizen_id"])).status_code == 403
    door = scene.gateway.places[Profile.OFFICIAL].issuer
    assert (await portal.call("GET", "/me", issuer=door)).json()["code"] == "profile_mismatch"
    return portal


async def apply(scene: Scene, **changes: Any) -> Bundle:
    """Make an application with these changes of what is stated."""
    stated = replace(STATED, **changes)
    return await make_application(scene.gateway, stated, by="local", way_out=scene.way_out)


async def send(scene: Scene, bundle: Bundle) -> dict[str, Any]:
    """Bring the bundle to the desk, byte for byte; return the case."""
    headers = {"Content-Type": "application/json"}
    answer = await scene.control.post("/desk/applications", content=bundle.text.encode(), headers=headers)
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()
    return case


async def decide(scene: Scene, case: str, decision: str, **members: Any) -> httpx.Response:
    """Decide as an officer of the desk."""
    return await scene.control.post(
        f"/desk/applications/{case}/decision", json={"decision": decision, **members}
    )


async def issue(scene: Scene, bundle: Bundle, **members: Any) -> str:
    """Apply and be issued: return the issued file's text."""
    case = await send(scene, bundle)
    answer = await decide(scene, case["id"], "issue", **members)
    assert answer.status_code == 200, answer.text
    issued = (await scene.control.get(f"/desk/applications/{case['id']}/issued")).json()
    return json.dumps(issued, ensure_ascii=False)


def read_schema(name: str) -> dict[str, Any]:
    """Return one of the two shapes that gateway and desk agree on."""
    schema: dict[str, Any] = json.loads((ROOT / "openapi" / name).read_text(encoding="utf-8"))
    OAS31Validator.check_schema(schema)
    return schema


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Return where a value leaves a schema."""
    return [error.json_path for error in OAS31Validator(schema).iter_errors(value)]
