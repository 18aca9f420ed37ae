"""`/`, `/docs`, `/openapi.json` and `/problems/`: what a person reads, with assets of our own."""

import json

import pytest
from jsonschema_rs import Draft202012Validator
from lxml import html

from gateway.edge.problems import PROBLEMS
from gateway.identifiers import Profile
from gateway.settings import ProfileSettings
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.operators import Desk
from tests.kit.scene import Scene, open_scene, settings_for


async def test_the_docs_page_lists_every_call_and_problem(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()

    page = await scene.http.get("/docs")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert all(path in page.text for path in document["paths"])
    assert all(kind.code in page.text for kind in PROBLEMS)


async def test_the_docs_page_loads_nothing_from_elsewhere(scene: Scene) -> None:
    page = html.fromstring((await scene.http.get("/docs")).content)

    assert not page.xpath("//script | //style | //iframe | //@style | //@srcset")
    assert page.xpath("//@src | //@href | //@action | //@data")
    for address in page.xpath("//@src | //@href | //@action | //@data"):
        assert address.startswith(("/", "#"))
        assert not address.startswith("//")


async def test_the_calls_are_grouped_by_reader_in_the_order_of_a_portals_work(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()
    page = html.fromstring((await scene.http.get("/docs")).content)
    assert page.xpath("//section/@aria-labelledby")[:3] == [tag["name"] for tag in document["tags"]]
    calls = page.xpath("//section[@aria-labelledby='portals']/details/@id")
    wanted = ["issue_token", "verify_citizen", "prefill_form", "file_discrepancy", "show_ledger"]
    assert [call for call in calls if call in wanted] == wanted


async def test_every_call_with_a_body_shows_an_example_of_it(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()
    page = html.fromstring((await scene.http.get("/docs")).content)
    for operations in document["paths"].values():
        for operation in operations.values():
            examples = page.xpath(f"//details[@id='{operation['operationId']}']/pre")
            assert len(examples) == ("requestBody" in operation), operation["operationId"]
    verify = page.xpath("string(//details[@id='verify_citizen']/pre)")
    assert json.loads(verify)["claim"]["citizen_id"] == "001090000123"


async def test_every_call_shows_its_parameters_and_a_section_shows_once_those_of_several_calls(
    scene: Scene,
) -> None:
    document = (await scene.http.get("/openapi.json")).json()
    page = html.fromstring((await scene.http.get("/docs")).content)
    for operation in (each for found in document["paths"].values() for each in found.values()):
        shown = page.xpath(f"//details[@id='{operation['operationId']}']")[0]
        listed = shown.xpath("(. | ..)/ul[@class='parameters']/li/code[1]/text()")
        assert {each["name"] for each in operation["parameters"]} <= set(listed), operation["operationId"]
        assert len(listed) == len(set(listed))
    told = [" ".join(each.text_content().split()) for each in page.xpath("//ul[@class='parameters']/li")]
    assert "row query · bắt buộc compulsory: Counted from 1." in told
    assert "lang query · vi | en · mặc định default vi: The page's language." in told
    assert page.xpath("count(//code[. = 'X-Request-Id'])") == 2


async def test_what_is_code_in_a_description_is_marked_and_not_in_backticks(scene: Scene) -> None:
    text = (await scene.http.get("/docs")).text
    assert "`" not in text
    assert "<code>not_confirmed</code>" in text


async def test_an_example_of_a_form_is_encoded_as_a_program_sends_it(scene: Scene) -> None:
    page = html.fromstring((await scene.http.get("/docs")).content)
    form = page.xpath("string(//details[@id='issue_token']/pre)")
    assert form == "grant_type=client_credentials&scope=verify+prefill"


async def test_every_success_and_body_has_an_example_that_its_schema_accepts(scene: Scene) -> None:
    document = (await scene.http.get("/openapi.json")).json()
    for operation in (each for found in document["paths"].values() for each in found.values()):
        bodies = [("body", operation.get("requestBody", {})), *operation["responses"].items()]
        for name, body in bodies:
            for shown in body.get("content", {}).values() if name[0] in "2b" else ():
                schema = {**shown["schema"], "components": {"schemas": document["components"]["schemas"]}}
                found = [
                    error.message for error in Draft202012Validator(schema).iter_errors(shown["example"])
                ]
                assert found == [], (operation["operationId"], name)


async def test_every_call_shows_what_it_answers(scene: Scene) -> None:
    page = html.fromstring((await scene.http.get("/docs")).content)
    verify = page.xpath("string(//details[@id='verify_citizen']//li[starts-with(., '201')]/pre)")
    assert json.loads(verify)["verdict"] == "confirmed"
    checkpoint = page.xpath("string(//details[@id='get_checkpoint']//li[starts-with(., '200')]/pre)")
    assert "— " in checkpoint


async def test_the_index_of_problems_has_each_code_with_remedy_and_example(scene: Scene) -> None:
    page = html.fromstring((await scene.http.get("/problems/")).content)
    for kind, problem in PROBLEMS.items():
        shown = page.xpath(f"//details[@id='{kind.code}']")[0]
        text = " ".join(shown.text_content().split())
        assert problem.detail in text
        assert problem.detail_vi in text
        example = json.loads(shown.xpath("string(pre)"))
        assert (example["code"], example["status"]) == (kind.code, problem.status)


async def test_an_example_of_a_problem_has_the_members_of_a_real_answer(scene: Scene) -> None:
    real = (await scene.http.get("/nowhere")).json()
    page = html.fromstring((await scene.http.get("/problems/not_found")).content)
    example = json.loads(page.xpath("string(//pre)"))
    assert example == real | {"request_id": example["request_id"]}


async def test_the_root_says_what_this_is_and_links_what_a_newcomer_needs(scene: Scene) -> None:
    page = html.fromstring((await scene.http.get("/")).content)
    assert "Cổng xác thực với CSDLQG về dân cư" in page.xpath("string(//h1)")
    links = {str(link) for link in page.xpath("//main//a/@href")}
    wanted = {"/docs", "/openapi.json", "/problems/", "/livez", "/readyz", "/reports/", "/console/login"}
    wanted |= {f"/.well-known/oauth-authorization-server/{profile}" for profile in Profile}
    assert wanted <= links
    for link in links - {"/reports/"}:
        answer = await scene.http.get(link)
        assert answer.status_code == 200 or "/audit/" in link, link  # no checkpoint before the first rows
    assert (await scene.http.head("/")).status_code == 200


async def test_the_root_tells_an_open_a_suspended_and_an_unconfigured_profile_apart(
    scene: Scene, desk: Desk
) -> None:
    async def states() -> list[str]:
        page = html.fromstring((await scene.http.get("/")).content)
        return [
            " ".join(each.text_content().split()) for each in page.xpath("//td[contains(@class, 'state')]")
        ]

    assert await states() == ["mở open", "mở open"]
    answer = await desk.approver.call("POST", "/profiles/official/suspend", {"reason": "thử"})
    assert answer.status_code == 200, answer.text
    assert await states() == ["mở open", "tạm dừng suspended"]


async def test_the_root_names_a_profile_without_a_connection(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock).model_copy(update={"official": ProfileSettings()})
    async with open_scene(settings, mock, clock) as scene:
        assert "chưa cấu hình" in (await scene.http.get("/")).text


@pytest.mark.parametrize(
    ("accepted", "packed"), [("gzip, br", True), ("identity", False), ("gzip;q=0", False)]
)
async def test_the_document_is_compressed_for_whoever_takes_it(
    scene: Scene, accepted: str, packed: bool
) -> None:
    answer = await scene.http.get("/openapi.json", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.json()["openapi"].startswith("3.1")
    assert (int(answer.headers["content-length"]) < len(answer.content) / 5) is packed


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_the_document_declares_the_answer_to_a_caller_that_has_it(scene: Scene, path: str) -> None:
    again = await scene.http.get(path, headers={"If-None-Match": "*"})
    document = (await scene.http.get("/openapi.json")).json()
    assert again.status_code == 304
    assert str(again.status_code) in document["paths"][path]["get"]["responses"]


async def test_a_caller_with_the_documents_etag_gets_304_and_no_body(scene: Scene) -> None:
    plain = await scene.http.get("/openapi.json", headers={"Accept-Encoding": "identity"})
    packed = await scene.http.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert plain.headers["etag"] != packed.headers["etag"]
    for tag in (plain.headers["etag"], packed.headers["etag"], f"W/{plain.headers['etag']}", '"x", *'):
        again = await scene.http.get("/openapi.json", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert (await scene.http.get("/openapi.json", headers={"If-None-Match": '"x"'})).status_code == 200
