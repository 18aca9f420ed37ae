"""The WSDL and the schemas that the registry face serves: at every path, and in the forms of the answers."""

from typing import Any

import httpx
import pytest
from lxml import etree

from mock_c06.operations import Operation
from tests.mock_c06.callers import CODES, SoapPortal, sign

BASE = "http://registry.test"
RESPONSE = "c06-response.xsd"
ADDRESS = "{http://schemas.xmlsoap.org/wsdl/soap/}address"
PATHS = ["", "/soap", "/token", *(f"/{each}" for each in Operation), *(f"/lgsp/{e.camel}" for e in Operation)]
SHOWN = (
    *("exists_verdict", "structured_relatives", "hyphen_dates"),
    *("unpadded_codes", "bare_collection", "wrapped_members"),
)


async def schema_of(door: httpx.AsyncClient, path: str = "/soap", **sent: Any) -> etree.XMLSchema:
    answer = await door.get(f"{BASE}{path}?xsd={RESPONSE}", **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    return etree.XMLSchema(etree.fromstring(answer.content))


async def misfits(portal: SoapPortal, schema: etree.XMLSchema) -> list[str]:
    """Give the operations whose answer does not fit the schema."""
    found = []
    for operation in CODES:
        body = etree.fromstring((await portal.ask(operation)).content).find("{*}Body")
        assert body is not None
        if not schema.validate(body[0]):
            found.append(operation)
    return found


@pytest.mark.parametrize("run", ["", "/r/mine"])
@pytest.mark.parametrize("path", PATHS)
async def test_the_wsdl_is_served_at_every_path_and_leads_to_soap_of_the_run(
    test_door: httpx.AsyncClient, control: httpx.AsyncClient, path: str, run: str
) -> None:
    await control.post("/runs", json={"name": "mine"})
    answer = await test_door.get(f"{BASE}{run}{path}?WSDL")
    address = etree.fromstring(answer.content).find(f".//{ADDRESS}")
    assert address is not None
    assert address.get("location") == f"{BASE}{run}/soap"


@pytest.mark.parametrize("path", ["/r/nobody/soap?wsdl", "/elsewhere?wsdl", "/r/?wsdl", "/soap?xsd=passwd"])
async def test_no_description_is_served_where_there_is_no_registry(
    test_door: httpx.AsyncClient, path: str
) -> None:
    assert (await test_door.get(BASE + path)).status_code == 404


@pytest.mark.parametrize("path", ["/", "/?wsdl", "/soap?wsdl", "/soap?xsd"])
async def test_head_is_answered_where_a_description_is(test_door: httpx.AsyncClient, path: str) -> None:
    head, got = await test_door.head(BASE + path), await test_door.get(BASE + path)
    assert (head.status_code, head.headers["content-length"]) == (200, got.headers["content-length"])


async def test_the_root_says_what_this_is_and_where_to_look(test_door: httpx.AsyncClient) -> None:
    answer = await test_door.get(f"{BASE}/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.text.startswith("mock-c06: TEST DATA ONLY. The test environment of a mock ")
    assert "GET /soap?wsdl" in answer.text
    assert (await test_door.post(f"{BASE}/")).status_code == 404


@pytest.mark.parametrize("switch", [None, *SHOWN])
async def test_every_answer_fits_the_schema_that_the_run_serves(
    test_door: httpx.AsyncClient, portal: SoapPortal, control: httpx.AsyncClient, switch: str | None
) -> None:
    await control.put("/runs/default/switches", json={switch: True} if switch else {})
    assert await misfits(portal, await schema_of(test_door)) == []


@pytest.mark.parametrize("switch", sorted(set(SHOWN) - {"exists_verdict"}))
async def test_an_answer_in_another_form_does_not_fit_the_usual_schema(
    test_door: httpx.AsyncClient, portal: SoapPortal, control: httpx.AsyncClient, switch: str
) -> None:
    usual = await schema_of(test_door)
    await control.put("/runs/default/switches", json={switch: True})
    assert await misfits(portal, usual) != []


async def test_the_wsdl_names_the_verdict_that_the_run_answers(
    test_door: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    names = []
    for value in (False, True):
        await control.put("/runs/default/switches", json={"exists_verdict": value})
        wsdl = etree.fromstring((await test_door.get(f"{BASE}/soap?wsdl")).content)
        part = wsdl.find("{*}message[@name='Verdict']/{*}part")
        assert part is not None
        names.append(part.get("element"))
    assert names == ["d:XacThucThongTinCongDanResponse", "d:KetQuaXacThuc"]


async def test_a_caller_with_a_login_is_served_the_forms_of_its_account(
    test_door: httpx.AsyncClient, portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    own = {"name": "parts", "switches": {"structured_relatives": True}}
    portal.account = (await control.post("/accounts", json=own)).json()
    login = {"Authorization": sign(portal.account, f"{BASE}/soap", "0")}
    assert await misfits(portal, await schema_of(test_door, headers=login)) == []
    assert await misfits(portal, await schema_of(test_door)) != []


async def test_the_entry_schema_imports_the_two_others_from_the_same_path(
    test_door: httpx.AsyncClient,
) -> None:
    entry = etree.fromstring((await test_door.get(f"{BASE}/soap?xsd")).content)
    locations = [each.get("schemaLocation") for each in entry.iterfind("{*}import")]
    assert locations == ["?xsd=c06-request.xsd", f"?xsd={RESPONSE}"]
