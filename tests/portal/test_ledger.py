"""`/toi/ai-da-xem`: the citizen's own ledger over all organisations, by their own sign-in, which must be fresh."""

import re

from gateway.accounts.use_cases import add_organisation
from gateway.operators.model import Role
from tests.kit.operators import signed_in
from tests.kit.portal import Visit
from tests.kit.scene import AN, Scene
from tests.portal.test_citizens_way import start

LEDGER = "/toi/ai-da-xem"


async def test_a_citizen_sees_who_asked_about_them_in_plain_words(scene: Scene, visit: Visit) -> None:
    await add_organisation(scene.gateway.deps, "000.00.09.H26", "Sở Tư pháp")
    other = await scene.portal(organisation="000.00.09.H26")
    await other.verify(claim=AN)
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.open(LEDGER)
    assert visit.status == 200
    assert "đã hỏi thông tin của quý vị có khớp không" in visit.text
    assert "đã nhận thông tin của quý vị để điền sẵn" in visit.text
    assert f"Hồ sơ {path.rpartition('/')[2]}" in visit.text
    assert "Do công dân thực hiện." in visit.text
    assert "Họ, chữ đệm và tên" in visit.text
    assert len(visit.page.xpath("//ol[@class='ledger']/li")) == 5
    assert visit.text.count("đã tra cứu thông tin của quý vị để điền sẵn") == 2
    assert "không trả lời được" not in visit.text
    organisations = visit.page.xpath("//ol[@class='ledger']//strong/text()")
    assert set(organisations) == {"Sở Tư pháp", "UBND thành phố Hà Nội"}
    assert "Sở Tư pháp đã hỏi thông tin của quý vị có khớp không: khớp." in visit.text
    assert "001090000123" not in visit.text


async def test_each_look_is_an_entry_of_the_ledger_itself(visit: Visit) -> None:
    await visit.sign_in()
    await visit.open(LEDGER)
    assert "Chưa ai hỏi về quý vị" in visit.text
    await visit.open(LEDGER)
    assert "đã cho xem trang này" in visit.text


async def test_a_citizen_sees_what_became_of_the_corrections_they_asked_for(
    scene: Scene, visit: Visit
) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.press("Thông tin này không đúng: Họ, chữ đệm và tên")
    await visit.send("/sai/requester/full_name", {"note": "Sai tên đệm"})
    await visit.open(LEDGER)
    disputed = "string(//ol[@id='bao-sai'])"
    shown = " ".join(visit.page.xpath(disputed).split())
    assert "Họ, chữ đệm và tên đang chờ cơ quan quản lý dữ liệu xem xét." in shown
    only_there = "Chỉ cổng đã gửi báo sai mở mục này để quý vị tự khai; nơi khác vẫn điền sẵn như cũ."
    assert f"Báo qua: UBND thành phố Hà Nội. {only_there}" in shown
    officer = await signed_in(scene, "an.vo", Role.DATA_PROTECTION)
    [filed] = (await officer.call("GET", "/discrepancies")).json()["discrepancies"]
    why = {"reason_vi": "Hồ sơ gốc đúng.", "reason": "The original record is right."}
    await officer.call("POST", f"/discrepancies/{filed['id']}/resolve", {"as": "rejected", **why})
    await visit.open(LEDGER)
    shown = " ".join(visit.page.xpath(disputed).split())
    assert "Họ, chữ đệm và tên không được sửa (" in shown
    assert "Lý do: Hồ sơ gốc đúng." in shown
    assert only_there not in shown


async def test_another_citizen_sees_nothing_of_it(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.press("Thoát")
    await visit.sign_in("le-thi-dung", back=LEDGER)
    assert "Chưa ai hỏi về quý vị" in visit.text


async def test_a_sign_in_of_more_than_fifteen_minutes_ago_must_be_made_again(
    scene: Scene, visit: Visit
) -> None:
    await visit.sign_in()
    rows = len(await scene.audit())
    scene.clock.advance(901)
    await visit.open(LEDGER)
    assert visit.status == 401
    assert "Lần đăng nhập đã quá 15 phút" in visit.text
    assert len(await scene.audit()) == rows
    again = visit.page.xpath("//main//a[contains(@class, 'button')]/@href")
    assert again == [f"/dang-nhap?tiep={LEDGER}"]
    await visit.sign_in(back=LEDGER)
    assert (visit.status, visit.url.path) == (200, LEDGER)


async def test_the_sign_in_asks_the_login_for_a_fresh_authentication(visit: Visit) -> None:
    sent = await visit.http.get("http://127.0.0.1:8200/dang-nhap", follow_redirects=False)
    assert re.search(r"[?&]max_age=900(&|$)", sent.headers["location"])


async def test_an_officer_and_a_stranger_have_no_ledger(visit: Visit) -> None:
    await visit.open(LEDGER)
    assert visit.status == 401
    await visit.sign_in("officer:can.bo.01", back=LEDGER)
    assert visit.status == 403
    assert "Trang này dành cho công dân." in visit.text


async def test_the_page_speaks_english_by_the_switch(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.open(f"{LEDGER}?lang=en")
    assert "Who has seen my data" in visit.text
    assert "asked whether your data agree" in visit.text
