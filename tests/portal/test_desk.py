"""The officer's desk: the same way for a citizen at the counter, in the officer's name."""

from gateway.accounts.use_cases import disable_officers, get_account
from gateway.identifiers import Profile
from tests.kit.portal import RunningPortal, Visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import CHILD, WIFE, born_of, start


async def test_an_officer_opens_a_dossier_and_the_enquiry_is_in_their_name(
    scene: Scene, visit: Visit
) -> None:
    await visit.open("/can-bo")
    assert visit.status == 401
    await visit.sign_in("officer:can.bo.01", back="/can-bo")
    assert "Bộ phận một cửa" in visit.text
    await visit.open("/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    citizen = {"number": "001090000123", "full_name": "Nguyễn Văn An", "born": "31/01/1990"}
    await visit.send("/xac-thuc/requester", citizen)
    assert "Đã xác thực" in visit.text
    assert "lập tại quầy bởi can.bo.01" in visit.text
    rows = [row for row in await scene.audit() if row["kind"] == "answered"]
    assert {row["initiated_by"] for row in rows} == {"officer"}


async def test_at_the_desk_the_citizen_agrees_and_not_the_officer(visit: Visit) -> None:
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/khai-tu")
    await visit.press("Bắt đầu")
    assert "Công dân tại quầy đã được cho biết và đồng ý" in visit.text
    assert "Tôi " not in visit.text
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    assert "Công dân tại quầy có trách nhiệm đi khai tử cho người này" in visit.text
    assert "Tôi " not in visit.text


async def test_the_review_at_the_desk_says_that_the_citizen_is_responsible(
    scene: Scene, visit: Visit
) -> None:
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/khai-sinh")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    await visit.send(
        "/xac-thuc/requester", {"number": "001090000123", "full_name": "Nguyễn Văn An", "born": "31/01/1990"}
    )
    await visit.send("/xac-thuc/father", button="self=1")
    await visit.send("/xac-thuc/mother", WIFE | {"born": await born_of(scene, WIFE["number"])})
    await visit.send("/to-khai", CHILD, button="act=review")
    assert "Công dân tại quầy chịu trách nhiệm về những gì tự khai." in visit.text
    assert "Tôi " not in visit.text


async def test_an_officer_whom_the_account_does_not_name_is_refused(scene: Scene, visit: Visit) -> None:
    await visit.sign_in("officer:can.bo.02", back="/can-bo")
    assert visit.status == 403
    assert "không có can.bo.02" in visit.text
    await visit.open("/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    assert visit.status == 403
    assert await scene.journal() == []


async def remove_officer(scene: Scene, portal_app: RunningPortal) -> None:
    """Take can.bo.01 off the portal's account."""
    client_id = portal_app.app._app.state.portal.gateway.client_id  # type: ignore[attr-defined]  # the policy's inner app
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    await disable_officers(deps, place, await get_account(deps, client_id), ["can.bo.01"])


async def test_an_officer_who_lost_their_place_in_mid_dossier_asks_nothing_more(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    await remove_officer(scene, portal_app)
    citizen = {"number": "001090000123", "full_name": "Nguyễn Văn An", "born": "31/01/1990"}
    await visit.send("/xac-thuc/requester", citizen)
    assert visit.status == 403
    assert "Cán bộ này chưa được cấp quyền" in visit.text
    assert await scene.journal() == []


async def test_an_officer_who_lost_their_place_reads_no_stored_dossier(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    await visit.press("Đồng ý và tiếp tục", {"agreed": "1"})
    citizen = {"number": "001090000123", "full_name": "Nguyễn Văn An", "born": "31/01/1990"}
    await visit.send("/xac-thuc/requester", citizen)
    path = visit.url.path
    assert "Nguyễn Văn An" in visit.text
    await remove_officer(scene, portal_app)
    for page in (path, f"{path}/xem-lai", f"{path}/sai/requester/full_name", "/ho-so", "/can-bo"):
        await visit.open(page)
        assert visit.status == 403, page
        assert "Nguyễn Văn An" not in visit.text


async def test_a_citizen_has_no_desk_and_an_officer_no_citizens_dossier(visit: Visit) -> None:
    path = await start(visit, "ho-chieu")
    await visit.open("/can-bo")
    assert visit.status == 401
    await visit.press("Thoát")
    await visit.sign_in("officer:can.bo.01")
    await visit.open(path)
    assert visit.status == 404


async def test_the_desks_dossiers_are_not_found_by_the_same_person_as_a_citizen(
    scene: Scene, visit: Visit, portal_app: RunningPortal
) -> None:
    """A login may have one subject for a person, who signs in as an officer or as a citizen."""
    await visit.sign_in("officer:can.bo.01", back="/dich-vu/ho-chieu")
    await visit.press("Bắt đầu")
    dossier = visit.url.path
    store = portal_app.app._app.state.portal.store  # type: ignore[attr-defined]  # the policy's inner app
    session = await store.find_session(visit.http.cookies["visitor"], scene.clock.now())
    del session["officer_id"]
    secret = await store.open_session(session | {"citizen_id": "001090000123"}, scene.clock.now())
    visit.http.cookies.clear()
    visit.http.cookies.set("visitor", secret)

    assert dossier.startswith("/ho-so/")
    assert (await visit.open(dossier)).status == 404
    assert dossier not in [str(each) for each in (await visit.open("/ho-so")).page.xpath("//a/@href")]
