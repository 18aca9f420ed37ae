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
    await visit.send("/xac-thuc/mother", ANOTHER | {"consent": ""})
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
