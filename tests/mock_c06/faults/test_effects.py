"""Planned faults: each kind does what it says, to the calls it names, and the journal names it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry
from mock_c06.faults.kinds import KINDS
from tests.mock_c06.callers import AN, PlatformClient, SoapPortal, remember_bodies

Plan = Callable[..., Awaitable[str]]


@pytest.fixture
def plan(control: httpx.AsyncClient) -> Plan:
    async def _plan(kind: str, **where: Any) -> str:
        answer = await control.post("/runs/default/faults", json={"kind": kind, **where})
        assert answer.status_code == 201
        return str(answer.json()["id"])

    return _plan


async def last_entry(control: httpx.AsyncClient) -> dict[str, Any]:
    entry: dict[str, Any] = (await control.get("/runs/default/journal")).json()["entries"][-1]
    return entry


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unavailable", 503),
        ("maintenance", 503),
        ("html_error", 502),
        ("unauthorised_once", 401),
        ("throttle", 429),
    ],
)
async def test_a_fault_before_the_registry_answers_in_its_place(
    portal: SoapPortal, control: httpx.AsyncClient, plan: Plan, kind: str, status: int
) -> None:
    await plan(kind, times=1)
    answer = await portal.verdict(MaYeuCau="kept")
    entry = await last_entry(control)
    again = await portal.verdict(MaYeuCau="kept")
    assert answer.status_code == status
    assert answer.headers["x-mock-fault"].startswith(f"fault-1;kind={kind};call=1")
    assert (entry["outcome"], entry["fault"], entry["code"]) == ("fault", kind, None)
    assert again.status_code == 200


@pytest.mark.parametrize(("delay_ms", "seconds"), [(0, "1"), (1, "1"), (1000, "1"), (1500, "2")])
@pytest.mark.parametrize("kind", ["maintenance", "throttle"])
async def test_who_waits_as_long_as_told_has_waited_long_enough(
    portal: SoapPortal, plan: Plan, kind: str, delay_ms: int, seconds: str
) -> None:
    await plan(kind, delay_ms=delay_ms)
    assert (await portal.verdict()).headers["Retry-After"] == seconds


async def test_maintenance_and_throttling_say_when_to_come_back(portal: SoapPortal, plan: Plan) -> None:
    await plan("maintenance", times=1)
    maintenance = await portal.verdict()
    await plan("throttle", times=1, delay_ms=7000)
    throttled = await portal.verdict()
    assert [maintenance.headers["retry-after"], throttled.headers["retry-after"]] == ["120", "7"]


@pytest.mark.parametrize("kind", ["truncated", "garbled", "wrong_encoding"])
async def test_a_broken_answer_is_no_xml_any_more(portal: SoapPortal, plan: Plan, kind: str) -> None:
    await plan(kind)
    for answer in (await portal.verdict(), await portal.record()):
        assert answer.status_code == 200
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(answer.content)


async def test_a_wrong_namespace_is_well_formed_but_foreign(portal: SoapPortal, plan: Plan) -> None:
    await plan("wrong_namespace")
    body = etree.fromstring((await portal.verdict()).content).find("{*}Body")
    assert body is not None
    assert etree.QName(body[0]).namespace == "http://gtel.vn/qldc"


async def test_a_soap_fault_comes_without_a_code(portal: SoapPortal, plan: Plan) -> None:
    await plan("soap_fault")
    answer = await portal.verdict()
    assert answer.status_code == 500
    assert "soapenv:Server" in answer.text
    assert "MaLoi" not in answer.text


async def test_an_oversized_answer_is_well_formed_and_huge(portal: SoapPortal, plan: Plan) -> None:
    await plan("oversized")
    answer = await portal.verdict()
    assert len(answer.content) > 16_000_000
    assert answer.content.rstrip().endswith(b"</soapenv:Envelope>")


async def test_an_empty_answer_hides_a_person_who_is_there(portal: SoapPortal, plan: Plan) -> None:
    await plan("empty")
    assert "<SoLuongCongDan>0<" in (await portal.verdict()).text
    assert 'SoCongDan="0"' in (await portal.record()).text


async def test_two_people_come_for_one_number(portal: SoapPortal, plan: Plan) -> None:
    await plan("two_people")
    assert "<SoLuongCongDan>2<" in (await portal.verdict()).text
    assert "<SoLuongCongDan>0<" in (await portal.verdict(HoVaTen="SOMEBODYELSE")).text
    assert len(etree.fromstring((await portal.record()).content).findall(".//{*}CongDan")) == 2


async def test_a_wrong_person_is_planned_for_records_and_spares_verdicts(
    portal: SoapPortal, plan: Plan
) -> None:
    await plan("wrong_person", times=1)
    verdict, record = await portal.verdict(), await portal.record()
    assert "x-mock-fault" not in verdict.headers
    found = etree.fromstring(record.content).findtext(".//{*}CongDan/{*}SoDinhDanh")
    assert found not in {None, AN["SoDinhDanh"]}


async def test_swapped_fields_put_religion_in_ethnicitys_place(portal: SoapPortal, plan: Plan) -> None:
    right = etree.fromstring((await portal.record()).content)
    await plan("swapped_fields")
    swapped = etree.fromstring((await portal.record()).content)
    assert swapped.findtext(".//{*}DanToc") == right.findtext(".//{*}TonGiao")
    assert swapped.findtext(".//{*}TonGiao") == right.findtext(".//{*}QuocTich")


async def test_latency_only_delays_a_right_answer(
    portal: SoapPortal, control: httpx.AsyncClient, plan: Plan
) -> None:
    await plan("latency", delay_ms=60)
    started = asyncio.get_running_loop().time()
    answer = await portal.verdict()
    took = asyncio.get_running_loop().time() - started
    entry = await last_entry(control)
    assert took >= 0.06
    assert "<SoLuongCongDan>1<" in answer.text
    assert (entry["outcome"], entry["fault"]) == ("found", "latency")


@pytest.mark.parametrize(
    "kind",
    sorted(
        {name for name, kind in KINDS.items() if not kind.uses_delay}
        - {"duplicate_refused", "swapped_fields", "wrong_person"}
    ),
)
async def test_a_fault_without_a_use_of_its_own_for_a_delay_comes_late(
    portal: SoapPortal, control: httpx.AsyncClient, plan: Plan, kind: str
) -> None:
    await plan(kind, delay_ms=30)
    answer = await portal.verdict()
    assert answer.headers["x-mock-fault"].endswith(f"kind={kind};call=1;delay_ms=30")
    assert (await last_entry(control))["sent_late_ms"] == 30


async def test_a_hanging_registry_outlasts_an_impatient_caller(portal: SoapPortal, plan: Plan) -> None:
    await plan("hang")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(portal.verdict(), 0.05)


@pytest.mark.parametrize("kind", ["reset", "hang"])
async def test_a_cut_connection_brings_no_answer(portal: SoapPortal, plan: Plan, kind: str) -> None:
    await plan(kind, delay_ms=1)
    with pytest.raises(ConnectionResetError):
        await portal.verdict()


async def test_trickling_bytes_leave_one_by_one_and_add_up_to_the_answer(
    portal: SoapPortal, plan: Plan, mock: MockRegistry
) -> None:
    whole = (await portal.verdict()).content
    sent: list[bytes] = []
    await plan("trickle", delay_ms=1)
    portal.http = httpx.AsyncClient(transport=httpx.ASGITransport(remember_bodies(mock.test, sent)))
    assert (await portal.verdict()).content == whole
    assert [part for part in sent if part] == [bytes([each]) for each in whole]


async def test_a_fault_hits_only_the_calls_it_names(portal: SoapPortal, plan: Plan) -> None:
    await plan(
        "unavailable", operation="TraCuuThongTinCongDan", account="dvctt-hanoi", citizen_id="001090000123"
    )
    other_person = {"SoDinhDanh": "001192000124", "HoVaTen": "LETHIDUNG", "NgayThangNam": "19920308"}
    answers = [await portal.verdict(), await portal.record(**other_person), await portal.record()]
    assert [answer.status_code for answer in answers] == [200, 200, 503]


async def test_a_share_hits_the_same_calls_on_every_run(
    portal: SoapPortal, plan: Plan, control: httpx.AsyncClient
) -> None:
    rounds = []
    for _ in range(2):
        await control.delete("/runs/default/faults")
        await plan("unavailable", share=0.5, seed=7)
        rounds.append([(await portal.verdict()).status_code for _ in range(12)])
    assert rounds[0] == rounds[1]
    assert set(rounds[0]) == {200, 503}


async def test_faults_are_dropped_one_by_one_or_all(
    portal: SoapPortal, control: httpx.AsyncClient, plan: Plan
) -> None:
    first, second = await plan("unavailable"), await plan("throttle")
    listed = (await control.get("/runs/default/faults")).json()["faults"]
    await control.delete(f"/runs/default/faults/{first}")
    throttled = await portal.verdict()
    await control.delete("/runs/default/faults")
    assert [fault["id"] for fault in listed] == [first, second]
    assert throttled.status_code == 429
    assert (await portal.verdict()).status_code == 200
    assert (await control.delete(f"/runs/default/faults/{first}")).status_code == 404


async def test_a_token_that_expires_early_is_refused_at_its_first_use(
    platform: Callable[[str], PlatformClient], plan: Plan
) -> None:
    await plan("token_expires_early", times=1)
    client = platform("camel")
    body = {"soDinhDanh": AN["SoDinhDanh"], "hoVaTen": AN["HoVaTen"], "ngayThangNam": "19900131"}
    issued = await client.log_in()
    dead = await client.ask("XacThucThongTinCongDan", body)
    await client.log_in()
    alive = await client.ask("XacThucThongTinCongDan", body)
    assert issued.json()["expires_in"] == 3600
    assert [dead.status_code, alive.status_code] == [401, 200]


async def test_a_token_call_is_spared_unless_the_plan_names_it(
    platform: Callable[[str], PlatformClient], plan: Plan
) -> None:
    client = platform("camel")
    await plan("garbled")
    spared = await client.log_in()
    await plan("unavailable", operation="token")
    hit = await client.http.post(client.base + "/token")
    assert [spared.status_code, hit.status_code] == [200, 503]


async def test_a_soap_fault_becomes_an_error_code_in_json(
    platform: Callable[[str], PlatformClient], plan: Plan
) -> None:
    client = platform("camel")
    await client.log_in()
    await plan("soap_fault")
    answer = await client.ask("XacThucThongTinCongDan", {"soDinhDanh": AN["SoDinhDanh"]})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "99")
