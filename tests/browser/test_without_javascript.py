"""Every way of the portal in a Chromium that runs no script."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import SCREENS
from tests.browser.test_citizens_way import fill_all, verify

AN = ("001090000123", "Nguyễn Văn An", "31/01/1990")
DUNG = ("001192000124", "Lê Thị Dung", "1992")
BINH = ("001060000456", "Nguyễn Văn Bình", "19/05/1960")
KHANG = ("001203000305", "Phùng Gia Khang", "03/10/2003")
NOBODY = ("001192000124", "Lê Thị Sai Tên", "1992")


@pytest.fixture
async def page(browser: Browser) -> Page:
    context = await browser.new_context(java_script_enabled=False, **SCREENS["narrow light"])
    return await context.new_page()


async def open_dossier(page: Page, portal_url: str, slug: str, person: str | None = None) -> None:
    """Open a dossier and agree; with a person, sign in before."""
    await page.goto(f"{portal_url}/dich-vu/{slug}")
    if person is not None:
        await page.get_by_role("link", name="Đăng nhập và bắt đầu").click()
        await page.locator(f'button[value="{person}"]').click()
    await page.get_by_role("button", name="Bắt đầu").click()
    await page.locator("#agreed").check()
    await page.get_by_role("button", name="Đồng ý và tiếp tục").click()


async def submit(page: Page) -> None:
    """Fill what is left, review and submit."""
    await fill_all(page)
    await page.get_by_role("button", name="Tiếp tục: kiểm tra").click()
    await page.get_by_role("button", name="Nộp hồ sơ").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Đã nộp hồ sơ")
    await expect(page.locator(".spared")).to_contain_text("Quý vị không phải khai lại")


@pytest.mark.parametrize(
    ("slug", "roles"),
    [
        ("khai-sinh", {"father": None, "mother": DUNG}),
        ("khai-tu", {"deceased": BINH}),
        ("ket-hon", {"husband": KHANG, "wife": NOBODY}),
    ],
)
async def test_a_birth_a_death_and_a_marriage_are_submitted_without_a_script(
    page: Page, portal_url: str, slug: str, roles: dict[str, tuple[str, str, str] | None]
) -> None:
    await open_dossier(page, portal_url, slug, "nguyen-van-an")
    await verify(page, "requester")
    for role, person in roles.items():
        if person is None:
            await page.locator(f"#{role} button[name=self]").click()
            continue
        await verify(page, role, *person)
        if await page.locator(f"#{role} .verdict.bad").count():
            await page.locator(f"#{role}").get_by_role("button", name="Tự khai").click()
    await submit(page)


async def test_a_dispute_reuse_and_the_ledger_need_no_script(page: Page, portal_url: str) -> None:
    await open_dossier(page, portal_url, "thi-tot-nghiep", "pham-thi-ha")
    await verify(page, "requester")
    await page.locator('button[value="sai:requester:full_name"]').click()
    await page.get_by_label("Sai ở chỗ nào?").fill("Sai tên đệm")
    await page.get_by_role("button", name="Gửi và tự khai mục này").click()
    await expect(page.get_by_text("đã báo dữ liệu không đúng")).to_be_visible()
    await submit(page)
    await expect(page.get_by_text("đã báo dữ liệu không đúng")).to_be_visible()
    await open_dossier(page, portal_url, "cap-dien-moi")
    await verify(page, "requester")
    await expect(page.locator(".reuse")).to_contain_text("không hỏi lại")
    await page.goto(f"{portal_url}/toi/ai-da-xem")
    await expect(page.locator(".ledger:not(#bao-sai) > li").first).to_contain_text(
        "đã nhận thông tin của quý vị"
    )


async def test_an_officer_and_a_tester_need_no_script(page: Page, portal_url: str) -> None:
    await page.goto(f"{portal_url}/dang-nhap?tiep=/can-bo")
    await page.locator('button[value="officer:can.bo.01"]').click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Bộ phận một cửa")
    await page.goto(f"{portal_url}/_test")
    await page.locator('button[value="suspended"]').click()
    await expect(page.get_by_role("status")).to_contain_text("bị tạm dừng")
    await open_dossier(page, portal_url, "xac-nhan-cmnd")
    for part, text in zip(("number", "name", "born"), AN, strict=True):
        await page.locator(f"#requester-{part}").fill(text)
    await verify(page, "requester")
    await expect(page.locator("#requester .verdict.bad")).to_contain_text("account_suspended")
    address = page.url.split("#")[0]
    await page.goto(f"{portal_url}/_test")
    await page.locator('button[value="suspended"]').click()
    await page.goto(address)
    await verify(page, "requester")
    await submit(page)
    await page.get_by_role("button", name="Thoát").click()
