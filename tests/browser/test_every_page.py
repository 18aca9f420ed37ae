"""Every page of the portal: WCAG 2.2 AA narrow and wide, light and dark, at most 150 KB, nothing that the browser says."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from playwright.async_api import Browser, expect

import portal
from demo.scene import Scene
from portal.dossiers.web import MAX_CITIZENS
from tests.browser.conftest import MOST_BYTES, Screen, open_screen
from tests.browser.test_citizens_way import fill_all, start, verify

PARTS = {"layout", "macros", "fields", "dossier_rows", "summary"}
TEMPLATES = {each.stem for each in (Path(portal.__file__).parent / "templates").iterdir()} - PARTS


class Album:
    """The templates that were looked at."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    async def look(self, screen: Screen, template: str, heading: str, *, status: int = 200) -> None:
        """Check the page that the browser shows now."""
        await expect(screen.page.get_by_role("heading", level=1)).to_have_text(heading)
        screen.forgive(status)
        await screen.check_everywhere()
        self.seen.add(template)


async def look_at_strangers_pages(album: Album, screen: Screen) -> None:
    for path, template, heading, status in (
        ("/", "services", "Khai một lần, không hỏi lại", 200),
        ("/dich-vu/ho-chieu", "service", "Cấp, cấp lại, sửa đổi, bổ sung hộ chiếu phổ thông", 200),
        ("/ho-so", "sign_in", "Hãy đăng nhập", 401),
        ("/dang-nhap/xong?code=x&state=y", "sign_in_refused", "Chưa đăng nhập được", 400),
        ("/khong-co", "missing", "Không có trang này", 404),
        ("/thoat", "not_taken", "Cổng không nhận yêu cầu này", 405),
        ("/_test", "faults", "Thử các sự cố", 200),
    ):
        assert 10_000 < await screen.weigh(screen.url + path) <= MOST_BYTES
        await album.look(screen, template, heading, status=status)


async def look_at_a_dossiers_pages(album: Album, screen: Screen) -> None:
    page, name = screen.page, "Khai báo tạm vắng"
    await page.goto(f"{screen.url}/dang-nhap?tiep=/dich-vu/khai-bao-tam-vang")
    await page.locator('button[value="ngo-thi-truong"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await album.look(screen, "consent", name)
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()
    await verify(page, "requester")
    await album.look(screen, "dossier", name)
    address = page.url.split("#")[0]
    assert 10_000 < await screen.weigh(address) <= MOST_BYTES
    await page.locator('button[value="sai:requester:full_name"]').click()
    await album.look(screen, "dispute", "Thông tin này không đúng")
    await page.goto(address)
    await page.evaluate("document.querySelectorAll('[name=csrf]').forEach(each => { each.value = 'x'; })")
    await page.get_by_role("button", name="Thông tin này không đúng").first.click()
    await album.look(screen, "forged", "Biểu mẫu đã cũ", status=403)
    await page.goto(address)
    older = await page.context.new_page()  # another tab, which shows the form until after the submission
    await older.goto(address)
    await fill_all(page)
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await album.look(screen, "review", "Kiểm tra trước khi nộp")
    await page.get_by_role("button", name="Nộp hồ sơ").click()
    await album.look(screen, "submitted", "Đã nộp hồ sơ")
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="In bản tóm tắt")).to_be_hidden()
    breaks = await page.locator(".summary").first.evaluate("each => getComputedStyle(each).breakInside")
    assert breaks == "auto"  # a long part that must not break leaves the first sheet blank
    await page.emulate_media(media="screen")
    await older.get_by_role("button", name="Thông tin này không đúng").first.click()
    tab = replace(screen, page=older)
    await album.look(tab, "already_submitted", "Hồ sơ này đã nộp", status=409)
    for path, template, heading in (
        ("/ho-so", "dossiers", "Hồ sơ của tôi"),
        ("/toi/ai-da-xem", "ledger", "Ai đã xem dữ liệu của tôi"),
    ):
        assert 10_000 < await screen.weigh(screen.url + path) <= MOST_BYTES
        await album.look(screen, template, heading)


async def look_at_what_another_window_changed(album: Album, screen: Screen) -> None:
    page = screen.page
    await start(screen, "ho-chieu", "cao-van-theo")
    address = page.url
    other = await page.context.new_page()
    await other.goto(f"{screen.url}/_test")
    await other.locator('button[value="slow"]').click()
    await other.goto(address)
    asking = asyncio.create_task(page.get_by_role("button", name="Xác thực", exact=True).click())
    await asyncio.sleep(1)  # the question is on its way for four seconds
    await other.get_by_role("button", name="Tự khai").click()
    await expect(other.get_by_role("heading", name="Tờ khai")).to_be_visible()
    await asking
    await page.get_by_role("heading", name="cửa sổ khác").wait_for()
    await album.look(screen, "changed", "Hồ sơ vừa được sửa ở cửa sổ khác", status=409)
    await other.goto(f"{screen.url}/_test")
    await other.locator('button[value="clear"]').click()
    await page.goto(f"{screen.url}/dich-vu/ho-chieu")
    form: dict[str, str | float | bool] = {
        "csrf": await page.locator("[name=csrf]").first.get_attribute("value") or ""
    }
    for _ in range(MAX_CITIZENS):
        await page.context.request.post(f"{screen.url}/dich-vu/ho-chieu/bat-dau", form=form, max_redirects=0)
    await page.get_by_role("button", name="Bắt đầu").click()
    await album.look(screen, "too_many", "Đã đủ số hồ sơ", status=409)


async def look_at_the_desk(album: Album, screen: Screen, officer: str, template: str, heading: str) -> None:
    await screen.page.goto(f"{screen.url}/dang-nhap?tiep=/can-bo")
    await screen.page.locator(f'button[value="officer:{officer}"]').click()
    await album.look(screen, template, heading, status=403)


async def look_without_a_gateway(album: Album, screen: Screen) -> None:
    await screen.page.goto(f"{screen.url}/")
    await album.look(screen, "unreachable", "Chưa kết nối được với cổng xác thực", status=503)
    for _ in range(2):
        await screen.page.goto(f"{screen.url}/dang-nhap")
        await screen.page.locator('button[value="nguyen-van-an"]').click()
    screen.forgive(503)
    await album.look(screen, "too_often", "Quá nhiều lần", status=429)


async def look_without_a_table(album: Album, screen: Screen, store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("DROP TABLE sessions")
    await screen.page.goto(f"{screen.url}/ho-so")
    await album.look(screen, "failed", "Cổng gặp lỗi", status=503)


async def test_every_page_of_the_portal_passes_on_every_screen(
    browser: Browser, running: Scene, portal_url: str
) -> None:
    album = Album()
    lonely = running.programs.start_portal(
        {
            "PORTAL_GATEWAY_URL": "http://127.0.0.1:9",
            "PORTAL_CLIENT_ID": "acc_nobody",
            "PORTAL_PRIVATE_KEY_FILE": str(running.programs.folder / "portal.jwk.json"),
            "PORTAL_LOGIN_ISSUER": running.mock.login,
            "PORTAL_LOGIN_RATE": "1",
            "PORTAL_DATABASE_URL": f"sqlite:///{running.programs.folder / 'lonely.db'}",
        }
    )
    await look_at_strangers_pages(album, await open_screen(browser, portal_url))
    await look_at_a_dossiers_pages(album, await open_screen(browser, portal_url))
    await look_at_what_another_window_changed(album, await open_screen(browser, portal_url))
    await look_at_the_desk(
        album, await open_screen(browser, portal_url), "can.bo.01", "desk", "Bộ phận một cửa"
    )
    refused = ("can.bo.02", "officer_unknown", "Cán bộ này chưa được cấp quyền")
    await look_at_the_desk(album, await open_screen(browser, portal_url), *refused)
    alone = await open_screen(browser, lonely)
    await look_without_a_gateway(album, alone)
    await look_without_a_table(album, alone, running.programs.folder / "lonely.db")
    assert album.seen == TEMPLATES


async def test_the_picker_of_the_test_login_passes_on_every_screen(browser: Browser, portal_url: str) -> None:
    screen = await open_screen(browser, portal_url)
    assert 10_000 < await screen.weigh(f"{portal_url}/dang-nhap?tiep=/ho-so") <= MOST_BYTES
    await expect(screen.page.get_by_role("heading", level=1)).to_have_text("Đăng nhập thử")
    await screen.check_everywhere()
    await screen.page.get_by_role("searchbox").fill("truong hop thong thuong")
    await screen.page.get_by_role("button", name="Tìm", exact=True).click()
    (reason, english) = await screen.page.locator("button[name=person] .why").all()
    await expect(reason).to_contain_text("Trường hợp thông thường")
    await expect(english).to_contain_text("The everyday case")
    await screen.check_everywhere()
