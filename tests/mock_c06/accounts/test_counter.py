"""The counter: bundles received and proven, an officer's decisions within five working days, and an account's life after.

A bundle as an applicant would make it, by the shape in openapi/ alone: nothing of the gateway.
"""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from joserfc import jwe, jws
from joserfc.jwe import JWERegistry
from joserfc.jwk import ECKey
from openapi_schema_validator import OAS31Validator

from mock_c06.app import MockRegistry
from mock_c06.faces.wsdl import CONTRACTS
from tests.kit.clocks import StillClock
from tests.mock_c06.callers import PlatformClient, SoapPortal
from tests.mock_c06.contract.test_lgsp_json import BODIES

SIGNING = ECKey.generate_key("P-256", {"kid": "sign-1", "use": "sig", "alg": "ES256"})
SEALING = ECKey.generate_key("P-256", {"kid": "seal-1", "use": "enc", "alg": "ECDH-ES"})

DOCUMENT: dict[str, Any] = {
    "format": "official-application/1",
    "draft": False,
    "made_at": "2026-11-24T01:00:00Z",
    "agency": {"id": "000.00.01.H05", "name": "UBND tỉnh Bắc Ninh"},
    "application": {"id": "DVC-BN", "name": "Cổng dịch vụ công", "issuer": "https://gw.example/official"},
    "environment": "official",
    "dialect": "soap",
    "security_level": 3,
    "contact": {"unit": "Trung tâm CNTT", "email": "ketnoi@bn.example", "phone": "0222 300 000"},
    "rate": {"per_second": 5, "per_day": 1000},
    "retention": "không lưu",
    "deletion": "xóa ngay",
    "procedures": [
        {
            "slug": "khai-sinh",
            "name_vi": "Đăng ký khai sinh",
            "service_code": "G15-TP110",
            "code": "1.001193",
            "purpose": "Điền sẵn tờ khai",
            "legal_basis": ["Luật Hộ tịch Điều 14"],
            "roles": [{"role": "requester", "fields": ["full_name", "gender"], "sensitive_fields": []}],
        }
    ],
    "operations": [
        {"code": "003", "operation": "XacThucThongTinCongDan", "name_vi": "Xác thực"},
        {"code": "037", "operation": "TraCuuThongTinCongDan", "name_vi": "Tra cứu"},
    ],
    "officers": {"count": 1, "pseudonyms": ["a" * 40]},
    "evidence": {
        "scenarios": {"verification_confirmed": 3},
        "audit": {"verified": True, "rows": 12, "hash": "b" * 64},
        "fence": {"official_questions": 0},
        "preflight": {
            "run": True,
            "passed": True,
            "checks": [{"name": "login", "passed": True, "detail": "ok"}],
        },
        "parity": {"confirmed": ["soap-1.1"], "refuted": []},
    },
    "keys": {"signing": SIGNING.as_dict(private=False), "sealing": SEALING.as_dict(private=False)},
}


def make_bundle(
    *, key: ECKey = SIGNING, typ: str = "official-application+jws", **changes: Any
) -> dict[str, Any]:
    """Sign the document with these members in place of its own."""
    document = DOCUMENT | changes
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    header = {"alg": "ES256", "typ": typ, "kid": SIGNING.kid}
    signed = jws.serialize_compact(header, text.encode(), key, algorithms=["ES256"])
    return {"document": document, "signature": jws.detach_content(signed)}


WHY = [{"field": "purpose", "reason": "chưa rõ mục đích"}]
SCHEMA = json.loads((CONTRACTS / "official-application.schema.json").read_text(encoding="utf-8"))


async def send(control: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await control.post("/desk/applications", json=make_bundle(**changes))
    assert answer.status_code == 201, answer.text
    case: dict[str, Any] = answer.json()
    return case


async def decide(control: httpx.AsyncClient, case: str, decision: str, **members: Any) -> httpx.Response:
    return await control.post(f"/desk/applications/{case}/decision", json={"decision": decision, **members})


def opened(issued: dict[str, Any], key: ECKey = SEALING) -> dict[str, Any]:
    rules = JWERegistry(algorithms=["ECDH-ES", "A256GCM"], strict_check_header=False)
    content: dict[str, Any] = json.loads(
        jwe.decrypt_compact(issued["sealed"], key, registry=rules).plaintext or b""
    )
    return content


async def test_a_bundle_waits_for_an_officer_and_is_named_by_its_hash(control: httpx.AsyncClient) -> None:
    bundle = make_bundle()
    case, again = [(await control.post("/desk/applications", json=bundle)).json() for _ in range(2)]
    assert (case["state"], case["findings"], case["account"], case["issued"]) == ("received", [], None, None)
    assert case["thumbprint"] == SIGNING.thumbprint()
    assert again == case  # the same bytes are the same application
    assert (await send(control, retention="một năm"))["id"] != case["id"]
    listed = (await control.get("/desk/applications")).json()
    assert [each["id"] for each in listed] == ["app-1", "app-2"]


@pytest.mark.parametrize(
    ("bundle", "field"),
    [
        (make_bundle() | {"document": DOCUMENT | {"security_level": 4}}, "signature"),
        (make_bundle(key=ECKey.generate_key("P-256")), "signature"),
        (make_bundle(typ="receipt+jwt"), "signature"),
        (make_bundle() | {"signature": "eyJhbGciOiJub25lIn0..AAAA"}, "signature"),
        (
            make_bundle(keys=DOCUMENT["keys"] | {"signing": DOCUMENT["keys"]["signing"] | {"x": "A" * 43}}),
            "document.keys.signing",
        ),
        (
            make_bundle(keys=DOCUMENT["keys"] | {"sealing": SEALING.as_dict(private=True)}),
            "document.keys.sealing.d",
        ),
    ],
)
async def test_a_bundle_that_does_not_hold_is_refused_by_what_is_wrong(
    control: httpx.AsyncClient, bundle: dict[str, Any], field: str
) -> None:
    answer = await control.post("/desk/applications", json=bundle)
    assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (422, [field])
    assert (await control.get("/desk/applications")).json() == []


def bent() -> Iterator[dict[str, Any]]:
    """Yield the document with each of its objects' members left out once, turned into a list, and joined by another."""
    for path in paths(DOCUMENT):
        for change in ("drop", "turn", "add"):
            bundle = copy.deepcopy(DOCUMENT)
            at: Any = bundle
            for step in path[:-1]:
                at = at[step]
            if change == "drop":
                del at[path[-1]]
            elif change == "turn":
                at[path[-1]] = [] if not isinstance(at[path[-1]], list) else {}
            else:
                at["extra"] = 1
            yield bundle


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*before, name)
            yield from paths(inner, (*before, name))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from paths(inner, (*before, position))


async def test_the_desk_takes_exactly_what_the_schema_describes(control: httpx.AsyncClient) -> None:
    schema = OAS31Validator(SCHEMA)
    assert schema.is_valid(make_bundle())
    seen = {True: 0, False: 0}
    for document in bent():
        valid = schema.is_valid(make_bundle() | {"document": document})
        bundle = make_bundle(**document)
        bundle["document"] = document
        answer = await control.post("/desk/applications", json=bundle)
        errors = [each["field"] for each in answer.json().get("errors", [])]
        taken = answer.status_code == 201 or errors == ["signature"]  # its shape was taken
        assert taken == valid, document
        seen[valid] += 1
    assert seen[False] > 100
    assert seen[True] > 0


async def test_issue_seals_the_account_to_the_applicants_key(control: httpx.AsyncClient) -> None:
    case = await send(control)
    decided = (await decide(control, case["id"], "issue", name="bn-that", expires_on="2099-06-30")).json()
    assert (decided["state"], decided["account"]) == ("granted", "bn-that")
    issued = (await control.get(f"/desk/applications/{case['id']}/issued")).json()
    assert issued == decided["issued"]
    account = (await control.get("/accounts/bn-that")).json()
    assert account["secret"] not in json.dumps(decided)
    inside = opened(issued)
    assert inside["application"] == issued["application"] == case["sha256"]
    connection = inside["connection"]
    assert (connection["c06_user"], connection["c06_secret"]) == (account["user"], account["secret"])
    assert (connection["expires_on"], connection["officer"]) == ("2099-06-30", "dvctt.dichvu")
    assert connection["service_codes"] == {"khai-sinh": "G15-TP110"}
    assert (account["fields"], account["environment"], account["rate_per_second"]) == (
        ["full_name", "gender"],
        "official",
        5,
    )


async def test_an_issued_account_of_a_platform_brings_every_layer(control: httpx.AsyncClient) -> None:
    case = await send(control, dialect="lgsp-camel")
    connection = opened((await decide(control, case["id"], "issue")).json()["issued"])["connection"]
    assert {"ngsp_key", "ngsp_secret", "adapter", "c06_secret"} <= set(connection)


async def test_a_granted_account_becomes_active_at_its_first_login(
    mock: MockRegistry, control: httpx.AsyncClient, clock: StillClock
) -> None:
    case = (await send(control))["id"]
    await decide(control, case, "issue", name="bn-that")
    account = (await control.get("/accounts/bn-that")).json()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.official)) as http:
        states = [await state(control, case)]
        wrong = SoapPortal(http, account | {"secret": "wrong"}, clock)
        assert (await wrong.verdict(MaDonVi="000.00.01.H05")).status_code == 401
        states.append(await state(control, case))
        portal = SoapPortal(http, account, clock)
        assert (await portal.verdict(MaDonVi="000.00.01.H05")).status_code == 200
        states.append(await state(control, case))
        for status in ("suspended", "active", "revoked"):
            await control.patch("/accounts/bn-that", json={"status": status})
            states.append(await state(control, case))
        assert (await portal.verdict(MaDonVi="000.00.01.H05")).status_code == 403
    assert states == ["granted", "granted", "active", "suspended", "active", "revoked"]


async def test_a_platforms_first_token_makes_a_granted_account_active(
    mock: MockRegistry, control: httpx.AsyncClient
) -> None:
    case = (await send(control, dialect="lgsp-camel"))["id"]
    name = (await decide(control, case, "issue")).json()["account"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(mock.official)) as http:
        client = PlatformClient(http, (await control.get(f"/accounts/{name}")).json())
        await client.log_in()
        asked = await client.ask("XacThucThongTinCongDan", BODIES["camel"])
    assert (await state(control, case), asked.status_code) == ("active", 200)


async def state(control: httpx.AsyncClient, case: str) -> str:
    return str((await control.get(f"/desk/applications/{case}")).json()["state"])


async def test_refusing_and_asking_need_a_reason_and_end_the_waiting(control: httpx.AsyncClient) -> None:
    first, second = (await send(control))["id"], (await send(control, retention="một năm"))["id"]
    assert (await decide(control, first, "refuse")).json()["errors"][0]["field"] == "reasons"
    refused = (await decide(control, first, "refuse", reasons=WHY)).json()
    asked = (await decide(control, second, "ask_more", reasons=WHY)).json()
    assert (refused["state"], refused["reasons"], asked["state"]) == ("refused", WHY, "asked")
    for case, told in ((first, "it is refused"), (second, "it is asked")):
        assert (await decide(control, case, "issue")).status_code == 409
        issued = await control.get(f"/desk/applications/{case}/issued")
        assert (issued.status_code, issued.json()["errors"][0]["detail"]) == (404, told)
    answer = await control.post(f"/desk/applications/{first}/answer", json=make_bundle())
    assert answer.json()["errors"][0]["detail"] == "the desk asked nothing: it is refused"
    other = make_bundle(agency={"id": "000.00.01.H26", "name": "UBND thành phố Hà Nội"})
    answer = await control.post(f"/desk/applications/{second}/answer", json=other)
    assert answer.json()["errors"][0]["field"] == "agency"
    back = await control.post(f"/desk/applications/{second}/answer", json=make_bundle(retention="hai năm"))
    assert back.json()["state"] == "received"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"draft": True}, "draft"),
        ({"security_level": 2}, "security_level"),
        ({"officers": {"count": 0, "pseudonyms": []}}, "officers"),
        ({"rate": {"per_second": 0, "per_day": 0}}, "frequency"),
        ({"procedures": []}, "purpose"),
        (
            {"evidence": DOCUMENT["evidence"] | {"scenarios": {"verification_reused": 0}}},
            "evidence.scenarios.verification_reused",
        ),
        (
            {"evidence": DOCUMENT["evidence"] | {"audit": {"verified": False, "rows": 1, "hash": "b" * 64}}},
            "evidence.audit",
        ),
        (
            {"evidence": DOCUMENT["evidence"] | {"preflight": {"run": False, "passed": False, "checks": []}}},
            "evidence.preflight",
        ),
    ],
)
async def test_what_the_desk_finds_wanting_is_told_and_not_issued(
    control: httpx.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    case = await send(control, **changes)
    assert field in [finding["field"] for finding in case["findings"]]
    answer = await decide(control, case["id"], "issue")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, case["findings"][0]["field"])


@pytest.mark.parametrize(
    ("received", "due_by"),
    [
        ("2026-11-24T01:00:00Z", "2026-12-01"),  # a Tuesday
        ("2026-11-27T10:00:00Z", "2026-12-04"),  # a Friday
        ("2026-11-27T18:00:00Z", "2026-12-04"),  # Friday in UTC, Saturday in Vietnam
        ("2026-11-28T03:00:00Z", "2026-12-04"),  # a Saturday
        ("2026-11-29T18:00:00Z", "2026-12-07"),  # Monday in Vietnam
    ],
)
async def test_the_answer_is_due_by_working_days_of_the_mocks_clock(
    control: httpx.AsyncClient, received: str, due_by: str
) -> None:
    await control.post("/runs/default/clock", json={"freeze": received})
    assert (await send(control))["due_by"] == due_by


async def test_an_application_that_waits_too_long_shows_as_overdue(control: httpx.AsyncClient) -> None:
    await control.post("/runs/default/clock", json={"freeze": "2026-11-24T01:00:00Z"})
    late, early = (await send(control))["id"], (await send(control, retention="một năm"))["id"]
    await decide(control, early, "refuse", reasons=WHY)

    async def overdue() -> list[bool]:
        return [each["overdue"] for each in (await control.get("/desk/applications")).json()]

    await control.post("/runs/default/clock", json={"freeze": "2026-12-01T16:00:00Z"})
    assert await overdue() == [False, False]  # still the first of December in Vietnam
    await control.post("/runs/default/clock", json={"freeze": "2026-12-01T17:00:00Z"})
    assert await overdue() == [True, False]
    issued = (await decide(control, late, "issue")).json()
    assert (issued["overdue"], issued["issued"]["issued_at"][:13]) == (True, "2026-12-01T17")


async def test_a_name_that_is_taken_is_not_issued_again(control: httpx.AsyncClient) -> None:
    case = (await send(control))["id"]
    answer = await decide(control, case, "issue", name="dvctt-hanoi-official")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "name")
    assert datetime.fromisoformat((await decide(control, case, "issue")).json()["decided_at"]).tzinfo is UTC
