"""`/reports/`: who may read the weekly report, and what the page shows."""

import pytest
from joserfc.jwk import ECKey
from lxml import html

from gateway.clock import Week, this_week
from gateway.identifiers import Profile
from gateway.operators.model import Role
from gateway.reports.use_cases import FRESH_S, KEPT, KeptReports
from tests.kit.clocks import CounterClock
from tests.kit.enquiries import verified
from tests.kit.operators import open_browser, signed_in
from tests.kit.scene import BASE, Portal, Scene

SEED = "/reports/?week=2022-W17"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_token_with_the_scope_reads_the_seeds_figures(scene: Scene) -> None:
    portal = await scene.portal(scopes=["reports.read"])
    page = await scene.http.get(SEED, headers=bearer(portal.access_token))
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    for figure in ("17/25 (68 %)", "14/14", "11/14", "3/14 – Đăng ký khai sinh", "3/11"):
        assert figure in page.text


async def test_a_token_without_the_scope_is_refused(scene: Scene, portal: Portal) -> None:
    refused = await scene.http.get(SEED, headers=bearer(portal.access_token))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert 'scope="reports.read"' in refused.headers["www-authenticate"]


async def test_a_bound_token_of_official_needs_its_proof(scene: Scene) -> None:
    portal = await scene.portal(Profile.OFFICIAL, scopes=["reports.read"], key=ECKey.generate_key("P-256"))
    proof = portal.proof("GET", f"{BASE}/reports/", portal.access_token)
    headers = {"Authorization": f"DPoP {portal.access_token}", "DPoP": proof}
    assert (await scene.http.get(SEED, headers=headers)).status_code == 200
    assert (await scene.http.get(SEED, headers=headers)).json()["code"] == "dpop_proof_invalid"
    assert (await scene.http.get(SEED, headers=bearer(portal.access_token))).json()["code"] == "token_invalid"


async def test_any_operators_token_reads_it_and_an_ended_one_does_not(scene: Scene) -> None:
    viewer = await signed_in(scene, "lan.xem", Role.VIEWER)
    assert (await scene.http.get(SEED, headers=bearer(viewer.token))).status_code == 200
    await viewer.call("DELETE", "/sessions/current")
    assert (await scene.http.get(SEED, headers=bearer(viewer.token))).json()["code"] == "token_invalid"


@pytest.mark.parametrize("token", ["ops_nothing", "x.y.z", "nothing", ""])
async def test_an_invented_token_is_refused_also_from_a_browser(scene: Scene, token: str) -> None:
    headers = bearer(token) | {"Accept": "text/html"}
    refused = await scene.http.get(SEED, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")


async def test_a_caller_without_a_token_is_refused_and_a_browser_is_sent_to_sign_in(scene: Scene) -> None:
    refused = await scene.http.get(SEED)
    assert (refused.status_code, refused.json()["code"]) == (401, "token_missing")
    assert refused.headers["www-authenticate"] == "Bearer"
    sent = await scene.http.get(SEED, headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/console/login?next=/reports/%3Fweek%3D2022-W17",
    )


async def test_after_signing_in_the_browser_sees_the_week_it_asked_for(scene: Scene) -> None:
    viewer = await signed_in(scene, "lan.xem", Role.VIEWER)
    async with open_browser(scene) as browser:
        login = await browser.open(f"{SEED}&lang=en")
        assert login.url.path == "/console/login"
        fields = {"name": viewer.name, "password": "ba con voi di choi", "totp": viewer.next_code()}
        page = await browser.send(login, fields)
    assert str(page.url) == f"{BASE}{SEED}&lang=en"
    assert "Services at level 3 or 4" in page.text


@pytest.mark.parametrize(
    "query", ["week=2022-W54", "week=2022", "lang=fr", "x=1", "week=2022-W17&week=2022-W18"]
)
async def test_a_wrong_parameter_is_named_and_not_echoed(scene: Scene, query: str) -> None:
    viewer = await signed_in(scene, "lan.xem", Role.VIEWER)
    refused = await scene.http.get(f"/reports/?{query}", headers=bearer(viewer.token))
    assert (refused.status_code, refused.json()["code"]) == (422, "request_invalid")
    assert refused.json()["errors"][0]["field"].startswith("query.")
    assert query not in refused.text
    assert refused.json()["errors"][0]["detail_vi"] != "Yêu cầu không hợp lệ"


@pytest.mark.parametrize(
    ("query", "named", "texts"),
    [
        (
            "week=2022-W99",
            "query.week",
            (
                "viết một tuần có trong lịch theo dạng 2022-W17",
                "write a week of the calendar as 2022-W17",
            ),
        ),
        ("lang=fr", "query.lang", ("vi hoặc en", "vi or en")),
        (
            "x=1",
            "query.0",
            (
                "tham số ở vị trí 0 (đếm từ 0) không có trong đặc tả",
                "the parameter at position 0 (counting from 0) is not known",
            ),
        ),
        (
            "lang=vi&lang=en",
            "query.1",
            (
                "tham số ở vị trí 1 (đếm từ 0) bị lặp lại",
                "the parameter at position 1 (counting from 0) is repeated",
            ),
        ),
    ],
)
async def test_a_browser_reads_what_is_wrong_with_a_parameter_as_a_page_in_both_languages(
    scene: Scene, query: str, named: str, texts: tuple[str, str]
) -> None:
    viewer = await signed_in(scene, "lan.xem", Role.VIEWER)
    async with open_browser(scene) as browser:
        login = await browser.open(SEED)
        fields = {"name": viewer.name, "password": "ba con voi di choi", "totp": viewer.next_code()}
        await browser.send(login, fields)
        refused = await browser.open(f"/reports/?{query}")
    assert (refused.status_code, refused.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert refused.headers["vary"] == "Accept"
    page = html.fromstring(refused.content)
    assert page.xpath("//h1/text()")[0].strip() == "Yêu cầu không hợp lệ"
    item = page.xpath("string(//main//li)")
    assert all(text in item for text in (named, *texts))
    assert page.xpath("//main//a/@href") == ["/problems/request_invalid", "/"]


async def test_the_page_shows_the_present_week_with_a_chart_and_a_table_beside_it(
    scene: Scene, portal: Portal
) -> None:
    await verified(portal)
    person = await signed_in(scene, "lan.xem", Role.VIEWER)
    page = html.fromstring((await scene.http.get("/reports/", headers=bearer(person.token))).content)
    assert str(this_week(scene.clock)) in page.xpath("string(//h1)")
    assert page.xpath("//*[local-name()='svg'][@role='img']//*[local-name()='rect']")
    assert page.xpath("//table[contains(@class, 'weeks')]")
    assert not page.xpath("//script | //style | //@style")
    assert page.xpath("//link/@href") == ["/reports/report.css"]
    links = page.xpath("//nav//a/@href")
    assert f"?week={this_week(scene.clock).before(1)}&lang=vi" in links
    assert not any(str(this_week(scene.clock).before(-1)) in link for link in links)
    assert (await scene.http.get("/reports/report.css")).headers["content-type"].startswith("text/css")


async def test_a_kept_report_is_made_anew_after_a_few_seconds(scene: Scene, portal: Portal) -> None:
    clock = CounterClock()
    reports, week = KeptReports(scene.gateway.deps.database, clock, scene.gateway.places), this_week(clock)
    assert (await reports.find(week)).measured.asked == 0
    await verified(portal)
    assert (await reports.find(week)).measured.asked == 0
    clock.counter += FRESH_S + 1
    assert (await reports.find(week)).measured.asked == 1


async def test_only_so_many_reports_are_kept(scene: Scene) -> None:
    reports = KeptReports(scene.gateway.deps.database, CounterClock(), scene.gateway.places)
    weeks = [Week(2022, 1 + number) for number in range(KEPT + 4)]
    first = await reports.find(weeks[0])
    for week in weeks:
        await reports.find(week)
    assert await reports.find(weeks[0]) is not first
    assert await reports.find(weeks[-1]) is await reports.find(weeks[-1])
