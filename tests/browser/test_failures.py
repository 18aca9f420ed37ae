"""What goes wrong, and the officer's desk, in a real Chromium: each state of a page has no violation of WCAG 2.2 AA."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import SCREENS, Screen, open_screen
from tests.browser.test_citizens_way import verify

STATES = {
    "down": "Cơ sở dữ liệu đang tạm ngừng",
    "refusing": "Cơ sở dữ liệu từ chối câu hỏi này",
    "garbled": "Cơ sở dữ liệu trả lời không đọc được",
    "nobody": "Thông tin chưa khớp với Cơ sở dữ liệu quốc gia về dân cư",
    "silent": "Cơ sở dữ liệu trả lời quá chậm",
    "budget": "Đã thử quá nhiều lần với thông tin chưa khớp",
    "suspended": "Kết nối của cổng dịch vụ đang bị tạm dừng",
}
PERSONS = {
    "down": "nguyen-van-hai",
    "refusing": "pham-thi-ha",
    "garbled": "tran-thi-cam",
    "nobody": "ton-nu-hanh",
    "silent": "ho-ngoc-lan",
    "budget": "le-thi-dung",
    "suspended": "dang-van-doi",
}
"""A citizen for each state whom no other test verifies: a live verification would be reused, and nothing asked."""


@pytest.fixture
async def screen(browser: Browser, portal_url: str) -> AsyncIterator[Screen]:
    """A telephone in the dark; whatever was armed on the mock is cleared afterwards."""
    opened = await open_screen(browser, portal_url, **SCREENS["narrow dark"])
    yield opened
    await opened.page.goto(f"{portal_url}/_test")
    await opened.page.get_by_role("button", name="Trở lại bình thường").click()


async def open_dossier(screen: Screen, slug: str, person: str) -> None:
    """Sign in, open a dossier and agree."""
    page = screen.page
    await page.goto(f"{screen.url}/dang-nhap?tiep=/dich-vu/{slug}")
    await page.locator(f'button[value="{person}"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()


async def arm(screen: Screen, state: str) -> None:
    """Arm a state by one click of the QA page, and come back."""
    back = screen.page.url
    await screen.page.goto(f"{screen.url}/_test")
    await screen.page.locator(f'button[value="{state}"]').click()
    await expect(screen.page.get_by_role("status")).to_be_visible()
    await screen.check()
    await screen.page.goto(back)


@pytest.mark.parametrize(("state", "told"), STATES.items(), ids=STATES)
async def test_a_failure_is_told_and_the_citizen_declares_by_hand(
    screen: Screen, state: str, told: str
) -> None:
    page = screen.page
    await open_dossier(screen, "doi-giay-phep-lai-xe", PERSONS[state])
    await arm(screen, state)
    await verify(page, "requester")
    await expect(page.locator("#requester .verdict.bad")).to_contain_text(told)
    await screen.check()
    await page.locator("#requester").get_by_role("button", name="Tự khai").click()
    await expect(page.get_by_role("heading", name="Tờ khai")).to_be_visible()
    await expect(page.locator(".spared-number")).to_have_count(0)
    await screen.check()


async def test_a_verification_that_ends_in_mid_form_keeps_what_was_typed(screen: Screen) -> None:
    page = screen.page
    await open_dossier(screen, "dang-ky-tam-tru", "nguyen-van-an")
    await verify(page, "requester")
    await page.locator("#household_head button[name=self]").click()
    typed = page.locator(
        "form[data-validate] input:not([type=hidden]):not([type=date]):not([type=radio])"
    ).first
    name = await typed.get_attribute("name")
    await typed.fill("đã gõ")
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await page.evaluate("document.querySelector('form[data-validate]').noValidate = true")
    await arm(screen, "revoked")
    await page.locator(f'[name="{name}"]').fill("đã gõ")
    await page.evaluate("document.querySelector('button.button[value=review]').formNoValidate = true")
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await expect(page.locator(".verdict.bad").first).to_contain_text("Lần xác thực đã được thu hồi")
    screen.complaints = [each for each in screen.complaints if "409" not in each]
    await screen.check()
    await page.locator("#requester").get_by_role("button", name=re.compile("^Xác thực")).click()
    await page.locator("#household_head button[name=self]").click()
    await expect(page.locator(f'[name="{name}"]')).to_have_value("đã gõ")


async def test_an_officer_serves_a_citizen_at_the_desk_and_another_officer_is_told_why_not(
    screen: Screen,
) -> None:
    page = screen.page
    await page.goto(f"{screen.url}/dang-nhap?tiep=/can-bo")
    await page.locator('button[value="officer:can.bo.01"]').click()
    await screen.check()
    await page.get_by_role("link", name="hộ chiếu").first.click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()
    await page.locator("#requester-number").fill("001090000123")
    await page.locator("#requester-name").fill("Nguyễn Văn An")
    await page.locator("#requester-born").fill("31/01/1990")
    await verify(page, "requester")
    await expect(page.locator("#requester .verdict.ok")).to_be_visible()
    await expect(page.locator(".eyebrow")).to_contain_text("lập tại quầy bởi can.bo.01")
    await screen.check()
    await page.get_by_role("button", name="Thoát").click()
    await page.goto(f"{screen.url}/dang-nhap?tiep=/can-bo")
    await page.locator('button[value="officer:can.bo.02"]').click()
    await expect(page.get_by_role("heading", name="Cán bộ này chưa được cấp quyền")).to_be_visible()
    screen.complaints = [each for each in screen.complaints if "403" not in each]
    await screen.check()
    await page.get_by_role("button", name="Thoát").last.click()
