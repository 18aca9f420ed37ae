"""The gateway's pages in a real Chromium: what it is, its calls and problems, the sign-in of operators, the report."""

import time

from playwright.async_api import Browser, expect

from demo.office import totp
from demo.scene import Scene
from tests.browser.conftest import MOST_BYTES, SCREENS, Screen, count_sheets, open_screen

PASSWORD = "ba con voi di choi"


TYPEFACE = (
    "[...document.fonts].filter(each => each.status == 'loaded').map(each => each.family + each.weight)"
)


BROKEN_WORDS = """() => {
  const broken = [], texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/\\d{4}-W?\\d+|[^\\s-]+/g)) {
    const range = document.createRange();
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    if (new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > 1) broken.push(word[0]);
  }
  return broken;
}"""
"""The words, months and weeks of a page that are cut in the middle and go on in the next line."""
SMALLEST_LABEL = (
    "Math.min(...[...document.querySelectorAll('svg text')].map(each => each.getBoundingClientRect().height))"
)


async def check_everywhere(screen: Screen, address: str) -> None:
    """Check a page narrow and wide, light and dark, its weight, and that it is set in the vendored typeface."""
    weight = await screen.weigh(address)
    # A fragment of the page that is open transfers nothing.
    assert weight > 0 or "#" in address, address
    assert weight <= MOST_BYTES, address
    assert {"Be Vietnam Pro400", "Be Vietnam Pro600"} <= set(await screen.page.evaluate(TYPEFACE)), address
    await screen.check_everywhere()


async def test_the_open_pages_have_no_violation_on_any_screen(browser: Browser, running: Scene) -> None:
    screen = await open_screen(browser, running.gateway)
    for path in ("/", "/docs", "/docs#verify_citizen", "/problems/", "/problems/field_not_granted"):
        await check_everywhere(screen, running.gateway + path)
    await screen.page.goto(f"{running.gateway}/docs")
    await screen.page.locator("#verify_citizen summary").click()
    await expect(screen.page.locator("#verify_citizen > pre")).to_contain_text("001090000123")
    await screen.check()


async def test_an_operator_signs_in_without_javascript_and_reads_the_report(
    browser: Browser, running: Scene
) -> None:
    made = running.programs.gateway("operators", "create", "lan.nguyen", "--role", "admin", "--bootstrap")
    said = f"{made['one_time_code']}\n{PASSWORD}\n"
    secret = running.programs.gateway("operators", "enrol", "lan.nguyen", said=said)["totp_secret"]
    context = await browser.new_context(java_script_enabled=False, **SCREENS["narrow light"])
    page = await context.new_page()
    await page.goto(f"{running.gateway}/reports/?week=2022-W17")
    await page.get_by_label("Tên").fill("lan.nguyen")
    await page.get_by_label("Mật khẩu").fill(PASSWORD)
    await page.get_by_label("Mã 6 chữ số").fill(totp(secret, time.time()))  # noqa: TID251 - an authenticator uses the machine's clock
    await page.get_by_role("button", name="Đăng nhập").click()
    await expect(page.get_by_role("cell", name="17/25 (68 %)")).to_be_visible()

    screen = await open_screen(browser, running.gateway)
    await screen.page.context.add_cookies(await context.cookies())  # type: ignore[arg-type]  # what it gave
    for path in ("/reports/?week=2022-W17", "/reports/?lang=en", "/console/login"):
        await check_everywhere(screen, running.gateway + path)
    for path in ("/reports/?week=2022-W17", "/reports/?week=2022-W17&lang=en"):
        await screen.page.goto(running.gateway + path)
        assert await count_sheets(screen) == 1
    await screen.page.set_viewport_size(SCREENS["narrow light"]["viewport"])
    for path in ("/reports/?week=2022-W17", "/reports/?lang=en", "/"):
        await screen.page.goto(running.gateway + path)
        assert await screen.page.evaluate(BROKEN_WORDS) == [], path
    await screen.page.goto(f"{running.gateway}/reports/?week=2022-W17")
    assert await screen.page.evaluate(SMALLEST_LABEL) >= 11, "a telephone shows the chart's labels legibly"
    await screen.page.emulate_media(color_scheme="dark", media="print")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert await screen.page.evaluate(paper) == "rgb(255, 255, 255)"
    await screen.page.emulate_media(media="screen")
    await screen.page.goto(f"{running.gateway}/console/login")
    await screen.page.get_by_role("button", name="Thoát").click()
    await check_everywhere(screen, f"{running.gateway}/reports/")
    await expect(screen.page.get_by_role("heading", name="Đăng nhập")).to_be_visible()
