"""The citizen's way without JavaScript: sign in, consent, verify, fill, dispute, review, submit, reuse."""

import asyncio
import re

from tests.kit.portal import PORTAL, Visit
from tests.kit.scene import Scene

WIFE = {"number": "001192000124", "full_name": "Lê Thị Dung", "born": "", "consent": "1"}
CHILD = {
    "requester.child_full_name": "Nguyễn Thị Mai",
    "requester.child_gender": "Nữ",
    "requester.child_birth_date": "2026-11-01",
    "requester.child_birth_place.province": "01",
    "requester.child_birth_place.ward": "00004",
    "requester.child_birth_place.detail": "Bệnh viện thử",
    "requester.child_native_place.province": "01",
    "requester.child_native_place.ward": "00004",
    "requester.child_ethnicity": "Kinh",
    "requester.child_nationality": "Việt Nam",
    "requester.relation_to_child": "Cha",
}


async def start(visit: Visit, slug: str, person: str = "nguyen-van-an") -> str:
    """Sign in, open a dossier, agree; return its address."""
    await visit.sign_in(person, back=f"/dich-vu/{slug}")
    assert visit.url.path == f"/dich-vu/{slug}"
    await visit.press("Bắt đầu")
    assert "Chưa có câu hỏi nào được gửi đi" in visit.text
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    return visit.url.path


async def born_of(scene: Scene, citizen_id: str) -> str:
    people = (await scene.control.get("/personas")).json()
    return str(next(each["birth_date"] for each in people if each["citizen_id"] == citizen_id))


async def verify_all(scene: Scene, visit: Visit) -> None:
    """Verify An as requester and father, and his wife as mother."""
    await visit.send("/xac-thuc/requester")
    await visit.send("/xac-thuc/father", button="self=1")
    wife = WIFE | {"born": await born_of(scene, WIFE["number"])}
    await visit.send("/xac-thuc/mother", wife)


async def test_the_english_form_suggests_relations_in_english_and_its_review_says_them(
    scene: Scene, visit: Visit
) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)
    form = visit.url.path
    for language, others, relation in (("en", ["Father", "Mother"], "Mother"), ("vi", ["Cha", "Mẹ"], "Mẹ")):
        await visit.open(f"{form}?lang={language}")
        offered = visit.page.xpath("//datalist[@id='requester.relation_to_child-list']/option/@value")
        assert offered[:2] == others
        await visit.send("/to-khai", CHILD | {"requester.relation_to_child": "Mother"}, button="act=review")
        assert visit.url.path.endswith("/xem-lai"), visit.text
        told = visit.page.xpath("//dd/span[@class='value']/text()")
        assert relation in told


async def test_a_birth_is_registered_with_only_the_childs_data_typed(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)
    assert visit.text.count("Đã xác thực") == 3
    assert "NGUYỄN VĂN AN" in visit.text
    spared = re.search(r"Quý vị không phải khai lại (\d+) trường", visit.text)
    assert spared is not None
    assert int(spared[1]) >= 15
    await visit.send("/to-khai", CHILD, button="act=review")
    assert visit.url.path.endswith("/xem-lai"), visit.text
    await visit.press("Nộp hồ sơ")
    assert re.search(r"Số hồ sơ H26-\d{4}-[A-Z]{4}-[A-Z]{4}", visit.text)
    assert "Nguyễn Thị Mai" in visit.text
    assert "do công dân khai" in visit.text
    assert "từ CSDLQG về dân cư, lúc" in visit.text


async def test_a_form_in_english_has_english_codes_and_takes_them(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)
    await visit.open(f"{visit.url.path}?lang=en")
    assert visit.page.xpath("//label[@for='requester.child_gender-2']/text()") == ["Female"]
    assert "Viet Nam" in visit.page.xpath("//datalist[@id='iso3166-1']/option/@value")
    assert "Việt Nam" not in visit.page.xpath("//p[@class='value']/text()")
    await visit.send("/to-khai", CHILD | {"requester.child_nationality": "viet nam"}, button="act=review")
    assert visit.url.path.endswith("/xem-lai"), visit.text
    values = visit.page.xpath("//span[@class='value']/text()")
    assert {"Female", "Viet Nam"} <= set(values)
    await visit.open(f"{visit.url.path}?lang=vi")
    assert {"Nữ", "Việt Nam"} <= set(visit.page.xpath("//span[@class='value']/text()"))


async def test_a_second_service_of_the_same_citizen_asks_the_registry_nothing(
    scene: Scene, visit: Visit
) -> None:
    await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/requester")
    asked = [each for each in await scene.journal() if each["operation"] == "XacThucThongTinCongDan"]
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    assert re.search(r"đã xác thực lúc \d\d:\d\d ngày \d\d/\d\d/\d{4}, không hỏi lại", visit.text)
    assert asked == [each for each in await scene.journal() if each["operation"] == "XacThucThongTinCongDan"]


async def test_nothing_is_asked_before_the_citizen_agrees(scene: Scene, visit: Visit) -> None:
    await visit.sign_in(back="/dich-vu/khai-sinh")
    await visit.press("Bắt đầu")
    path = visit.url.path
    for text in ("Mục đích", "Luật Hộ tịch 60/2014/QH13, Điều 14", "Dân tộc", "nhạy cảm"):
        assert text in visit.text
    token = visit.page.xpath("//input[@name='csrf']/@value")[0]
    await visit.http.post(f"{PORTAL}{path}/xac-thuc/requester", data={"csrf": token, "full_name": "x"})
    assert await scene.journal() == []


async def test_a_disputed_field_becomes_declarable_and_is_marked(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    before = visit.text.count("Thông tin này không đúng")
    await visit.press("Thông tin này không đúng: Họ, chữ đệm và tên")
    assert "NGUYỄN VĂN AN" in visit.text
    await visit.send("/sai/requester/full_name", {"note": "Sai tên đệm"})
    assert visit.text.count("Thông tin này không đúng") == before - 1
    assert "đã báo dữ liệu không đúng" in visit.text
    assert visit.page.xpath("//input[@name='requester.full_name']")


async def test_an_error_stands_beside_its_field_and_what_was_typed_stays(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)
    wrong = CHILD | {"requester.child_birth_date": "2999-01-01", "requester.child_ethnicity": "Sao Hỏa"}
    await visit.send("/to-khai", wrong, button="act=review")
    assert visit.status == 422
    assert "Ngày này chưa tới." in visit.text
    assert "Hãy chọn một mục trong danh sách." in visit.text
    typed = visit.page.xpath("//input[@name='requester.child_full_name']/@value")
    assert typed == ["Nguyễn Thị Mai"]


async def test_a_day_that_is_in_no_calendar_is_called_so_beside_its_field(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    form = "Viết ngày sinh như 31/01/1990"
    for born, said in (
        ("31/02/1992", "Lịch không có ngày này."),
        ("1992-02-30", "Lịch không có ngày này."),
        ("15/08/2992", "Ngày này chưa tới."),
        ("hôm qua", form),
        ("", form),
    ):
        await visit.send("/xac-thuc/mother", WIFE | {"born": born})
        assert visit.page.xpath("//*[@id='mother.born']/text()")[0].startswith(said), born
    await visit.send("/xac-thuc/mother", WIFE | {"full_name": "Nguyễn " * 20})
    assert visit.page.xpath("//*[@id='mother.full_name']/text()") == ["Tối đa 100 ký tự."]
    await verify_all(scene, visit)
    await visit.send("/to-khai", CHILD | {"requester.child_birth_date": "31/02/2026"}, button="act=review")
    assert "Lịch không có ngày này." in visit.text


async def test_a_form_sent_after_the_session_ended_says_so_and_leads_back_to_its_dossier(
    visit: Visit,
) -> None:
    path = await start(visit, "ho-chieu")
    visit.http.cookies.clear()
    await visit.send("/xac-thuc/requester")
    assert visit.status == 401
    assert "Những gì vừa gửi chưa được lưu" in visit.text
    assert visit.page.xpath("//a[@class='button']/@href") == [f"/dang-nhap?tiep={path}"]


async def test_a_dossier_sent_again_after_its_submission_is_shown_and_no_form_changes_it(
    visit: Visit,
) -> None:
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    filled = await visit.http.get(f"{PORTAL}{path}")
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    review = await visit.http.get(str(visit.url))
    await visit.press("Nộp hồ sơ")
    assert "Đã nộp hồ sơ" in visit.text

    visit._take(review)
    await visit.press("Nộp hồ sơ")
    assert (visit.status, visit.url.path) == (200, path)
    assert "Đã nộp hồ sơ" in visit.text
    visit._take(filled)
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    assert visit.status == 409
    assert "lần gửi này không được lưu" in visit.text
    assert visit.page.xpath("//div[@class='message']//a/@href") == [path]


async def test_an_old_form_after_a_second_sign_in_leads_back_to_its_dossier(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    old = await visit.http.get(f"{PORTAL}{path}")
    await visit.sign_in()
    visit._take(old)
    await visit.send("/xac-thuc/requester")
    assert visit.status == 403
    assert visit.page.xpath("//div[@class='message']//a/@href") == [path, "/"]
    await visit.open(path)
    assert visit.status == 200


async def test_a_dossier_sent_twice_at_once_is_shown_as_submitted_both_times(visit: Visit) -> None:
    """The browser shows the answer to the second press only, which said that nothing was saved."""
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    (form,) = [each for each in visit.page.forms if each.get("action").endswith("/nop")]
    fields = dict(form.form_values())
    answers = await asyncio.gather(*(visit.http.post(f"{PORTAL}{path}/nop", data=fields) for _ in range(2)))
    assert [(answer.status_code, "Đã nộp hồ sơ" in answer.text) for answer in answers] == [(200, True)] * 2


async def test_the_address_of_a_form_opened_in_the_browser_shows_its_dossier(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    for form in ("dong-y", "to-khai", "nop", "xac-thuc/requester"):
        await visit.open(f"{path}/{form}")
        assert (visit.status, visit.url.path) == (200, path)


async def test_enter_in_a_field_of_the_form_leads_to_the_review(visit: Visit) -> None:
    """A browser presses the form's first button."""
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    (form,) = (each for each in visit.page.forms if each.get("action").endswith("/to-khai"))
    first = form.xpath(".//button")[0]
    assert (first.get("name"), first.get("value")) == ("act", "review")


async def test_consent_without_the_tick_says_what_is_missing(visit: Visit) -> None:
    await visit.sign_in(back="/dich-vu/khai-sinh")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục")
    assert visit.status == 422
    assert "Hãy đánh dấu vào ô trên nếu đồng ý" in visit.text


async def test_a_corrected_number_can_be_consented_to_in_the_same_form(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    wife = WIFE | {"born": await born_of(scene, WIFE["number"])}
    await visit.send("/xac-thuc/mother", wife | {"full_name": "Lê Thị Khác"})
    box = "//input[@id='mother-consent']"
    assert visit.page.xpath(f"{box}/@value") == ["1"]
    assert visit.page.xpath(f"{box}/@required") == []  # the same number needs no second consent
    await visit.send("/xac-thuc/mother", wife)
    assert visit.page.xpath("//article[@id='mother']//strong[text()='Đã xác thực']")


async def test_a_person_who_was_verified_by_mistake_is_replaced_by_another(
    scene: Scene, visit: Visit
) -> None:
    path = await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/requester")
    grandmother = {
        "number": "036162000457",
        "full_name": "Trần Thị Cam",
        "born": "1962-11-20",
        "consent": "1",
    }
    await visit.send("/xac-thuc/mother", grandmother)
    assert visit.page.xpath("//button[@name='change']/ancestor::article/@id") == ["mother"]
    await visit.press("Nhập người khác")
    assert visit.url.path == path
    assert not visit.page.xpath("//article[@id='mother']//div[contains(@class, 'ok')]")
    await visit.send("/xac-thuc/mother", WIFE | {"born": await born_of(scene, WIFE["number"])})
    await visit.press("Chưa xác định được cha")
    named = visit.page.xpath("//*[@id='mother.full_name']//p[@class='value']/text()")
    assert named == ["LÊ THỊ DUNG"]


async def test_a_citizen_verifies_only_themselves_as_the_requester(scene: Scene, visit: Visit) -> None:
    await start(visit, "ho-chieu", person="le-thi-dung")
    token = visit.page.xpath("//input[@name='csrf']/@value")[0]
    other = {"csrf": token, "number": "001090000123", "full_name": "Nguyễn Văn An", "born": "1990-01-31"}
    await visit.http.post(f"{PORTAL}{visit.url.path}/xac-thuc/requester", data=other)
    assert [each["subject"] for each in await scene.journal()] == ["001192***124"]


async def test_a_person_of_whom_only_the_birth_year_is_known_declares_the_year_and_no_day(
    visit: Visit,
) -> None:
    path = await start(visit, "ho-chieu", "giang-a-thu")
    await visit.send("/xac-thuc/requester")
    born = visit.page.xpath("//input[@name='requester.birth_date']")
    assert [(each.get("type"), each.get("value")) for each in born] == [("number", "1958")]
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    assert visit.url.path == f"{path}/xem-lai", visit.text
    told = visit.page.xpath("//div[dt='Ngày, tháng, năm sinh']/dd")[0].text_content().split()
    assert " ".join(told) == "1958 do công dân khai"


async def test_a_stay_that_ends_before_it_begins_is_an_error_beside_its_end(visit: Visit) -> None:
    path = await start(visit, "khai-bao-tam-vang")
    await visit.send("/xac-thuc/requester")
    stay = {"requester.stay_from": "2026-12-10", "requester.stay_to": "2026-12-09"}
    await visit.send("/to-khai", visit.fillings() | stay, button="act=review")
    error = visit.page.xpath("//*[@id='requester.stay_to-error']")[0].text_content()
    assert (visit.status, error) == (422, "Ngày này trước ngày bắt đầu.")
    await visit.send("/to-khai", {"requester.stay_to": "2026-12-10"}, button="act=review")
    assert visit.url.path == f"{path}/xem-lai", visit.text
