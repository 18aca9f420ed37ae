"""`make screenshots`: start mock, gateway and test portal, walk through them in Chromium, write `docs/images/*.png`."""

import argparse
import asyncio
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from demo.office import open_office
from demo.portal import start_portal
from demo.portal_steps import CitizensWay
from demo.processes import Programs
from demo.report import Report
from demo.scene import Scene, set_up

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 360, "height": 780}


async def open_page(browser: Browser) -> Page:
    """Return the page of somebody whose browser is in Vietnamese."""
    return await (await browser.new_context(viewport=WIDE, locale="vi-VN")).new_page()


async def take(page: Page, name: str, *, whole: bool = True) -> None:
    """Write one picture."""
    await page.wait_for_load_state("networkidle")
    await page.screenshot(path=IMAGES / f"{name}.png", full_page=whole)
    print(f"screenshots: docs/images/{name}.png")


async def walk(browser: Browser, url: str) -> None:
    """Take each state of the citizen's way, and some in the dark and on a telephone."""
    page = await open_page(browser)
    await page.goto(url)
    await take(page, "services", whole=False)
    await page.goto(f"{url}/dich-vu/khai-sinh")
    await take(page, "service", whole=False)
    await page.get_by_role("link", name="Đăng nhập và bắt đầu").click()
    await take(page, "login", whole=False)
    await page.locator('button[value="nguyen-van-an"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await take(page, "consent", whole=False)
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()
    await page.locator("#requester").get_by_role("button", name="Xác thực").click()
    await page.locator("#father button[name=self]").click()
    await page.locator("#mother-number").fill("001192000124")
    await page.locator("#mother-name").fill("Lê Thị Sai")
    await page.locator("#mother-born").fill("1992")
    await page.locator("#mother-consent").check()
    await page.locator("#mother").get_by_role("button", name="Xác thực").click()
    await take(page, "not-confirmed")
    await page.locator("#mother").get_by_role("button", name="Tự khai").click()
    await page.locator("#to-khai").scroll_into_view_if_needed()
    await page.evaluate("document.getElementById('to-khai').scrollIntoView()")
    await take(page, "form", whole=False)
    await page.emulate_media(color_scheme="dark")
    await take(page, "form-dark", whole=False)
    await page.set_viewport_size(NARROW)
    await page.emulate_media(color_scheme="light")
    await take(page, "form-narrow", whole=False)
    await page.set_viewport_size(WIDE)
    await finish(page, url)
    await page.context.close()


async def finish(page: Page, url: str) -> None:
    """Take a dispute, the errors of an empty form, the desk's refusal and the QA page."""
    await page.locator('button[value="sai:requester:full_name"]').click()
    await take(page, "dispute", whole=False)
    await page.go_back()
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await take(page, "form-errors", whole=False)
    await page.goto(f"{url}/ho-so")
    await take(page, "dossiers", whole=False)
    await page.goto(f"{url}/toi/ai-da-xem")
    await take(page, "ledger", whole=False)
    await page.goto(f"{url}/_test")
    await take(page, "faults", whole=False)
    await page.get_by_role("button", name="Thoát").click()
    await page.goto(f"{url}/dang-nhap?tiep=/can-bo")
    await page.locator('button[value="officer:can.bo.01"]').click()
    await take(page, "desk", whole=False)
    await page.get_by_role("button", name="Thoát").click()
    await page.goto(f"{url}/dang-nhap?tiep=/can-bo")
    await page.locator('button[value="officer:can.bo.02"]').click()
    await take(page, "desk-refused", whole=False)


FAILURES = {
    "slow": "ly-van-thue",
    "silent": "ho-ngoc-lan",
    "down": "nguyen-van-hai",
    "maintenance": "ngo-thi-truong",
    "refusing": "pham-thi-ha",
    "garbled": "tran-thi-cam",
    "nobody": "ton-nu-hanh",
    "half": "cao-van-theo",
    "budget": "hoa-dau-tren-o",
    "suspended": "dang-van-doi",
    "expired": "hoa-dau-tren-a",
    "revoked": "tuan-dau-sac",
}
"""Each failure that the QA page arms, and the citizen who meets it: one for each, since a live verification is reused."""

_AFTER_VERIFYING = {"expired", "revoked"}


async def fail(browser: Browser, url: str) -> None:
    """Take the page of each failure: arm it by one click, verify or continue, and look."""
    for failure, person in FAILURES.items():
        page = await open_page(browser)
        await page.goto(f"{url}/dang-nhap?tiep=/dich-vu/doi-giay-phep-lai-xe")
        await page.locator(f'button[value="{person}"]').click()
        await page.get_by_role("button", name="Bắt đầu").click()
        await page.locator("#agreed").check()
        await page.get_by_role("button", name="Đồng ý và tiếp tục").click()
        verify, dossier = page.locator("#requester").get_by_role("button", name=_VERIFY), page.url
        if failure in _AFTER_VERIFYING:
            await verify.click()
        await page.goto(f"{url}/_test")
        await page.locator(f'button[value="{failure}"]').click()
        await page.goto(dossier)
        if failure in _AFTER_VERIFYING:
            review = page.get_by_role("button", name="Tiếp tục: kiểm tra")
            await review.evaluate("each => { each.formNoValidate = true; }")
            await review.click()
        else:
            await verify.click()
        await page.locator("#requester .verdict").wait_for(timeout=60_000)  # a silent registry is waited for
        await page.evaluate("scrollTo(0, 0)")
        await take(page, f"failed-{failure}", whole=False)
        await page.goto(f"{url}/_test")
        await page.get_by_role("button", name="Trở lại bình thường").click()
        await page.context.close()


_VERIFY = re.compile("^Xác thực")


async def submit(browser: Browser, scene: Scene, url: str) -> None:
    """Submit a form by HTTP, and take the summary and the second service that asks nothing."""
    way = CitizensWay(scene, url)
    await way.play(Report())
    page = await open_page(browser)
    await page.goto(f"{url}/dang-nhap?tiep=/ho-so")
    await page.locator('button[value="nguyen-van-an"]').click()
    await page.get_by_role("link", name=re.compile("hộ chiếu", re.IGNORECASE)).first.click()
    await take(page, "reused", whole=False)
    await page.goto(f"{url}/ho-so")
    submitted = page.locator("li", has=page.get_by_text("đã nộp")).first
    await submitted.get_by_role("link").click()
    await take(page, "submitted", whole=False)
    await page.context.close()


async def look_at_gateway(browser: Browser, scene: Scene) -> None:
    """Take the gateway's root page, its sign-in, and the report of this week."""
    page = await open_page(browser)
    await page.goto(scene.gateway)
    await take(page, "gateway", whole=False)
    await page.goto(f"{scene.gateway}/console/login")
    await take(page, "gateway-login", whole=False)
    office = await asyncio.to_thread(open_office, scene.programs, scene.gateway)
    async with office:
        await page.context.add_cookies([{"name": "console", "value": office.proposer, "url": scene.gateway}])
    await page.goto(f"{scene.gateway}/reports/")
    await take(page, "report")


async def run(scene: Scene, url: str) -> None:
    """Open Chromium and walk."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        sys.exit("screenshots: no Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        # Its date fields then show dd/mm/yyyy, as in Vietnam, if Debian's chromium-l10n is installed too.
        browser = await playwright.chromium.launch(
            executable_path=path, args=FLAGS, env={**os.environ, "LANGUAGE": "vi"}
        )
        await walk(browser, url)
        await submit(browser, scene, url)
        await look_at_gateway(browser, scene)
        await fail(browser, url)  # last: the report has the usual questions
        await browser.close()


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python tools/screenshots.py", description=__doc__).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the programs end too
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Programs(Path(folder)) as programs:
        scene = set_up(programs, {})
        asyncio.run(run(scene, start_portal(scene)))
    print("screenshots: ok")
