"""An account's life at the desk: which status follows which, and what each is answered, in both environments."""

from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.app import MockRegistry
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import PlatformClient, SoapPortal, texts
from tests.mock_c06.contract.test_lgsp_json import BODIES

VERDICT = "XacThucThongTinCongDan"
ENVIRONMENTS = pytest.mark.parametrize("environment", ["test", "official"])
LIFE = ["granted", "active", "suspended", "revoked"]
ALLOWED = {
    ("granted", "active"),
    ("granted", "revoked"),
    ("active", "suspended"),
    ("active", "revoked"),
    ("suspended", "active"),
    ("suspended", "revoked"),
}


def door(mock: MockRegistry, environment: str) -> httpx.AsyncClient:
    face = mock.test if environment == "test" else mock.official
    return httpx.AsyncClient(transport=httpx.ASGITransport(face))


async def make(control: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await control.post("/accounts", json={"name": "made", **members})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.mark.parametrize("before", LIFE)
@pytest.mark.parametrize("after", LIFE)
async def test_a_status_moves_only_as_an_accounts_life_allows(
    control: httpx.AsyncClient, before: str, after: str
) -> None:
    await make(control, status=before)
    answer = await control.patch("/accounts/made", json={"status": after})
    moved = before == after or (before, after) in ALLOWED
    assert answer.status_code == (200 if moved else 409)
    assert (await control.get("/accounts/made")).json()["status"] == (after if moved else before)
    if not moved:
        assert answer.json()["errors"] == [{"field": "status", "detail": f"{before} cannot become {after}"}]


@ENVIRONMENTS
async def test_only_an_active_account_is_answered_in_either_environment(
    mock: MockRegistry, control: httpx.AsyncClient, clock: StillClock, environment: str
) -> None:
    account = await make(control, environment=environment, status="granted")
    async with door(mock, environment) as http:
        portal = SoapPortal(http, account, clock)
        said = {"granted": (await portal.verdict()).status_code}
        for status in ("active", "suspended", "revoked"):
            await control.patch("/accounts/made", json={"status": status})
            said[status] = (await portal.verdict()).status_code
    assert said == {"granted": 403, "active": 200, "suspended": 403, "revoked": 403}


@ENVIRONMENTS
async def test_every_permission_is_enforced_in_either_environment(
    mock: MockRegistry, control: httpx.AsyncClient, clock: StillClock, environment: str
) -> None:
    account = await make(control, environment=environment)
    await control.patch(
        "/accounts/made",
        json={
            "operations": ["XacThucThongTinCongDan", "TraCuuThongTinCongDan"],
            "procedures": ["khai-sinh"],
            "officers": ["can.bo.01"],
            "fields": ["full_name", "gender"],
            "rate_per_second": 5,
        },
    )
    async with door(mock, environment) as http:
        portal = SoapPortal(http, account, clock)
        refused = [
            (await portal.ask("CungCapThongTinHoGiaDinh")).text,
            (await portal.verdict(MaDVC="G15-TP112")).text,
            (await portal.verdict(MaCanBo="can.bo.02")).text,
        ]
        record = etree.fromstring((await portal.record()).content).find(".//{*}CongDan")
        statuses = [(await portal.verdict()).status_code for _ in range(2)]
    codes = [text.partition("<MaLoi>")[2].partition("<")[0] for text in refused]
    assert codes == ["006", "004", "005"]
    assert record is not None
    assert texts(record) == {
        "/SoDinhDanh": "001090000123",
        "/HoVaTen/Ten": "NGUYỄN VĂN AN",
        "/GioiTinh": "1",
        "/TrangThai": "1",
    }
    assert statuses == [200, 429]


@ENVIRONMENTS
async def test_the_platforms_face_enforces_the_same_in_either_environment(
    mock: MockRegistry, control: httpx.AsyncClient, environment: str
) -> None:
    account = await make(control, environment=environment, dialect="lgsp-camel", rate_per_second=2)
    async with door(mock, environment) as http:
        client = PlatformClient(http, account)
        await client.log_in()
        wrong = await client.ask(VERDICT, BODIES["camel"] | {"maCanBo": "can.bo.99"})
        right = await client.ask(VERDICT, BODIES["camel"])
        over = await client.ask(VERDICT, BODIES["camel"])
        await control.patch("/accounts/made", json={"status": "suspended"})
        after = [
            (await client.ask(VERDICT, BODIES["camel"])).status_code,
            (await client.log_in()).status_code,
        ]
    assert (wrong.json()["error_code"], right.json()) == ("005", {"data": True})
    assert (over.status_code, over.headers["retry-after"]) == (429, "1")
    assert after == [403, 403]


async def test_sensitive_fields_are_off_unless_they_are_named(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    portal.account = await make(control)
    plain = (await portal.record()).text
    every = (await control.get("/accounts/dvctt-hanoi")).json()["fields"]
    await control.patch("/accounts/made", json={"fields": every})
    granted = (await portal.record()).text
    assert "<DanToc/><TonGiao/>" in plain
    assert "<DanToc>01</DanToc><TonGiao>00</TonGiao>" in granted


async def test_a_change_leaves_what_it_does_not_name(control: httpx.AsyncClient) -> None:
    before = await make(control, rate_per_second=3, quirks=["seconds"])
    changed = (await control.patch("/accounts/made", json={"switches": {"split_name": True}})).json()
    cleared = (await control.patch("/accounts/made", json={"rate_per_second": None})).json()
    assert changed["quirks"] == ["seconds", "split_name"]
    assert {name for name in before if before[name] != changed[name]} == {"switches", "quirks"}
    assert {name for name in before if changed[name] != cleared[name]} == {"rate_per_second"}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"fields": ["shoe_size"]}, 422, "fields"),
        ({"procedures": ["khai-vui"]}, 422, "procedures"),
        ({"quirks": ["loud"]}, 422, "switches.loud"),
        ({"secret": "x"}, 422, "secret"),
        ({"locked": True}, 422, "locked"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_naming_the_member(
    control: httpx.AsyncClient, change: dict[str, Any], status: int, field: str
) -> None:
    await make(control)
    answer = await control.patch("/accounts/made", json=change)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)


async def test_an_account_that_is_not_there_is_not_found(control: httpx.AsyncClient) -> None:
    statuses = {
        (await control.get("/accounts/nobody")).status_code,
        (await control.patch("/accounts/nobody", json={})).status_code,
    }
    assert statuses == {404}
