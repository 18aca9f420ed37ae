"""What strangers can't do: lock others out of the sign-in, reach `/_test`, send links elsewhere, fill the store."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from portal.dossiers.web import MAX_CITIZENS
from tests.kit.portal import ISSUER, PORTAL, RunningPortal, Visit, open_portal, open_visit
from tests.kit.scene import Scene

PROXY, STRANGER, CITIZEN = "10.0.0.8", "203.0.113.9", "203.0.113.50"


async def fail_sign_ins(portal: RunningPortal, count: int, *, address: str, by: str = "") -> list[int]:
    """Start sign-ins and answer them with invented codes, each in a new browser; return the statuses."""
    headers = {"X-Forwarded-For": by} if by else {}
    transport = httpx.ASGITransport(portal.app, client=(address, 50_000))
    statuses = []
    for _ in range(count):
        async with httpx.AsyncClient(transport=transport, base_url=PORTAL, headers=headers) as http:
            started = await http.get("/dang-nhap")
            state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]
            answer = await http.get("/dang-nhap/xong", params={"code": "invented", "state": state})
            statuses.append(answer.status_code)
    return statuses


async def test_threat_51_strangers_who_fail_to_sign_in_do_not_keep_a_neighbour_out(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, login_rate=3) as app, open_visit(app) as visit:
        assert set(await fail_sign_ins(app, 10, address="127.0.0.1")) == {400}
        await visit.sign_in()
        assert (visit.status, visit.url.path) == (200, "/")
        assert "Nguyễn Văn An" in visit.text


async def test_threat_51_starting_sign_ins_and_inventing_answers_counts_for_nobody(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, login_rate=1) as app, open_visit(app) as visit:
        for _ in range(5):
            assert (await visit.http.get(f"{PORTAL}/dang-nhap", follow_redirects=False)).status_code == 303
            invented = await visit.http.get(f"{PORTAL}/dang-nhap/xong", params={"code": "x", "state": "y"})
            assert invented.status_code == 400
        await visit.sign_in()
        assert "Nguyễn Văn An" in visit.text


async def test_a_person_signs_in_only_so_often_and_others_are_not_concerned(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, login_rate=2) as app, open_visit(app) as visit:
        await visit.sign_in()
        await visit.sign_in()
        await visit.sign_in()
        assert visit.status == 429
        assert int(visit.headers["retry-after"]) >= 1
        await visit.sign_in("le-thi-dung")
        assert "Lê Thị Dung" in visit.text


async def test_threat_51_failures_count_for_the_address_that_the_trusted_proxy_reports(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, login_rate=2, trusted_proxies="10.0.0.0/8") as app:
        portal = app.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app
        await fail_sign_ins(app, 2, address=PROXY, by=STRANGER)
        assert portal.failed_sign_ins.is_spent(STRANGER)
        assert not portal.failed_sign_ins.is_spent(CITIZEN)
        assert not portal.failed_sign_ins.is_spent(PROXY)


async def test_a_forwarded_address_of_a_peer_that_is_no_proxy_does_not_count(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, login_rate=2, trusted_proxies="10.0.0.0/8") as app:
        portal = app.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app
        await fail_sign_ins(app, 2, address=STRANGER, by=CITIZEN)
        assert portal.failed_sign_ins.is_spent(STRANGER)
        assert not portal.failed_sign_ins.is_spent(CITIZEN)


@pytest.mark.parametrize(("public", "status"), [(False, 404), (True, 200)])
async def test_the_page_of_faults_is_at_a_public_address_only_if_a_setting_says_so(
    scene: Scene, tmp_path: Path, public: bool, status: int
) -> None:
    address = "https://dvc.example.test"
    async with (
        open_portal(scene, tmp_path, public_url=address, test_page_public=public) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app.app), base_url=address) as http,
    ):
        assert (await http.get("/_test")).status_code == status
        assert (await http.post("/_test", data={"fault": "down"})).status_code == (403 if public else 404)
        assert ('href="/_test"' in (await http.get("/")).text) is public


async def test_threat_41_no_link_of_a_missing_page_leads_to_another_host(visit: Visit) -> None:
    address = httpx.URL(scheme="http", host="127.0.0.1", port=8200, raw_path=b"//evil.example/phish")
    answer = await visit.http.get(address)
    assert answer.status_code == 404
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("path", ["/dang-nhap/", "/ho-so/", "/can-bo/", "/dich-vu/ho-chieu/"])
async def test_threat_41_a_slash_too_many_does_not_redirect_to_the_host_that_a_stranger_names(
    visit: Visit, path: str
) -> None:
    answer = await visit.http.get(f"{PORTAL}{path}", headers={"Host": "evil.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_threat_41_the_login_redirects_to_no_host_that_a_stranger_names(visit: Visit) -> None:
    address = f"{ISSUER}/.well-known/openid-configuration/"
    answer = await visit.http.get(address, headers={"Host": "evil.example"}, follow_redirects=False)
    assert (answer.status_code, answer.headers.get("location")) == (404, None)


async def test_a_citizen_opens_a_bounded_number_of_dossiers_and_is_told_to_delete_one(visit: Visit) -> None:
    await visit.sign_in(back="/dich-vu/ho-chieu")
    token = visit.page.xpath("//input[@name='csrf']/@value")[0]
    for _ in range(MAX_CITIZENS):
        opened = await visit.http.post(
            f"{PORTAL}/dich-vu/ho-chieu/bat-dau", data={"csrf": token}, follow_redirects=False
        )
        assert opened.status_code == 303
    await visit.press("Bắt đầu")
    assert visit.status == 409
    assert f"tối đa {MAX_CITIZENS} hồ sơ" in visit.text
    await visit.open("/ho-so")
    await visit.press("Xóa")
    await visit.open("/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    assert "Chưa có câu hỏi nào được gửi đi" in visit.text
