"""Threat 43: nobody takes the mock for the registry, and its control face is nobody else's."""

import re

import httpx
import pytest

from mock_c06.faults.kinds import KINDS
from tests.kit.programs import serving_mock
from tests.mock_c06.callers import SoapPortal

# These cut the connection, or wait for it to be cut.
WITHOUT_AN_ANSWER = {"hang", "reset"}


def says_test_data(answer: httpx.Response) -> bool:
    return answer.headers.get_list("x-test-data") == ["true"]


async def test_threat_43_every_kind_of_answer_of_the_registry_says_test_data(
    portal: SoapPortal, test_door: httpx.AsyncClient
) -> None:
    base = portal.base
    answers = [
        await portal.verdict(),
        await portal.record(),
        await portal.verdict(MaDVC="nothing"),
        await portal.send(b"no xml"),
        await test_door.get(f"{base}/"),
        await test_door.get(f"{base}/soap?wsdl"),
        await test_door.get(f"{base}/soap"),
        await test_door.post(f"{base}/nowhere"),
        await test_door.post(f"{base}/r/nobodys/soap"),
        await test_door.post(f"{base}/token"),
        await test_door.post(f"{base}/lgsp/traCuuThongTinCongDan"),
    ]
    assert {answer.status_code for answer in answers} == {200, 401, 404, 405, 500}
    assert [answer for answer in answers if not says_test_data(answer)] == []


@pytest.mark.parametrize("kind", sorted(set(KINDS) - WITHOUT_AN_ANSWER))
async def test_an_answer_that_a_fault_has_bent_says_test_data_too(
    portal: SoapPortal, control: httpx.AsyncClient, kind: str
) -> None:
    fault = {"kind": kind, "delay_ms": 0} | ({"operation": "token"} if kind == "token_expires_early" else {})
    assert (await control.post("/runs/default/faults", json=fault)).is_success
    assert says_test_data(await portal.record())


async def test_a_record_says_test_data_inside_and_the_header_stays_where_it_does_not(
    portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    assert 'GhiChu="DU LIEU THU NGHIEM"' in (await portal.record()).text
    flipped = await control.put("/runs/default/switches", json={"bare_collection": True})
    assert flipped.is_success
    bare = await portal.record()
    assert "GhiChu" not in bare.text
    assert says_test_data(bare)


async def test_every_answer_of_the_control_face_says_test_data(control: httpx.AsyncClient) -> None:
    answers = [
        await control.get("/personas"),
        await control.get("/openapi.json"),
        await control.get("/nowhere"),
        await control.get("/runs/nobodys/world"),
        await control.put("/personas"),
        await control.post("/runs", json={"name": "/"}),
        await control.get("/personas", headers={"Authorization": "Bearer another"}),
    ]
    assert {answer.status_code for answer in answers} >= {200, 401, 404, 405, 422}
    assert [answer for answer in answers if not says_test_data(answer)] == []


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer control-token", "Basic Y29udHJvbA==", "Bearer ữ"])
async def test_threat_43_no_route_of_the_control_face_opens_without_its_token(
    control: httpx.AsyncClient, sent: str
) -> None:
    routes = (await control.get("/openapi.json")).json()["paths"]
    asked = [
        (method, re.sub(r"\{\w+\}", "default", path))
        for path, methods in routes.items()
        for method in methods
        if path not in {"/livez", "/metrics"}  # a probe, and counts without an account or a person
    ]
    headers = {b"Authorization": sent.encode()}
    answers = [await control.request(method, path, headers=headers, json={}) for method, path in asked]
    assert {answer.status_code for answer in answers} == {401}
    assert len(answers) > 20


@pytest.mark.sockets
def test_threat_43_the_control_face_stays_on_loopback_when_the_registry_is_public() -> None:
    with serving_mock("--host", "0.0.0.0", "--allow-public") as running:
        assert httpx.URL(running.test).host == "0.0.0.0"
        assert httpx.URL(running.control).host == "127.0.0.1"
