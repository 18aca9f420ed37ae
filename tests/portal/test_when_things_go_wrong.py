"""Each failure has a page state that keeps what was typed, says what happened and lets the citizen declare by hand."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from tests.kit.portal import PORTAL, RunningPortal, Visit, open_portal, open_visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import start

CLAIMED = {"full_name": "Nguyễn Văn An", "birth_date": "1990-01-31", "citizen_id": "001090000123"}


async def arm(visit: Visit, fault: str) -> None:
    """Arm a state on the mock by one click of the QA page."""
    await visit.open("/_test")
    await visit.send("/_test", button=f"fault={fault}")
    assert visit.status == 200


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("down", "registry_unavailable"),
        ("maintenance", "registry_unavailable"),
        ("refusing", "registry_refused"),
        ("garbled", "registry_answer_invalid"),
        ("nobody", "not_confirmed"),
    ],
)
async def test_a_failing_registry_is_explained_and_the_citizen_declares_by_hand(
    visit: Visit, fault: str, code: str
) -> None:
    await visit.sign_in()
    await arm(visit, fault)
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    assert code in visit.text
    assert visit.page.xpath("//input[@id='requester-name']/@value") == ["Nguyễn Văn An"]
    await visit.press("Tự khai, không hỏi cơ sở dữ liệu")
    assert "Do công dân khai" in visit.text
    assert visit.page.xpath("//input[@name='requester.full_name']/@value") == ["Nguyễn Văn An"]
    await visit.send("/to-khai", visit.fillings(), button="act=review")
    assert visit.url.path == f"{path}/xem-lai", visit.text
    await visit.press("Nộp hồ sơ")
    assert "do công dân khai" in visit.text
    assert "từ CSDLQG về dân cư" not in visit.text
    assert "Quý vị không phải khai lại 0 trường" in visit.text


async def test_the_registrys_silence_on_a_part_leaves_its_fields_to_declare_with_the_reason(
    visit: Visit,
) -> None:
    await visit.sign_in()
    await arm(visit, "half")
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    assert "Đã xác thực" in visit.text
    assert "Cơ sở dữ liệu không trả lời phần này." in visit.text
    typed = {name: visit.page.xpath(f"//input[@name='requester.{name}']/@value") for name in CLAIMED}
    assert typed == {name: [value] for name, value in CLAIMED.items()}, "the confirmed claim is typed already"


async def test_a_corrected_claim_replaces_in_the_form_what_the_former_one_typed(visit: Visit) -> None:
    await start(visit, "dang-ky-thuong-tru")
    await visit.send("/xac-thuc/requester")
    for name in ("Lê Thị Dung", "Lê Thị Dũng"):
        await visit.press(
            "Tự khai, không hỏi cơ sở dữ liệu",
            {"number": "001192000124", "full_name": name, "born": "08/03/1992"},
        )
        assert visit.page.xpath("//input[@name='household_head.full_name']/@value") == [name]
        await visit.press("Xác thực người này")


async def test_not_confirmed_gives_no_hint_which_part_differs(visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester", {"full_name": "Nguyễn Văn Ân Sai"})
    wrong_name = visit.page.xpath("//*[@class='verdict bad']")[0].text_content()
    await visit.send("/xac-thuc/requester", {"full_name": "Nguyễn Văn An", "born": "01/02/1991"})
    wrong_date = visit.page.xpath("//*[@class='verdict bad']")[0].text_content()
    cut = slice(0, wrong_name.index("Lúc"))
    assert wrong_name[cut] == wrong_date[cut]
    assert "Hệ thống không cho biết phần nào chưa khớp" in wrong_name


async def test_a_spent_budget_says_when_to_try_again(visit: Visit) -> None:
    await visit.sign_in()
    await arm(visit, "budget")
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    assert "enquiry_budget_spent" in visit.text
    assert "thử lại sau" in visit.text


async def test_a_suspended_account_is_the_operators_affair_and_the_form_still_works(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await start(visit, "ho-chieu")
    portal = portal_app.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app
    await change_state(scene.gateway.deps, portal.settings.client_id, AccountState.SUSPENDED)
    await visit.send("/xac-thuc/requester")
    assert "account_suspended" in visit.text
    await visit.press("Tự khai, không hỏi cơ sở dữ liệu")
    assert visit.page.xpath("//input[@name='requester.full_name']/@value") == ["Nguyễn Văn An"]


async def test_one_click_asks_with_a_suspended_account_in_this_browser_alone_and_a_second_ends_it(
    visit: Visit, portal_app: RunningPortal
) -> None:
    path = await start(visit, "ho-chieu")
    await arm(visit, "suspended")
    assert visit.page.xpath("//button[contains(@class, 'armed')]/@value") == ["suspended"]
    await visit.open(path)
    await visit.send("/xac-thuc/requester")
    assert "Kết nối của cổng dịch vụ đang bị tạm dừng" in visit.text
    assert "account_suspended" in visit.text
    async with open_visit(portal_app) as neighbour:
        await start(neighbour, "ho-chieu", "le-thi-dung")
        await neighbour.send("/xac-thuc/requester")
        assert "Đã xác thực" in neighbour.text
    await arm(visit, "suspended")
    assert visit.page.xpath("//button[contains(@class, 'armed')]") == []
    await visit.open(path)
    await visit.send("/xac-thuc/requester")
    assert "Đã xác thực" in visit.text


async def test_the_qa_page_says_what_is_armed_until_it_is_cleared(visit: Visit) -> None:
    await arm(visit, "suspended")
    await arm(visit, "half")
    await visit.open("/_test")
    assert visit.page.xpath("//button[contains(@class, 'armed')]/@value") == ["half", "suspended"]
    await arm(visit, "clear")
    assert visit.page.xpath("//button[contains(@class, 'armed')]") == []


async def test_the_qa_page_names_no_fault_that_is_used_up(scene: Scene, visit: Visit) -> None:
    await scene.fault("garbled", times=1)
    await visit.open("/_test")
    assert visit.page.xpath("//button[contains(@class, 'armed')]/@value") == ["garbled"]
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await visit.open("/_test")
    assert visit.page.xpath("//button[contains(@class, 'armed')]") == []


async def test_one_click_lets_a_receipt_expire_in_mid_form_and_the_next_press_asks_nothing(
    scene: Scene, visit: Visit
) -> None:
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    asked = len(await scene.journal())
    await arm(visit, "expired")
    await visit.open(path)
    await visit.send("/to-khai", {}, button="act=review")
    assert visit.status == 409
    assert "Lần xác thực đã hết hạn trong khi quý vị điền" in visit.text
    await visit.press("Xác thực lại")
    assert "Đã xác thực" in visit.text
    assert "không hỏi lại" in visit.text
    assert sum(each["operation"] == "XacThucThongTinCongDan" for each in (await scene.journal())[asked:]) == 0


async def test_an_expired_receipt_ends_though_the_gateway_gives_no_answer(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    scene.clock.advance(1_900)
    portal = portal_app.app._app.state.portal  # type: ignore[attr-defined]  # the policy's inner app
    await change_state(scene.gateway.deps, portal.settings.client_id, AccountState.SUSPENDED)
    await visit.send("/to-khai", {}, button="act=review")
    assert visit.status == 409
    assert "verification_expired" in visit.text


async def test_a_receipt_that_expires_in_mid_form_keeps_what_was_typed(scene: Scene, visit: Visit) -> None:
    await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    name = next(
        n for n in visit.page.xpath("//form[@data-validate]//input/@name") if n.startswith("requester.")
    )
    scene.clock.advance(1_900)
    await visit.send("/to-khai", {name: "đã gõ trước khi hết hạn"}, button="act=review")
    assert visit.status == 409
    assert "Lần xác thực đã hết hạn trong khi quý vị điền" in visit.text
    await visit.press("Xác thực lại")
    assert visit.page.xpath(f"//input[@name='{name}']/@value") == ["đã gõ trước khi hết hạn"]


async def test_a_verification_that_is_revoked_in_mid_form_is_asked_again(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    await visit.send("/xac-thuc/requester")
    await arm(visit, "revoked")
    await visit.open(path)
    await visit.send("/to-khai", {}, button="act=review")
    assert "Lần xác thực đã được thu hồi" in visit.text


async def test_too_many_verifications_of_one_visitor_wait_and_keep_the_claim(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, verification_rate=1) as app, open_visit(app) as visit:
        await start(visit, "ho-chieu")
        await visit.send("/xac-thuc/requester", {"full_name": "Sai Tên Rồi"})
        await visit.send("/xac-thuc/requester", {"full_name": "Nguyễn Văn An"})
        assert visit.status == 429
        assert int(visit.headers["retry-after"]) >= 1
        assert visit.page.xpath("//input[@id='requester-name']/@value") == ["Nguyễn Văn An"]


async def test_a_claim_that_was_not_asked_is_never_shown_as_the_one_that_agreed(
    scene: Scene, tmp_path: Path
) -> None:
    """A second tab still has the form of a person whom the first one has verified."""
    async with open_portal(scene, tmp_path, verification_rate=1) as app, open_visit(app) as visit:
        path = await start(visit, "ho-chieu")
        token = {"csrf": visit.page.xpath("//input[@name='csrf']/@value")[0]}
        await visit.send("/xac-thuc/requester")
        assert "Đã xác thực" in visit.text
        sent = token | {"full_name": "Một Người Khác", "born": "1960"}
        answer = await visit.http.post(f"{PORTAL}{path}/xac-thuc/requester", data=sent)
        assert answer.status_code == 429
        await visit.open(path)
        assert "Đã xác thực" in visit.text
        assert "Một Người Khác" not in visit.text


async def test_a_button_pressed_twice_asks_once_and_the_first_press_keeps_its_outcome(
    scene: Scene, visit: Visit
) -> None:
    """Without a script a browser sends both; the second one's refusal was stored over the first one's verification."""
    path = await start(visit, "ho-chieu")
    (form,) = [each for each in visit.page.forms if "/xac-thuc/" in each.get("action")]
    fields = dict(form.form_values())
    await scene.control.post("/runs/default/faults", json={"kind": "latency", "delay_ms": 300})
    pressed = [visit.http.post(f"{PORTAL}{path}/xac-thuc/requester", data=fields) for _ in range(2)]
    answers = await asyncio.gather(*pressed)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    await visit.open(path)
    assert "Đã xác thực" in visit.text
    assert [each["operation"] for each in await scene.journal()].count("XacThucThongTinCongDan") == 1


async def test_a_claim_that_was_corrected_on_an_older_page_is_asked(visit: Visit) -> None:
    """A browser that goes back sends the button's former key; the gateway refuses it for another claim."""
    path = await start(visit, "ho-chieu")
    (form,) = [each for each in visit.page.forms if "/xac-thuc/" in each.get("action")]
    fields = dict(form.form_values())
    for full_name in ("Nguyễn Văn Ân Sai", "Nguyễn Văn An"):
        await visit.http.post(f"{PORTAL}{path}/xac-thuc/requester", data=fields | {"full_name": full_name})
    await visit.open(path)
    assert "idempotency_conflict" not in visit.text
    assert "Đã xác thực" in visit.text


async def test_pages_are_read_while_another_program_holds_the_store_for_writing(
    visit: Visit, tmp_path: Path
) -> None:
    path = await start(visit, "ho-chieu")
    with closing(sqlite3.connect(tmp_path / "portal.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with asyncio.timeout(2):  # the portal waits 5 s for a lock
            assert (await visit.open(path)).status == 200


async def test_a_store_that_fails_is_said_with_a_time_to_come_again_and_signs_nobody_out(
    visit: Visit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = await start(visit, "ho-chieu")
    with closing(sqlite3.connect(tmp_path / "portal.db")) as store:
        store.execute("ALTER TABLE dossiers RENAME TO away")
        failed = await visit.open(path)
        assert (failed.status, failed.headers["retry-after"]) == (503, "5")
        assert "the store failed: no such table: dossiers" in caplog.text
        assert "Traceback" not in caplog.text
        store.execute("ALTER TABLE away RENAME TO dossiers")
    assert (await visit.open(path)).status == 200
