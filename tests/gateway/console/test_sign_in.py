"""Operators sign in with a browser: cookie, form token, slowed tries, return to the page that sent them (threat 41)."""

from collections.abc import AsyncIterator

import pytest
from lxml import html

from gateway.edge.throttle import FREE_OF_PAIR
from gateway.operators.model import Role
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.operators import PASSWORD, Browser, Person, open_browser, signed_in
from tests.kit.scene import Scene, open_scene, settings_for


@pytest.fixture
async def viewer(scene: Scene) -> Person:
    return await signed_in(scene, "lan.xem", Role.VIEWER)


@pytest.fixture
async def browser(scene: Scene) -> AsyncIterator[Browser]:
    async with open_browser(scene) as opened:
        yield opened


async def test_an_operator_signs_in_and_out_and_the_audit_has_both(
    scene: Scene, viewer: Person, browser: Browser
) -> None:
    shown = await browser.sign_in(viewer)
    assert (shown.status_code, shown.url.path) == (200, "/reports/")
    account = await browser.open("/console/login")
    assert "Đang đăng nhập: <strong>lan.xem</strong>" in account.text
    left = await browser.send(account, {})
    assert left.url.path == "/console/login"
    assert "console" not in browser.http.cookies
    acts = [row["outcome"] for row in await scene.audit() if row["actor"] == "lan.xem"]
    assert acts[-2:] == ["signed_in", "signed_out"]


async def test_a_signed_out_session_serves_no_further_call(viewer: Person, browser: Browser) -> None:
    await browser.sign_in(viewer)
    token = browser.http.cookies["console"]
    await browser.send(await browser.open("/console/login"), {})
    browser.http.cookies.set("console", token, domain="gateway.test")
    assert (await browser.open("/reports/")).url.path == "/console/login"


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "ba con voi di lac"},
        {"totp": "000000"},
        {"name": "khong.co"},
        {"name": "Không Phải Tên"},
        {"password": ""},
        {"totp": "1' OR '1"},
    ],
)
async def test_a_wrong_part_is_refused_without_saying_which(
    viewer: Person, browser: Browser, fields: dict[str, str]
) -> None:
    refused = await browser.sign_in(viewer, **fields)
    assert refused.status_code == 401
    assert "Tên, mật khẩu hoặc mã không đúng" in refused.text
    assert "console" not in browser.http.cookies
    assert all(value not in refused.text for value in fields.values() if len(value) > 6)


async def test_threat_51_wrong_tries_are_slowed_and_the_page_says_when_to_try_again(
    scene: Scene, viewer: Person
) -> None:
    statuses = []
    for _ in range(FREE_OF_PAIR + 8):
        async with open_browser(scene) as stranger:
            refused = await stranger.sign_in(viewer, password="ba con voi di lac", totp="000000")
            statuses.append(refused.status_code)
            if refused.status_code == 429:
                assert int(refused.headers["retry-after"]) >= 1
                assert "Quá nhiều lần thử" in refused.text
    assert set(statuses) <= {401, 429}
    assert 401 in statuses


async def test_threat_41_a_form_of_another_browser_or_origin_is_refused(
    viewer: Person, browser: Browser
) -> None:
    page = await browser.open("/console/login")
    right = {"name": viewer.name, "password": PASSWORD, "totp": viewer.next_code()}
    forged = await browser.send(page, right | {"csrf": "0" * 64})
    no_cookie = await browser.http.post("/console/login", data=right)
    foreign = await browser.http.post(
        "/console/login", data=right | {"csrf": "x"}, headers={"Origin": "https://evil.example"}
    )
    assert [each.status_code for each in (forged, no_cookie, foreign)] == [403, 403, 403]
    await browser.sign_in(viewer)
    assert (await browser.http.post("/console/logout", data={"csrf": "0" * 64})).status_code == 403
    assert "console" in browser.http.cookies


async def test_threat_41_the_right_token_from_another_origin_is_refused(
    viewer: Person, browser: Browser
) -> None:
    page = await browser.open("/console/login")
    browser.http.headers["Origin"] = "https://evil.example"
    assert (await browser.send(page, {"name": viewer.name})).status_code == 403


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
async def test_threat_41_a_sign_in_comes_back_to_this_gateway_alone(
    viewer: Person, browser: Browser, back: str
) -> None:
    assert "evil" not in (await browser.http.get("/console/login", params={"next": back})).text
    shown = await browser.sign_in(viewer, next=back)
    assert (shown.url.host, shown.url.path) == ("gateway.test", "/reports/")


async def test_threat_41_the_cookie_is_host_bound_secure_and_http_only_over_tls(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    base = "https://gateway.example.test"
    async with open_scene(settings_for(database_url, mock, public_url=base), mock, clock) as scene:
        person = await signed_in(scene, "lan.xem", Role.VIEWER)
        async with open_browser(scene, base=base) as browser:
            browser.http.follow_redirects = False
            cookies = (await browser.sign_in(person)).headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["__Host-console", "__Host-console-form"]
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= parts


async def test_threat_41_every_page_forbids_script_frames_and_third_parties(browser: Browser) -> None:
    for path in ("/", "/docs", "/problems/", "/problems/internal", "/console/login"):
        page = await browser.open(path)
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        shown = html.fromstring(page.content)
        assert shown.xpath("//script | //style | //@style | //*[starts-with(name(@*), 'on')]") == []
        assert all(str(each).startswith("/") for each in shown.xpath("//@href | //@src | //@action"))


async def test_the_sessions_cookie_opens_no_operators_call(viewer: Person, browser: Browser) -> None:
    await browser.sign_in(viewer)
    answer = await browser.open("/ops/v1/profiles")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


@pytest.mark.parametrize("path", ["/console", "/console/"])
async def test_the_console_without_a_page_leads_to_the_sign_in(browser: Browser, path: str) -> None:
    answer = await browser.open(path)
    assert (answer.status_code, answer.url.path) == (200, "/console/login")


async def test_a_sign_in_in_another_form_than_a_browsers_is_not_read(browser: Browser) -> None:
    headers = {"Accept": "*/*"}
    answer = await browser.http.post("/console/login", json={"name": "lan.xem"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_unsupported")
