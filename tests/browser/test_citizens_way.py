"""The citizen's way in a real Chromium: narrow and wide, light and dark, with and without JavaScript; WCAG 2.2 AA."""

import re

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import SCREENS, Screen, open_screen


async def start(screen: Screen, slug: str, person: str = "nguyen-van-an") -> None:
    """Sign in, open a dossier and agree; `test_every_page.py` checks these pages."""
    page = screen.page
    await page.goto(f"{screen.url}/dich-vu/{slug}")
    await page.get_by_role("link", name="Đăng nhập và bắt đầu").click()
    await page.locator(f'button[value="{person}"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
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


async def fill_all(page: Page) -> None:
    """Type something right into every control that is empty; without JavaScript the page is sent for the wards."""
    form = page.locator("form[data-validate]")
    for control in await form.locator("select[data-wards]").all():
        await control.select_option("01")
    reload = form.locator('button[value^="wards:"]')
    if await reload.count() and await reload.first.is_visible():
        await reload.first.click()
    for control in await form.locator("select:not([data-wards])").all():
        await expect(control.locator("option").nth(1)).to_be_attached()
        await control.select_option(index=1)
    for control in await form.locator("textarea, input:not([type=hidden]):not([type=radio])").all():
        if not await control.input_value():
            await control.fill(await find_filling(control))
    for control in await form.locator("input[type=radio]").all():
        await control.check()


async def find_filling(control: Locator) -> str:
    """Return something right for a control."""
    if await control.get_attribute("type") == "date":
        return "2026-01-02"
    if least := await control.get_attribute("min"):
        return least
    lists = {"ethnic-qd121": "Kinh", "religion-portal": "Không", "iso3166-1": "Việt Nam"}
    if (name := await control.get_attribute("list")) in lists:
        return lists[str(name)]
    patterns = {"[0-9]{12}": "001090000123", "[0-9]{9}": "012345678", "[0-9+ ]{8,15}": "0912345678"}
    pattern = await control.get_attribute("pattern")
    return patterns.get(pattern, "thu@example.vn") if pattern else "Thử nghiệm"


async def test_a_birth_is_registered_on_every_screen_without_a_violation(
    browser: Browser, portal_url: str
) -> None:
    """On all four screens what `test_every_page.py` does not show: wrong claims, missing values, the summary, the end."""
    screen = await open_screen(browser, portal_url, **SCREENS["wide light"])
    page = screen.page
    await start(screen, "khai-sinh")
    await screen.check()
    await verify(page, "requester")
    await page.locator("#father button[name=self]").click()
    await verify(page, "mother", "001192000124", "Lê Thị Sai", "01/01/1992")
    await screen.check_everywhere()
    await page.locator("#mother").get_by_role("button", name="Tự khai").click()
    await screen.check_everywhere()
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await expect(page.locator(".error").first).to_be_visible()
    await screen.check_everywhere()
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
    await screen.check_everywhere()
    await page.get_by_role("button", name="Nộp hồ sơ").click()
    await expect(page.get_by_text("Đã nộp hồ sơ")).to_be_visible()
    await screen.check_everywhere()
    for path in ("/can-bo", "/?lang=en"):
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


async def reach(page: Page, wanted: Locator) -> None:
    """Press Tab until an element has the focus; every element on the way must be seen to have it."""
    for _ in range(120):
        if await wanted.evaluate("element => element === document.activeElement"):
            return
        await page.keyboard.press("Tab")
        assert await page.evaluate(IS_FOCUS_SEEN), await page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(f"Tab does not lead to {wanted}")


IS_FOCUS_SEEN = """() => {
  const element = document.activeElement;
  if (element === document.body) return true;
  const style = getComputedStyle(element), box = element.getBoundingClientRect();
  const drawn = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  return (drawn || style.boxShadow !== "none") && box.width > 0 && box.bottom > 0 && box.top < innerHeight;
}"""


async def press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    await reach(page, wanted)
    await page.keyboard.press(key)


async def type_into_all(page: Page) -> None:
    """Type something right into every control that is empty, in the order of the page."""
    for control in await page.locator("form[data-validate]").locator("select, textarea, input:visible").all():
        kind, options = await control.get_attribute("type"), control.locator("option")
        if kind == "radio":
            await press(page, control, "Space")
        elif await control.input_value():
            continue
        elif await options.count():
            await expect(options.nth(1)).to_be_attached()
            await press(page, control, "ArrowDown")
        elif kind == "date":
            await reach(page, control)
            await page.keyboard.type("01022026")
        else:
            await reach(page, control)
            await page.keyboard.type(await find_filling(control))
            await page.keyboard.press("Escape")


async def test_the_keyboard_alone_leads_from_a_service_to_a_submitted_dossier(
    browser: Browser, portal_url: str
) -> None:
    screen = await open_screen(browser, portal_url, **SCREENS["wide light"])
    page = screen.page
    await page.goto(f"{portal_url}/dich-vu/khai-bao-tam-vang")
    await press(page, page.get_by_role("link", name="Đăng nhập và bắt đầu"))
    await press(page, page.locator('button[value="nguyen-van-an"]'))
    await press(page, page.get_by_role("button", name="Bắt đầu"))
    await press(page, page.locator("#agreed"), "Space")
    await press(page, page.get_by_role("button", name="Đồng ý và tiếp tục"))
    await press(page, page.locator("#requester").get_by_role("button", name=re.compile("^Xác thực")))
    await expect(page.locator("#requester .verdict")).to_be_visible(timeout=30_000)
    await type_into_all(page)
    await press(page, page.get_by_role("button", name="Tiếp tục: kiểm tra"))
    await page.wait_for_url("**/xem-lai")
    await press(page, page.get_by_role("button", name="Nộp hồ sơ"))
    await expect(page.get_by_text("Đã nộp hồ sơ")).to_be_visible()
    assert screen.complaints == []
