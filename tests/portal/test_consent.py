"""Nobody but the requester is asked about without consent, whatever a form claims; the consent is stored with its number."""

import pytest

from tests.kit.portal import PORTAL, Visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import WIFE, born_of, start, verify_all

ANOTHER = {"number": "001060000119", "full_name": "Ai Đó", "born": "1960"}


@pytest.mark.parametrize(
    "flag", [{}, {"self": "1"}, {"again": "1"}, {"self": "1", "again": "1", "consent": "0"}]
)
async def test_no_flag_of_a_form_stands_for_the_fathers_consent(
    scene: Scene, visit: Visit, flag: dict[str, str]
) -> None:
    await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/father", ANOTHER | flag)
    assert visit.status == 422
    assert "Hãy xác nhận ô đồng ý trước khi hỏi về người này." in visit.text
    assert await scene.journal() == []


async def test_a_confirmed_consent_is_not_asked_for_when_the_number_is_malformed(
    scene: Scene, visit: Visit
) -> None:
    await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/father", ANOTHER | {"number": "00106", "consent": "1"})
    assert visit.status == 422
    assert "Viết đủ 12 chữ số" in visit.text
    assert "Hãy xác nhận ô đồng ý trước khi hỏi về người này." not in visit.text
    assert await scene.journal() == []


async def test_declaring_by_hand_first_does_not_spare_the_consent(scene: Scene, visit: Visit) -> None:
    path = await start(visit, "khai-sinh")
    claim = WIFE | {"born": "1992", "consent": ""}
    token = {"csrf": visit.page.xpath("//input[@name='csrf']/@value")[0]}
    await visit.http.post(f"{PORTAL}{path}/tu-khai/mother", data=token | claim)
    await visit.http.post(f"{PORTAL}{path}/tu-khai/mother", data=token | {"change": "1"})
    await visit.open(path)
    await visit.send("/xac-thuc/mother", claim)
    assert visit.status == 422
    assert await scene.journal() == []


async def test_self_asks_about_the_verified_requester_and_nobody_else(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/requester")
    await visit.send("/xac-thuc/father", ANOTHER | {"self": "1"})
    assert {each["subject"] for each in await scene.journal()} == {"001090***123"}


def offered_to_be_self(visit: Visit) -> set[str]:
    """Return the roles that the requester is offered to have as well."""
    return set(visit.page.xpath("//article[.//button[@name='self']]/@id"))


@pytest.mark.parametrize(("person", "role"), [("nguyen-van-an", "father"), ("le-thi-dung", "mother")])
async def test_a_man_is_not_offered_to_be_the_mother_nor_a_woman_the_father(
    scene: Scene, visit: Visit, person: str, role: str
) -> None:
    await start(visit, "khai-sinh", person)
    await visit.send("/xac-thuc/requester")
    assert offered_to_be_self(visit) == {role}
    asked = len(await scene.journal())
    (other,) = {"father", "mother"} - {role}
    await visit.send(f"/xac-thuc/{other}", {"self": "1"})
    assert visit.status == 422
    assert len(await scene.journal()) == asked


@pytest.mark.parametrize(
    ("slug", "role", "number", "whose"),
    [
        ("khai-sinh", "father", "001192000124", "nữ"),
        ("khai-sinh", "mother", "001090000123", "nam"),
        ("ket-hon", "husband", "001326000126", "nữ"),
        ("ket-hon", "wife", "001218000125", "nam"),
    ],
)
async def test_a_number_of_the_other_gender_is_not_asked_about_as_a_parents_or_a_spouses(
    scene: Scene, visit: Visit, slug: str, role: str, number: str, whose: str
) -> None:
    await start(visit, slug)
    await visit.send(f"/xac-thuc/{role}", WIFE | {"number": number, "born": "1992"})
    assert visit.status == 422
    said = visit.page.xpath(f"//span[@id='{role}.number']/text()")
    assert said == [f"Chữ số thứ tư cho biết đây là số của {whose}. Hãy xem lại số, hoặc tự khai."]
    assert await scene.journal() == []


async def test_someone_with_a_number_of_nine_digits_is_offered_both_parents_roles(
    scene: Scene, visit: Visit
) -> None:
    """The old number says no gender."""
    people = (await scene.control.get("/personas")).json()
    elder = next(each for each in people if not each["citizen_id"] and each["expect"]["confirmed"])
    claim = {"number": elder["id_card_number"], "full_name": elder["full_name"]}
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/khai-sinh")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    await visit.send("/xac-thuc/requester", claim | {"born": elder["birth_date"] or str(elder["birth_year"])})
    assert offered_to_be_self(visit) == {"father", "mother"}, visit.text


async def test_a_corrected_name_needs_no_second_consent(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    wife = WIFE | {"born": await born_of(scene, WIFE["number"])}
    await visit.send("/xac-thuc/mother", wife | {"full_name": "Sai Tên Rồi"})
    assert "Thông tin chưa khớp" in visit.text
    await visit.send("/xac-thuc/mother", wife | {"consent": ""})
    assert "Đã xác thực" in visit.text


async def test_a_changed_number_needs_its_own_consent(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await visit.send("/xac-thuc/mother", WIFE | {"full_name": "Sai Tên Rồi", "born": "1992"})
    asked = len(await scene.journal())
    await visit.send("/xac-thuc/mother", ANOTHER | {"number": "001160000119", "consent": ""})
    assert "Hãy xác nhận ô đồng ý trước khi hỏi về người này." in visit.text
    assert visit.status == 422
    assert len(await scene.journal()) == asked


async def test_the_summary_says_when_consent_was_confirmed(scene: Scene, visit: Visit) -> None:
    await start(visit, "khai-sinh")
    await verify_all(scene, visit)
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    assert visit.url.path.endswith("/xem-lai"), visit.text
    assert (
        visit.text.count("Người nộp xác nhận người này đồng ý, lúc") == 1
    )  # the mother; the father is the requester
