"""The citizen's way in a real Chromium: narrow and wide, light and dark, with and without JavaScript; WCAG 2.2 AA."""

import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import Screen, open_screen

SCREENS: dict[str, dict[str, Any]] = {
    "wide light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "wide dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow light": {"viewport": {"width": 360, "height": 780}, "color_scheme": "light"},
    "narrow dark": {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
}


async def start(screen: Screen, slug: str, person: str = "nguyen-van-an") -> None:
    """Sign in, open a dossier and agree, looking at each page."""
    page = screen.page
    await page.goto(f"{screen.url}/dich-vu/{slug}")
    await screen.check()
    await page.get_by_role("link", name="Đăng nhập và bắt đầu").click()
    await page.locator(f'button[value="{person}"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await screen.check()
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()


async def verify(page: Page, role: str, number: str = "", name: str = "", born: str = "") -> None:
    """Verify a person; the requester's claim is there already."""
    part = page.locator(f"#{role}")
    if number:
        await page.locator(f"#{role}-number").fill(number)
        await page.locator(f"#{role}-name").fill(name)
        await page.locator(f"#{role}-born").fill(born)
        await page.locator(f"#{role}-consent").check()
    await part.get_by_role("button", name=re.compile("^Xác thực")).click()
    await expect(part.locator(".verdict")).to_be_visible(timeout=30_000)  # a silent registry is waited for


async def fill_address(page: Page, key: str) -> None:
    await page.locator(f'[id="{key}.province"]').select_option("01")
    reload = page.locator(f'button[value="wards:{key}"]')
    if await reload.is_visible():
        await reload.click()
    await page.locator(f'[id="{key}.ward"]').select_option(label="Phường Ba Đình")


@pytest.mark.parametrize("options", SCREENS.values(), ids=SCREENS.keys())
async def test_a_birth_is_registered_on_every_screen_without_a_violation(
    browser: Browser, portal_url: str, options: dict[str, Any]
) -> None:
    screen = await open_screen(browser, portal_url, **options)
    page = screen.page
    await page.goto(portal_url)
    await screen.check()
    await start(screen, "khai-sinh")
    await screen.check()
    await verify(page, "requester")
    await page.locator("#father button[name=self]").click()
    await verify(page, "mother", "001192000124", "Lê Thị Sai", "01/01/1992")
    await screen.check()
    await page.locator("#mother").get_by_role("button", name="Tự khai").click()
    await screen.check()
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await expect(page.locator(".error").first).to_be_visible()
    await screen.check()
    await page.get_by_label("Họ, chữ đệm và tên của trẻ").fill("Nguyễn Thị Mai")
    await page.get_by_label("Nữ").check()
    await page.get_by_label("Ngày, tháng, năm sinh của trẻ").fill("2026-11-01")
    for key in ("requester.child_birth_place", "requester.child_native_place", "mother.current_residence"):
        await fill_address(page, key)
    await page.get_by_label("Dân tộc của trẻ").fill("kinh")
    await page.get_by_label("Quốc tịch của trẻ").fill("viet nam")
    await page.get_by_label("Quan hệ với trẻ").fill("Cha")
    await page.locator('[id="mother.ethnicity-input"]').fill("Kinh")
    await page.locator('[id="mother.nationality-input"]').fill("Việt Nam")
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await page.wait_for_url("**/xem-lai")
    await screen.check()
    await page.get_by_role("button", name="Nộp hồ sơ").click()
    await expect(page.get_by_text("Đã nộp hồ sơ")).to_be_visible()
    await screen.check()
    for path in ("/ho-so", "/toi/ai-da-xem", "/_test", "/can-bo", "/?lang=en"):
        await page.goto(portal_url + path)
        screen.complaints = [each for each in screen.complaints if "401" not in each]
        await screen.check()


async def test_a_field_is_disputed_and_a_second_service_asks_nothing(
    browser: Browser, portal_url: str
) -> None:
    screen = await open_screen(browser, portal_url, **SCREENS["wide light"])
    await start(screen, "khai-bao-tam-vang")
    await verify(screen.page, "requester")
    await screen.page.locator('button[value="sai:requester:full_name"]').click()
    await screen.check()
    await screen.page.get_by_label("Sai ở chỗ nào?").fill("Sai tên đệm")
    await screen.page.get_by_role("button", name="Gửi và tự khai mục này").click()
    await expect(screen.page.get_by_text("đã báo dữ liệu không đúng")).to_be_visible()
    await screen.page.goto(f"{portal_url}/dich-vu/ho-chieu")
    await screen.page.get_by_role("button", name="Bắt đầu").click()
    await screen.page.locator("#agreed").check()
    await screen.page.get_by_role("button", name="Đồng ý và tiếp tục").click()
    await verify(screen.page, "requester")
    await expect(screen.page.locator(".reuse")).to_contain_text("không hỏi lại")
    await screen.check()


@pytest.mark.parametrize(
    ("slug", "person", "roles"),
    [
        ("khai-tu", "nguyen-van-an", {"deceased": ("001060000456", "Nguyễn Văn Bình", "19/05/1960")}),
        (
            "ket-hon",
            "nguyen-van-an",
            {
                "husband": ("001203000305", "Phùng Gia Khang", "03/10/2003"),
                "wife": ("001192000124", "Lê Thị Sai Tên", "1992"),
            },
        ),
    ],
)
async def test_without_javascript_a_death_and_a_marriage_reach_their_form(
    browser: Browser, portal_url: str, slug: str, person: str, roles: dict[str, tuple[str, str, str]]
) -> None:
    context = await browser.new_context(java_script_enabled=False, **SCREENS["narrow light"])
    page = await context.new_page()
    await page.goto(f"{portal_url}/dich-vu/{slug}")
    await page.get_by_role("link", name="Đăng nhập và bắt đầu").click()
    await page.locator(f'button[value="{person}"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()
    await verify(page, "requester")
    for role, (number, name, born) in roles.items():
        await verify(page, role, number, name, born)
        part = page.locator(f"#{role}")
        if await part.locator(".verdict.bad").count():
            await part.get_by_role("button", name="Tự khai").click()
    await expect(page.get_by_role("heading", name="Tờ khai")).to_be_visible()
    await expect(page.locator(".spared")).to_contain_text("Quý vị không phải khai lại")


async def test_the_keyboard_alone_finds_a_service_and_opens_it(browser: Browser, portal_url: str) -> None:
    screen = await open_screen(browser, portal_url, **SCREENS["wide light"])
    page = screen.page
    await page.goto(portal_url)
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("Đến nội dung chính")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.type("ket hon")
    await expect(page.locator("[data-text]:visible")).to_have_count(1)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dich-vu/ket-hon")
    assert screen.complaints == []


async def test_a_page_transfers_at_most_a_hundred_and_fifty_kilobytes(
    browser: Browser, portal_url: str
) -> None:
    screen = await open_screen(browser, portal_url, **SCREENS["wide light"])
    sizes: list[int] = []

    async def count(response: Any) -> None:
        sizes.append((await response.request.sizes())["responseBodySize"])

    screen.page.on("response", count)
    await screen.page.goto(portal_url, wait_until="networkidle")
    assert 10_000 < sum(sizes) <= 150_000
