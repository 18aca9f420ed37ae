"""Threat 41 at the portal: forged forms, script in values, framing, open redirects, fixation, cookies, stored data."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from portal.errors import StartRefused
from portal.store import only_portal
from portal.web import PagePolicy
from tests.kit.portal import PORTAL, Visit, open_portal, open_visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import start


async def test_threat_41_a_form_without_its_token_or_from_another_origin_is_refused(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    token = visit.page.xpath("//input[@name='csrf']/@value")[0]
    forged = await visit.http.post(
        f"{PORTAL}{path}/xac-thuc/requester", data={"csrf": "wrong", "full_name": "x"}
    )
    foreign = await visit.http.post(
        f"{PORTAL}{path}/xac-thuc/requester", data={"csrf": token}, headers={"Origin": "https://evil.example"}
    )
    assert (forged.status_code, foreign.status_code) == (403, 403)


async def test_threat_41_a_forms_token_is_another_text_on_each_page_and_each_of_them_counts(
    visit: Visit,
) -> None:
    await visit.sign_in()
    tokens = []
    for text in ("a", "b"):
        await visit.open(f"/?tim={text}")
        tokens.append(visit.page.xpath("//input[@name='csrf']/@value")[0])
    assert tokens[0][: len(tokens[0]) // 2] != tokens[1][: len(tokens[1]) // 2]
    assert tokens[0][len(tokens[0]) // 2 :] != tokens[1][len(tokens[1]) // 2 :]
    for token in tokens:
        opened = await visit.http.post(
            f"{PORTAL}/dich-vu/ho-chieu/bat-dau", data={"csrf": token}, follow_redirects=False
        )
        assert opened.status_code == 303


@pytest.mark.parametrize("change", ["", "zz", "00", "not hexadecimal, ă", "other"])
async def test_threat_41_a_forms_token_that_was_changed_is_refused(visit: Visit, change: str) -> None:
    await visit.sign_in()
    token = visit.page.xpath("//input[@name='csrf']/@value")[0]
    if change == "other":
        change = ("0" if token[0] != "0" else "1") + token[1:]
    elif change == "00":
        change = token + change
    forged = await visit.http.post(f"{PORTAL}/dich-vu/ho-chieu/bat-dau", data={"csrf": change})
    assert forged.status_code == 403


async def test_threat_41_every_page_forbids_inline_script_frames_and_third_parties(visit: Visit) -> None:
    await start(visit, "khai-sinh")
    for path in ("/", "/dich-vu/khai-sinh", visit.url.path, "/ho-so", "/khong-co", "/_test"):
        await visit.open(path)
        policy = visit.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert visit.page.xpath("//@style | //script[not(@src)] | //*[starts-with(name(@*), 'on')]") == []
        for address in visit.page.xpath("//link/@href | //script/@src | //img/@src"):
            assert str(address).startswith("/")
        assert "DỮ LIỆU THỬ NGHIỆM TEST DATA" in visit.text
        assert "no-store" in visit.headers["cache-control"]


async def test_threat_41_what_is_typed_is_shown_as_text(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester", {"full_name": "<script>alert(1)</script>"})
    assert visit.page.xpath("//script[not(@src)]") == []
    await visit.open("/?tim=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert visit.page.xpath("//script[not(@src)]") == []


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_threat_41_a_sign_in_comes_back_to_this_portal_alone(visit: Visit, back: str) -> None:
    await visit.sign_in(back=back)
    assert str(visit.url).startswith(PORTAL)
    assert visit.url.path == "/"


async def test_threat_41_a_sign_in_gives_a_new_secret_and_a_sign_out_ends_it(visit: Visit) -> None:
    await visit.open("/")
    before = visit.http.cookies["visitor"]
    path = await start(visit, "ho-chieu")
    during = visit.http.cookies["visitor"]
    assert during != before
    await visit.press("Thoát")
    visit.http.cookies.set("visitor", during, domain="127.0.0.1")
    await visit.open(path)
    assert visit.status == 401


async def test_threat_41_an_answer_of_another_browsers_sign_in_is_refused(visit: Visit) -> None:
    await visit.open("/dang-nhap")
    stolen = await visit.http.get(
        f"{PORTAL}/dang-nhap/xong", params={"code": "x", "state": "other", "iss": "http://127.0.0.1:8102"}
    )
    assert stolen.status_code == 400
    visit.http.cookies.clear()
    none = await visit.http.get(f"{PORTAL}/dang-nhap/xong", params={"code": "x", "state": "other"})
    assert none.status_code == 400


async def test_threat_41_an_answer_of_another_tabs_sign_in_leaves_the_latest_one(visit: Visit) -> None:
    for _ in range(2):
        await visit.open("/dang-nhap")
    other = await visit.http.get(f"{PORTAL}/dang-nhap/xong", params={"code": "x", "state": "other"})
    assert other.status_code == 400
    await visit.send("/authorize", button="person=nguyen-van-an")
    assert (visit.status, visit.url.path) == (200, "/")


async def test_threat_41_cookies_are_host_bound_secure_and_http_only_over_tls(
    scene: Scene, tmp_path: Path
) -> None:
    address = "https://dvc.example.test"
    async with (
        open_portal(scene, tmp_path, public_url=address) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url=address) as http,
    ):
        cookies = (await http.get("/")).headers.get_list("set-cookie")
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= {
            part.strip().lower() for part in cookie.split(";")
        }


async def test_another_citizen_does_not_find_the_dossier(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    await visit.press("Thoát")
    await visit.sign_in("le-thi-dung")
    await visit.open(path)
    assert visit.status == 404


async def test_the_store_holds_no_name_number_or_date_in_clear_and_the_key_is_private(
    visit: Visit, tmp_path: Path
) -> None:
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    raw = (tmp_path / "portal.db").read_bytes()
    for text in ("001090000123", "Nguyễn Văn An", "NGUYỄN VĂN AN", "1990-01-31", "ho-chieu"):
        assert text.encode() not in raw
    assert stat.S_IMODE((tmp_path / "portal.key").stat().st_mode) == 0o600
    with sqlite3.connect(tmp_path / "portal.db") as store:
        assert store.execute("SELECT id FROM dossiers").fetchone()[0] == path.rpartition("/")[2]


async def test_a_dossier_that_a_writer_of_the_store_gave_to_somebody_else_is_not_shown(
    visit: Visit, tmp_path: Path
) -> None:
    path = await start(visit, "ho-chieu")
    await visit.press("Thoát")
    await visit.sign_in("le-thi-dung")
    own = await start(visit, "ho-chieu", "le-thi-dung")
    with sqlite3.connect(tmp_path / "portal.db") as store:
        store.execute("UPDATE dossiers SET owner = (SELECT owner FROM dossiers WHERE id = ?)", [own[-18:]])
        assert len(store.execute("SELECT DISTINCT owner FROM dossiers").fetchall()) == 1
    await visit.open(path)
    assert visit.status == 404
    await visit.open("/ho-so")
    assert (visit.status, path[-18:] in visit.text, own[-18:] in visit.text) == (200, False, True)


async def test_a_dossier_is_deleted_after_its_retention(scene: Scene, visit: Visit, tmp_path: Path) -> None:
    await start(visit, "ho-chieu")
    scene.clock.advance(31 * 86_400)
    async with open_portal(scene, tmp_path) as app, open_visit(app):
        store = app.app._app.state.portal.store  # type: ignore[attr-defined]  # the policy's inner app
        await store.sweep(scene.clock.now())
    with sqlite3.connect(tmp_path / "portal.db") as opened:
        assert opened.execute("SELECT count(*) FROM dossiers").fetchone()[0] == 0


async def test_head_answers_as_get_without_a_body_on_every_page(visit: Visit) -> None:
    await visit.sign_in()
    for path in ("/", "/dich-vu/khai-sinh", "/ho-so", "/_test", "/khong-co"):
        got, head = await visit.http.get(f"{PORTAL}{path}"), await visit.http.head(f"{PORTAL}{path}")
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(visit: Visit) -> None:
    await visit.open("/")
    answer = await visit.http.post(
        f"{PORTAL}/thoat", content=b"x" * 70_000, headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 413
    assert "Biểu mẫu quá lớn" in answer.text
    assert "too large" in answer.text


@pytest.mark.parametrize(
    ("method", "media_type", "status"), [("GET", "", 405), ("POST", "application/json", 415)]
)
async def test_a_request_that_is_not_taken_is_not_called_the_portals_mistake(
    visit: Visit, method: str, media_type: str, status: int
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = await visit.http.request(method, f"{PORTAL}/thoat", headers=headers)
    assert answer.status_code == status
    assert "Cổng không nhận yêu cầu này" in answer.text
    assert "lỗi của cổng" not in answer.text


async def test_threat_52_a_body_with_two_lengths_is_refused_and_its_connection_closed(visit: Visit) -> None:
    """A proxy in front may read the length, and the server the chunks: the rest would be another visitor's request."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": "2",
        "Transfer-Encoding": "chunked",
    }
    answer = await visit.http.post(f"{PORTAL}/thoat", content=b"a=", headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


async def test_threat_46_a_form_that_names_an_encoding_of_its_own_is_refused_before_it_is_decoded(
    visit: Visit,
) -> None:
    """Python decodes 60 kB of punycode in a second, and no other visitor is answered meanwhile."""
    await visit.open("/")
    parts = b'--x\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + b"a" * 60_000 + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=punycode"}
    answer = await visit.http.post(f"{PORTAL}/thoat", content=parts, headers=headers)
    assert answer.status_code == 415


async def test_threat_50_a_body_that_grows_over_the_limit_ends_without_a_traceback_in_the_log(
    visit: Visit,
) -> None:
    """An error that leaves the app is a traceback of the server for each request of a stranger."""

    async def grow() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"a" * 1_000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await visit.http.post(f"{PORTAL}/thoat", content=grow(), headers=headers)
    assert answer.status_code == 413


async def test_threat_36_a_body_that_comes_too_slowly_is_refused_and_its_connection_closed(
    scene: Scene, tmp_path: Path
) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(30)

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with open_portal(scene, tmp_path) as portal:
        policy = PagePolicy(portal.app._app, over_tls=False, body_seconds=0.1)  # type: ignore[attr-defined]  # the policy's inner app
        async with httpx.AsyncClient(transport=httpx.ASGITransport(policy), base_url=PORTAL) as http:
            answer = await http.post("/thoat", content=trickle(), headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


def test_threat_56_a_second_portal_on_the_same_store_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/portal.db"
    with only_portal(url), pytest.raises(StartRefused, match="another portal serves it"), only_portal(url):
        pytest.fail("two portals on one store")
    with only_portal(url):  # the first one has ended
        assert [path.name for path in tmp_path.iterdir()] == ["portal.db.lock"]
