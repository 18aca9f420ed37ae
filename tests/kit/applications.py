"""A used sandbox, its application, and the desk's answer, by the real gateway and the real mock over ASGI."""

import json
from typing import Any

from openapi_schema_validator import OAS31Validator

from gateway.accounts.model import make_grant
from gateway.applications.document import Bundle
from gateway.applications.statement import Contact, Rate, Statement
from gateway.applications.use_cases import make_application
from gateway.identifiers import Profile
from tests.kit.scene import AN, Portal, Scene
from tests.kit.source import ROOT

OFFICER = "can.bo.01"
FIELDS = ("full_name", "birth_date", "gender", "nationality", "current_residence", "ethnicity")
STATED = Statement(
    application_id="DVCTT-HN",
    application_name="Cổng dịch vụ công trực tuyến thành phố Hà Nội",
    security_level=3,
    rate=Rate(per_second=5, per_day=20_000),
    contact=Contact(unit="Trung tâm Dữ liệu", email="ketnoi@dvctt.example", phone="024 3000 0000"),
    retention="Dữ liệu đọc được không lưu; nhật ký bằng chứng giữ 24 tháng",
    deletion="Khóa dữ liệu bị xóa khi hết hạn; nhật ký xóa theo tháng",
)


async def rehearse(scene: Scene) -> Portal:
    """Run each scenario of the main job once, by one account with every grant."""
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
    """Make an application with these changes of the statement."""
    stated = STATED.model_copy(update=changes)
    return await make_application(
        scene.gateway, stated, by="local", preflight_network=scene.preflight_network
    )


def read_schema(name: str) -> dict[str, Any]:
    """Return one of the two schemas that gateway and desk share."""
    schema: dict[str, Any] = json.loads((ROOT / "openapi" / name).read_text(encoding="utf-8"))
    OAS31Validator.check_schema(schema)
    return schema


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Return the locations where a value does not match a schema."""
    return [error.json_path for error in OAS31Validator(schema).iter_errors(value)]
