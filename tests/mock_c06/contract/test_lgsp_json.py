"""The JSON of provincial platforms: token, adapter header, three variants."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from lxml import etree

from tests.mock_c06.callers import AN, CODES, PlatformClient
from tests.mock_c06.contract.targets import on_every_target

VERDICT, RECORD = "XacThucThongTinCongDan", "TraCuuThongTinCongDan"
Platform = Callable[[str], PlatformClient]
BODIES: dict[str, dict[str, Any]] = {
    "passthrough": {
        "SoDinhDanh": AN["SoDinhDanh"],
        "HoVaTen": AN["HoVaTen"],
        "NgayThangNamSinh": {"NgayThangNam": "19900131"},
    },
    "camel": {"soDinhDanh": AN["SoDinhDanh"], "hoVaTen": AN["HoVaTen"], "ngayThangNam": "1990-01-31"},
    "pascal": {
        "MaDonVi": "000.00.01.H26",
        "SoDinhDanh": AN["SoDinhDanh"],
        "HoVaTen": AN["HoVaTen"],
        "NgayThangNamSinh": "19900131",
    },
}
NAME = {"passthrough": "HoVaTen", "camel": "hoVaTen", "pascal": "HoVaTen"}


async def logged_in(platform: Platform, variant: str) -> PlatformClient:
    client = platform(variant)
    assert (await client.log_in()).status_code == 200
    return client


@on_every_target
async def test_a_token_is_a_uuid_that_lives_an_hour(platform: Platform) -> None:
    answer = await platform("camel").log_in()
    token = answer.json()
    assert str(UUID(token.pop("access_token")))
    assert token == {
        "scope": "am_application_scope default",
        "token_type": "Bearer",
        "expires_in": 3600,
    }


@on_every_target
async def test_a_wrong_secret_or_adapter_gets_no_token(platform: Platform) -> None:
    client = platform("camel")
    wrong = [
        await client.log_in(secret="wrong"),
        await client.log_in(adapter=client.adapter(secret_key="wrong")),
        await client.log_in(adapter=""),
        await client.log_in(adapter="bm90IGpzb24="),
    ]
    assert [(answer.status_code, answer.json()["error"]) for answer in wrong] == [(401, "invalid_client")] * 4


@on_every_target
async def test_another_grant_than_client_credentials_is_unsupported(platform: Platform) -> None:
    answer = await platform("camel").log_in(grant="password")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    ("variant", "yes", "no"),
    [
        (
            "passthrough",
            {"Body": {"XacThucThongTinCongDanResponse": {"SoLuongCongDan": "1"}}},
            {"Body": {"XacThucThongTinCongDanResponse": {"SoLuongCongDan": "0"}}},
        ),
        ("camel", {"data": True}, {"data": False}),
    ],
)
@on_every_target
async def test_a_verdict_comes_in_the_variant_of_the_account(
    platform: Platform, variant: str, yes: Any, no: Any
) -> None:
    client = await logged_in(platform, variant)
    answers = [
        await client.ask(VERDICT, BODIES[variant]),
        await client.ask(VERDICT, BODIES[variant] | {NAME[variant]: "SOMEBODYELSE"}),
    ]
    assert [answer.json() for answer in answers] == [yes, no]


@on_every_target
async def test_pascal_wraps_the_whole_envelope_in_a_string(
    platform: Platform, is_valid: Callable[[str], bool]
) -> None:
    client = await logged_in(platform, "pascal")
    answer = (await client.ask(RECORD, BODIES["pascal"])).json()
    assert answer["error_code"] == "0"
    assert is_valid(answer["message"])
    assert etree.fromstring(answer["message"].encode()).findtext(".//{*}HoVaTen/{*}Ten") == "NGUYỄN VĂN AN"


@on_every_target
async def test_passthrough_gives_one_person_as_an_object(platform: Platform) -> None:
    client = await logged_in(platform, "passthrough")
    collection = (await client.ask(RECORD, BODIES["passthrough"])).json()["Body"]["CongdanCollection"]
    assert collection["SoCongDan"] == "1"
    assert collection["CongDan"]["HoVaTen"] == {"Ho": "", "ChuDem": "", "Ten": "NGUYỄN VĂN AN"}
    assert collection["CongDan"]["NguoiDaiDien"] == ""


@on_every_target
async def test_a_household_lists_its_members_in_json(platform: Platform, control: httpx.AsyncClient) -> None:
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T01:00:00Z"})
    client = await logged_in(platform, "camel")
    record = (await client.ask("CungCapThongTinHoGiaDinh", BODIES["camel"])).json()["data"]
    assert record["ChuHo"]["HoVaTen"] == "NGUYỄN VĂN AN"
    assert (record["ThoiDiemDuLieu"], record["GhiChu"]) == ("2026-11-24T08:00:00+07:00", "DU LIEU THU NGHIEM")
    assert len(record["ThanhVien"]) > 2


@on_every_target
async def test_nobody_found_is_null_or_a_collection_without_people(platform: Platform) -> None:
    camel = await logged_in(platform, "camel")
    passthrough = await logged_in(platform, "passthrough")
    null = await camel.ask(RECORD, BODIES["camel"] | {"hoVaTen": "SOMEBODYELSE"})
    empty = await passthrough.ask(RECORD, BODIES["passthrough"] | {"HoVaTen": "SOMEBODYELSE"})
    assert null.json() == {"data": None}
    assert empty.json()["Body"]["CongdanCollection"]["SoCongDan"] == "0"
    assert "CongDan" not in empty.json()["Body"]["CongdanCollection"]


@pytest.mark.parametrize(("variant", "text"), [("passthrough", "error_message"), ("pascal", "message")])
@on_every_target
async def test_a_refusal_has_a_code_and_http_200(platform: Platform, variant: str, text: str) -> None:
    client = await logged_in(platform, variant)
    answer = await client.ask(VERDICT, BODIES[variant] | {"MaDVC": "G18-YT04"})
    assert answer.status_code == 200
    assert answer.json() == {"error_code": "004", text: "Thủ tục chưa được cấp phép khai thác CSDL dân cư"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"hoVaTen": None},
        {"hoVaTen": 5},
        {"hoVaTen": "x" * 101},
        {"hoVaTen": "A\ud800"},
        {"maYeuCau": "A\x00B"},
        {"gioiTinh": "1"},
        {"soCMND": "012345678"},
        {"ngayThangNam": "31/01/1990"},
        {"maTichHop": "037"},
    ],
)
@on_every_target
async def test_a_json_request_that_breaks_a_rule_is_refused_with_01(
    platform: Platform, wrong: dict[str, Any]
) -> None:
    client = await logged_in(platform, "camel")
    assert (await client.ask(VERDICT, BODIES["camel"] | wrong)).json()["error_code"] == "01"


@pytest.mark.parametrize("shared", [False, True])
@on_every_target
async def test_a_flattened_request_may_leave_the_integration_code_out(
    platform: Platform, control: httpx.AsyncClient, shared: bool
) -> None:
    await control.put("/runs/default/switches", json={"one_record_code": shared})
    client = await logged_in(platform, "camel")
    for operation in CODES:
        answer = await client.ask(operation, BODIES["camel"], without=("maTichHop",))
        assert answer.json().get("error_code") is None, operation
    nested = await logged_in(platform, "passthrough")
    refused = await nested.ask(VERDICT, BODIES["passthrough"], without=("MaTichHop",))
    assert refused.json()["error_code"] == "01"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b'{"hoVaTen": "A", "hoVaTen": "B"}', b"[" * 9999]
)
@on_every_target
async def test_threat_26_a_body_that_is_no_json_object_is_refused(platform: Platform, body: bytes) -> None:
    client = await logged_in(platform, "camel")
    headers = {
        "Authorization": f"Bearer {client.token}",
        "lgspaccesstoken": client.adapter(),
        "Content-Type": "application/json",
    }
    answer = await client.http.post(
        client.base + "/lgsp/xacThucThongTinCongDan", content=body, headers=headers
    )
    assert answer.json()["error_code"] == "01"


@on_every_target
async def test_a_call_needs_token_and_adapter_header_both(platform: Platform) -> None:
    client = await logged_in(platform, "camel")
    answers = [
        await client.ask(VERDICT, BODIES["camel"], Authorization="Bearer unknown"),
        await client.ask(VERDICT, BODIES["camel"], Authorization=f"Basic {client.token}"),
        await client.ask(VERDICT, BODIES["camel"], lgspaccesstoken=client.adapter(app_name="OTHER")),
        await client.ask(VERDICT, BODIES["camel"], lgspaccesstoken=""),
    ]
    assert [answer.status_code for answer in answers] == [401] * 4


@on_every_target
async def test_a_token_ends_after_an_hour_of_the_runs_clock(
    platform: Platform, control: httpx.AsyncClient
) -> None:
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T01:00:00Z"})
    client = await logged_in(platform, "camel")
    await control.post("/runs/default/clock", json={"advance_s": 3599})
    alive = await client.ask(VERDICT, BODIES["camel"])
    await control.post("/runs/default/clock", json={"advance_s": 1})
    dead = await client.ask(VERDICT, BODIES["camel"])
    assert [alive.status_code, dead.status_code] == [200, 401]


@on_every_target
async def test_threat_9_a_token_is_nothing_at_the_other_door(platform: Platform, official_base: str) -> None:
    client = await logged_in(platform, "camel")
    client.base = official_base
    assert (await client.ask(VERDICT, BODIES["camel"])).status_code == 401
    assert (await client.log_in()).status_code == 401


@on_every_target
async def test_switches_wrap_in_envelope_and_write_the_verdict_as_text(
    platform: Platform, control: httpx.AsyncClient
) -> None:
    made: dict[str, PlatformClient] = {}
    for variant in ("passthrough", "camel"):
        body = {
            "name": f"switched-{variant}",
            "dialect": f"lgsp-{variant}",
            "switches": {"json_envelope": True, "text_verdict": True, "exists_verdict": True},
        }
        account = (await control.post("/accounts", json=body)).json()
        made[variant] = replace(platform(variant), account=account)
        await made[variant].log_in()
    wrapped = await made["passthrough"].ask(VERDICT, BODIES["passthrough"])
    text = await made["camel"].ask(VERDICT, BODIES["camel"] | {"userNameService": "portal"})
    assert wrapped.json() == {"Envelope": {"Body": {"KetQuaXacThuc": {"TonTai": "true"}}}}
    assert text.json() == {"data": "true"}


@on_every_target
async def test_a_soap_account_without_a_platform_key_gets_no_token(
    platform: Platform, accounts: Mapping[str, dict[str, Any]]
) -> None:
    soap, client = accounts["dvctt-hanoi"], platform("camel")
    answer = await client.http.post(
        f"{client.base}/token",
        data={"grant_type": "client_credentials"},
        auth=(soap["user"], soap["secret"]),
    )
    assert answer.status_code == 401
    assert json.loads(answer.content)["error"] == "invalid_client"


@on_every_target
async def test_a_year_alone_is_read_in_every_variant(platform: Platform) -> None:
    year_only = {"SoDinhDanh": "002058000709", "HoVaTen": "GIANGATHU"}
    camel = {"soDinhDanh": "002058000709", "hoVaTen": "GIANGATHU", "ngayThangNam": "1958"}
    passthrough = year_only | {"NgayThangNamSinh": {"Nam": "1958"}}
    pascal = year_only | {"NgayThangNamSinh": "1958"}
    answers = [
        (await (await logged_in(platform, variant)).ask(VERDICT, body)).text
        for variant, body in (("camel", camel), ("passthrough", passthrough), ("pascal", pascal))
    ]
    assert answers[0] == '{"data": true}'
    assert '"SoLuongCongDan": "1"' in answers[1]
    assert "<SoLuongCongDan>1<" in answers[2]
