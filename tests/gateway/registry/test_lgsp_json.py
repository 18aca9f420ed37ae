"""The questions that a provincial platform gets in each of its three wrappers, and how each answer is read."""

import base64
import json

import httpx
import pytest

from gateway.errors.requests import RegistryAnswerInvalid, RegistryRefused, RegistryUnavailable
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from gateway.registry.model import Claim, Found, NobodyFound
from tests.kit.registry import (
    CARD,
    JSON_PERSON,
    NUMBER,
    PERSON,
    answering,
    fault,
    people,
    question,
    registry_of,
    verdict,
)


def says_yes(dialect: Dialect) -> bytes:
    """A yes in the words of a dialect."""
    passed_through = {"Body": {"XacThucThongTinCongDanResponse": {"SoLuongCongDan": "1"}}}
    message = {"error_code": "0", "message": verdict().decode()}
    forms = {
        Dialect.LGSP_PASSTHROUGH: passed_through,
        Dialect.LGSP_CAMEL: {"data": True},
        Dialect.LGSP_PASCAL: message,
    }
    return verdict() if dialect is Dialect.SOAP else json.dumps(forms[dialect]).encode()


PASSTHROUGH, CAMEL, PASCAL = Dialect.LGSP_PASSTHROUGH, Dialect.LGSP_CAMEL, Dialect.LGSP_PASCAL
_COMMON = ["HN-01J9Z0K4Q8", "G15-TP110", "003", "can.bo.01", "000.00.01.H26"]


@pytest.mark.parametrize(
    ("dialect", "claim", "expected"),
    [
        (
            PASSTHROUGH,
            None,
            {
                "SoDinhDanh": NUMBER,
                "HoVaTen": "NGUYENVANAN",
                "NgayThangNamSinh": {"NgayThangNam": "19900131"},
            },
        ),
        (CAMEL, None, {"soDinhDanh": NUMBER, "hoVaTen": "NGUYENVANAN", "ngayThangNam": "1990-01-31"}),
        (PASCAL, None, {"SoDinhDanh": NUMBER, "HoVaTen": "NGUYENVANAN", "NgayThangNamSinh": "19900131"}),
        (PASSTHROUGH, CARD, {"SoCMND": CARD, "HoVaTen": "AN", "NgayThangNamSinh": {"Nam": "1950"}}),
        (CAMEL, CARD, {"soCMND": CARD, "hoVaTen": "AN", "ngayThangNam": "1950"}),
        (PASCAL, CARD, {"SoCMND": CARD, "HoVaTen": "AN", "NgayThangNamSinh": "1950"}),
    ],
)
async def test_each_wrapper_gets_its_own_members_and_form_of_date(
    dialect: Dialect, claim: str | None, expected: dict[str, object]
) -> None:
    double = answering(says_yes(dialect))
    asked = (
        question()
        if claim is None
        else question(claim=Claim(id_card_number=claim, full_name="Ân", birth_year=1950))
    )
    assert await registry_of(double, dialect).confirm(asked) is True
    (packet,) = double.packets
    assert packet.url.path == "/lgsp/xacThucThongTinCongDan"
    sent = json.loads(packet.content)
    names = ["MaYeuCau", "MaDVC", "MaTichHop", "MaCanBo", "MaDonVi"]
    if dialect is CAMEL:
        names = [name[0].lower() + name[1:] for name in names]
    assert sent == dict(zip(names, _COMMON, strict=True)) | expected
    assert list(sent)[:5] == names


async def test_a_call_carries_the_token_and_the_adapters_header_as_the_token_call_did() -> None:
    double = answering(says_yes(CAMEL))
    await registry_of(double, CAMEL).confirm(question())
    (token_packet,), (packet,) = double.token_packets, double.packets
    assert packet.headers["authorization"] == "Bearer token-1"
    assert (
        token_packet.headers["authorization"] == f"Basic {base64.b64encode(b'key:synthetic-secret').decode()}"
    )
    assert token_packet.content == b"grant_type=client_credentials"
    for headers in (packet.headers, token_packet.headers):
        assert json.loads(base64.b64decode(headers["lgspaccesstoken"])) == {
            "AccessKey": "access",
            "SecretKey": "synthetic",
            "AppName": "dvctt",
            "PartnerCode": "H26",
            "PartnerCodeCus": "H26.01",
        }


@pytest.mark.parametrize(
    "base", ["http://registry.test/lgsp", "http://registry.test/lgsp/", "http://registry.test/"]
)
async def test_the_platforms_folder_may_be_in_the_url_or_not(base: str) -> None:
    double = answering(says_yes(CAMEL))
    await registry_of(double, CAMEL, registry_url=base).confirm(question())
    assert double.packets[0].url == "http://registry.test/lgsp/xacThucThongTinCongDan"
    assert double.token_packets[0].url == "http://registry.test/token"


@pytest.mark.parametrize("count", [1, "1"])
@pytest.mark.parametrize("under", [True, False])
async def test_threat_26_a_passed_through_verdict_is_read_with_or_without_envelope(
    count: object, under: bool
) -> None:
    body = {"Body": {"XacThucThongTinCongDanResponse": {"SoLuongCongDan": count}}}
    content = json.dumps({"Envelope": body} if under else body)
    assert await registry_of(answering(content), PASSTHROUGH).confirm(question()) is True


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"data": true}', True),
        ('{"data": "true"}', True),
        ('{"data":"false"}', False),
        ('{"data": false}', False),
    ],
)
async def test_threat_26_a_verdict_as_text_counts_as_one(content: str, said: bool) -> None:
    assert await registry_of(answering(content), CAMEL).confirm(question()) is said


@pytest.mark.parametrize("wrapped", [JSON_PERSON, [JSON_PERSON]])
@pytest.mark.parametrize("collection", ["CongdanCollection", "CongDan", ""])
async def test_threat_26_one_person_is_read_as_object_or_list(wrapped: object, collection: str) -> None:
    inside: object = wrapped
    if collection:
        inside = {"CongDan": wrapped, "SoCongDan": "1", "@ThoiDiemDuLieu": "2022-04-27T08:00:00+07:00"}
    if collection == "CongdanCollection":
        inside = {collection: inside}
    registry = registry_of(answering(json.dumps({"data": inside})), CAMEL)
    _check(await registry.find_record(question(Operation.LOOK_UP)))


@pytest.mark.parametrize("wrapped", [JSON_PERSON, [JSON_PERSON]])
async def test_threat_26_one_passed_through_person_is_read_as_object_or_list(wrapped: object) -> None:
    content = json.dumps({"Body": {"CongdanCollection": {"CongDan": wrapped}}})
    _check(await registry_of(answering(content), PASSTHROUGH).find_record(question(Operation.LOOK_UP)))


async def test_threat_26_an_envelope_in_a_message_is_read_like_any_envelope() -> None:
    content = json.dumps({"error_code": "0", "message": people(PERSON).decode()})
    found = await registry_of(answering(content), PASCAL).find_record(question(Operation.LOOK_UP))
    assert isinstance(found, Found)
    assert found.record.full_name == "NGUYỄN VĂN AN"


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        (PASSTHROUGH, {"Body": {"CongdanCollection": {"SoCongDan": "0"}}}),
        (PASSTHROUGH, {"Body": {"CongdanCollection": None}}),
        (PASSTHROUGH, {"Body": {"CongdanCollection": {"CongDan": []}}}),
        (CAMEL, {"data": None}),
        (CAMEL, {"data": {}}),
        (CAMEL, {"data": []}),
        (CAMEL, {"data": {"CongdanCollection": {"SoCongDan": 0}}}),
        (PASCAL, {"error_code": "0", "message": people().decode()}),
    ],
)
async def test_every_way_to_say_nobody_is_understood(dialect: Dialect, content: object) -> None:
    registry = registry_of(answering(json.dumps(content)), dialect)
    assert await registry.find_record(question(Operation.LOOK_UP)) == NobodyFound()


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("dialect", [PASSTHROUGH, CAMEL, PASCAL])
async def test_a_refusals_code_is_read_whatever_the_status(dialect: Dialect, status: int) -> None:
    response = httpx.Response(
        status, json={"error_code": "004", "error_message": "Thủ tục chưa được cấp phép"}
    )
    with pytest.raises(RegistryRefused) as refused:
        await registry_of(answering(response), dialect).confirm(question())
    assert refused.value.registry_code == "004"


async def test_a_fault_inside_a_message_is_a_refusal_too() -> None:
    content = json.dumps({"error_code": "0", "message": fault("005").content.decode()})
    with pytest.raises(RegistryRefused, match="005"):
        await registry_of(answering(content), PASCAL).confirm(question())


@pytest.mark.parametrize("content", ["{}", "<html>500</html>"])
async def test_an_error_of_the_platform_without_a_code_is_unavailability(content: str) -> None:
    with pytest.raises(RegistryUnavailable):
        await registry_of(answering(httpx.Response(500, text=content)), CAMEL).confirm(question())


def _check(found: Found | NobodyFound) -> None:
    assert isinstance(found, Found)
    record = found.record
    assert (record.citizen_id, record.full_name, record.gender) == (NUMBER, "NGUYỄN VĂN AN", "1")
    assert record.native_place is None
    assert [member.full_name for member in record.household_members] == ["LÊ THỊ HOA"]


async def test_a_client_error_of_the_platform_without_a_code_is_an_invalid_answer() -> None:
    with pytest.raises(RegistryAnswerInvalid, match="unexpected status"):
        await registry_of(answering(httpx.Response(400, text="{}")), CAMEL).confirm(question())
