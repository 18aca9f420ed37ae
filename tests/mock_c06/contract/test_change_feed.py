"""The feed of changes: who changed in a span of time, each once and as they are now, page by page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from lxml import etree

from tests.mock_c06.callers import SoapPortal, envelope
from tests.mock_c06.contract.targets import on_every_target
from tests.mock_c06.contract.test_soap_requests import refusal_code

AN, DUNG, HAI = "001090000123", "001192000124", "001094000127"
DAY = 86_400_000
NINE = int(datetime.fromisoformat("2026-11-24T09:00:00+00:00").timestamp() * 1000)
FEED = {"TuNgay": str(NINE - DAY), "DenNgay": str(NINE + DAY), "Loai": "0", "Trang": "1", "SoBanGhi": "100"}


def body_of(portal: SoapPortal, **changes: str | None) -> str:
    head = portal.fields("TraCuuThongTinCongDan", SoDinhDanh=None, HoVaTen=None, NgayThangNam=None)
    login = {name: changes.pop(name) for name in ("TaiKhoan",) if name in changes}
    return envelope("TraCuuThongTinCongDan", {**head, **login, **FEED, **changes})


async def ask(portal: SoapPortal, **changes: str | None) -> httpx.Response:
    return await portal.send(body_of(portal, **changes), "/TraCuuThongTinCongDan")


async def changed(portal: SoapPortal, **changes: str | None) -> list[str]:
    answer = await ask(portal, **changes)
    assert answer.status_code == 200, answer.text
    return [
        each.text or "" for each in etree.fromstring(answer.content).findall(".//{*}CongDan/{*}SoDinhDanh")
    ]


async def let_live(control: httpx.AsyncClient) -> None:
    """At eight An moves away, at nine he dies (which widows Dung), at ten Hai gets another name."""
    if (await control.get("/runs/default/events")).json()["events"]:
        return  # a replay: it has all happened already
    home = {"province_code": "01", "ward_code": "00001"}
    events: list[dict[str, Any]] = [
        {"kind": "move", "citizen_id": AN, "to": home, "residence": "current", "at": "2026-11-24T08:00:00Z"},
        {"kind": "death", "citizen_id": AN, "at": "2026-11-24T09:00:00Z"},
        {"kind": "name_correction", "citizen_id": HAI, "full_name": "Hai", "at": "2026-11-24T10:00:00Z"},
    ]
    for event in events:
        assert (await control.post("/runs/default/events", json=event)).status_code == 201
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T12:00:00Z"})


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({}, [AN, DUNG, HAI]),
        ({"TuNgay": str(NINE + 1)}, [HAI]),
        ({"DenNgay": str(NINE)}, [AN]),
        ({"TuNgay": str(NINE), "DenNgay": str(NINE + 1)}, [AN, DUNG]),
        ({"Loai": "2"}, [AN, DUNG]),
        ({"Loai": "5"}, [AN]),
        ({"Loai": "1"}, []),
        ({"Loai": None}, [AN, DUNG, HAI]),
    ],
)
@on_every_target
async def test_the_feed_brings_who_changed_in_the_span_once_by_last_change(
    portal: SoapPortal, changes: dict[str, str | None], numbers: list[str], control: httpx.AsyncClient
) -> None:
    await let_live(control)
    assert await changed(portal, **changes) == numbers


@pytest.mark.parametrize("changes", [{}, {"Loai": None}, {"MaDonVi": None}, {"TaiKhoan": "sync"}])
@on_every_target
async def test_a_feed_request_and_its_answer_fit_the_schema(
    portal: SoapPortal,
    is_valid: Callable[[str | bytes], bool],
    changes: dict[str, str | None],
    control: httpx.AsyncClient,
) -> None:
    await let_live(control)
    sent = body_of(portal, **changes)
    answer = await portal.send(sent, "/TraCuuThongTinCongDan")
    assert (is_valid(sent), answer.status_code, is_valid(answer.content)) == (True, 200, True)


@on_every_target
async def test_the_schema_knows_no_feed_of_another_operation_and_none_with_a_person(
    portal: SoapPortal, is_valid: Callable[[str | bytes], bool]
) -> None:
    sent = body_of(portal)
    assert not is_valid(sent.replace("TraCuuThongTinCongDan", "XacMinhThongTinNhanThan"))
    assert not is_valid(body_of(portal, SoDinhDanh=AN))
    assert not is_valid(body_of(portal, SoBanGhi="1001"))


@on_every_target
async def test_pages_of_the_feed_add_up_to_the_whole(portal: SoapPortal, control: httpx.AsyncClient) -> None:
    await let_live(control)
    pages = [await changed(portal, SoBanGhi="2", Trang=page) for page in ("1", "2", "3")]
    assert pages == [[AN, DUNG], [HAI], []]


@on_every_target
async def test_the_feed_tells_people_as_they_are_now_with_the_time_of_the_data(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await let_live(control)
    answer = etree.fromstring((await ask(portal)).content)
    collection = answer.find(".//{*}CongdanCollection")
    assert collection is not None
    assert (collection.get("SoCongDan"), collection.get("ThoiDiemDuLieu")) == (
        "3",
        "2026-11-24T19:00:00+07:00",
    )
    assert answer.findtext(".//{*}CongDan/{*}TrangThai") == "2"
    assert "<Ten>HAI</Ten>" in (await ask(portal)).text


@on_every_target
async def test_an_event_ahead_of_the_clock_is_not_in_the_feed_yet(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await let_live(control)
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T08:30:00Z"})
    assert await changed(portal) == [AN]


@on_every_target
async def test_only_an_account_with_the_feed_may_read_it(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    portal.account = (await control.post("/accounts", json={"name": "without"})).json()
    refused = await ask(portal)
    portal.account = (await control.post("/accounts", json={"name": "with", "change_feed": True})).json()
    assert refusal_code(refused) == "006"
    assert (await ask(portal)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"TuNgay": ""},
        {"TuNgay": "2026-11-24"},
        {"DenNgay": None},
        {"DenNgay": FEED["TuNgay"]},
        {"Loai": "8"},
        {"Trang": "0"},
        {"SoBanGhi": "1001"},
        {"SoBanGhi": "-1"},
        {"TuNgay": "9" * 15},
        {"TuNgay": "9" * 14, "DenNgay": "9" * 14},
        {"SoDinhDanh": AN},
        {"MaCanBo": None},
    ],
)
@on_every_target
async def test_a_feed_that_is_asked_wrongly_is_refused_as_malformed(
    portal: SoapPortal, changes: dict[str, str | None]
) -> None:
    assert refusal_code(await ask(portal, **changes)) == "01"


@on_every_target
async def test_the_journal_has_a_feed_call_without_a_person(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    await changed(portal)
    entry = (await control.get("/runs/default/journal", params={"unmasked": True})).json()["entries"][-1]
    assert (entry["operation"], entry["outcome"], entry["subject"], entry["asked"]) == (
        "TraCuuThongTinCongDan",
        "not_found",
        None,
        None,
    )
