"""The stand-in for the national login: code flow with PKCE, pairwise subjects, the picker; what it refuses."""

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from mock_c06.app import MockRegistry, build_login
from mock_c06.login.code_flow import CODE_SECONDS
from mock_c06.login.holders import list_holders, search_holders
from mock_c06.people.personas import load_personas
from tests.kit.clocks import HandClock

ISSUER = "http://127.0.0.1:8102"
BACK = "http://127.0.0.1:49152/dang-nhap/xong"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASKED = {
    "response_type": "code",
    "client_id": "dvctt-portal",
    "redirect_uri": BACK,
    "scope": "openid profile",
    "state": "state-of-this-browser",
    "nonce": "nonce-of-this-browser",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def login(mock: MockRegistry) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_login(mock, issuer=ISSUER))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield client


async def open_picker(login: httpx.AsyncClient, **changes: str) -> str:
    """Return the picker's request id."""
    page = await login.get("/authorize", params=ASKED | changes)
    found = re.search(r'name="request_id" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


async def pick(login: httpx.AsyncClient, person: str = "nguyen-van-an", **changes: str) -> dict[str, str]:
    """Sign in and return the members of the redirect."""
    answer = await login.post(
        "/authorize", data={"request_id": await open_picker(login, **changes), "person": person}
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def redeem(login: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": "dvctt-portal",
        "redirect_uri": BACK,
        "code": code,
        "code_verifier": VERIFIER,
    }
    return await login.post("/token", data=form | changes)


async def claims_of(login: httpx.AsyncClient, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await login.get("/jwks.json")).json())
    token = jwt.decode(id_token, keys, algorithms=["ES256"])
    assert token.header["alg"] == "ES256"
    return dict(token.claims)


async def test_the_metadata_names_the_issuer_and_only_s256(login: httpx.AsyncClient) -> None:
    metadata = (await login.get("/.well-known/openid-configuration")).json()
    assert metadata["issuer"] == ISSUER
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["subject_types_supported"] == ["pairwise"]


async def test_a_citizen_signs_in_and_the_number_is_only_in_the_token(login: httpx.AsyncClient) -> None:
    back = await pick(login)
    assert (back["state"], back["iss"]) == (ASKED["state"], ISSUER)
    assert "001090000123" not in str(back)
    answer = (await redeem(login, back["code"])).json()
    claims = await claims_of(login, answer["id_token"])
    assert claims["citizen_id"] == "001090000123"
    assert (claims["name"], claims["birth_date"]) == ("Nguyễn Văn An", "1990-01-31")
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, "dvctt-portal", ASKED["nonce"])
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    assert "001090000123" not in claims["sub"]
    info = await login.get("/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"})
    assert (info.json()["sub"], info.json()["citizen_id"]) == (claims["sub"], "001090000123")


async def test_an_officer_has_an_officer_id_and_no_number(login: httpx.AsyncClient) -> None:
    back = await pick(login, "officer:can.bo.01")
    claims = await claims_of(login, (await redeem(login, back["code"])).json()["id_token"])
    assert claims["officer_id"] == "can.bo.01"
    assert not {"citizen_id", "birth_date"} & claims.keys()


async def test_the_subject_is_the_same_each_time_and_another_for_each_person(
    login: httpx.AsyncClient,
) -> None:
    subjects = []
    for person in ("nguyen-van-an", "nguyen-van-an", "le-thi-dung"):
        code = (await pick(login, person))["code"]
        subjects.append((await claims_of(login, (await redeem(login, code)).json()["id_token"]))["sub"])
    assert subjects[0] == subjects[1] != subjects[2]


async def test_a_code_serves_once_even_with_a_wrong_verifier(login: httpx.AsyncClient) -> None:
    code = (await pick(login))["code"]
    wrong = await redeem(login, code, code_verifier="w" * 43)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
    again = await redeem(login, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_a_code_is_refused_after_its_minute(login: httpx.AsyncClient, clock: HandClock) -> None:
    code = (await pick(login))["code"]
    clock.advance(CODE_SECONDS + 1)
    assert (await redeem(login, code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "redirect",
    [
        "http://127.0.0.1.evil.example/dang-nhap/xong",
        "http://user@127.0.0.1/dang-nhap/xong",
        "https://evil.example/dang-nhap/xong",
        "http://127.0.0.1:49152/dang-nhap/../thoat",
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:49152/dang-nhap/xong#fragment",
        "http://127.0.0.1:99999/dang-nhap/xong",
        "http://127.0.0.1:8200\\@evil.example/dang-nhap/xong",
        "http://127.0.0.1:49152/dang-nhap/\\evil",
        "http://127.0.0.1:49152/dang-nhap/%2e%2e/evil",
        "http://127.0.0.1:\n49152/dang-nhap/xong",
        "http://127.0.0.1:49152/dang-nhap/xong;form-action *",
        'http://127.0.0.1:49152/dang-nhap/"',
        "",
    ],
)
async def test_threat_41_a_redirect_off_the_loopback_path_is_refused_on_a_page(
    login: httpx.AsyncClient, redirect: str
) -> None:
    answer = await login.get("/authorize", params=ASKED | {"redirect_uri": redirect})
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_the_root_says_in_two_languages_where_a_sign_in_begins(login: httpx.AsyncClient) -> None:
    answer = await login.get("/")
    assert answer.status_code == 200
    assert "form-action 'none'" in answer.headers["content-security-policy"]
    assert "Hãy bắt đầu từ trang dịch vụ công" in answer.text
    assert "Start at the portal" in answer.text


async def test_a_response_type_that_no_error_can_repeat_is_refused_on_a_page(
    login: httpx.AsyncClient,
) -> None:
    answer = await login.get("/authorize", params=ASKED | {"response_type": 'mã"\\'})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"state": ""}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
async def test_a_request_that_lacks_a_protection_goes_back_with_an_error(
    login: httpx.AsyncClient, changes: dict[str, str], error: str
) -> None:
    answer = await login.get("/authorize", params=ASKED | changes)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == [error]


async def test_a_repeated_parameter_or_an_unknown_client_is_refused_on_a_page(
    login: httpx.AsyncClient,
) -> None:
    twice = await login.get("/authorize", params=[*ASKED.items(), ("nonce", "other")])
    stranger = await login.get("/authorize", params=ASKED | {"client_id": "someone"})
    assert {twice.status_code, stranger.status_code} == {400}


async def test_cancelling_goes_back_with_access_denied_and_answers_once(login: httpx.AsyncClient) -> None:
    request_id = await open_picker(login)
    answer = await login.post("/authorize", data={"request_id": request_id, "cancel": "1"})
    assert parse_qs(urlsplit(answer.headers["location"]).query)["error"] == ["access_denied"]
    again = await login.post("/authorize", data={"request_id": request_id, "person": "nguyen-van-an"})
    assert again.status_code == 400


@pytest.mark.parametrize("path", ["/authorize", "/token"])
async def test_a_body_that_names_its_own_encoding_or_is_too_long_is_refused_unread(
    login: httpx.AsyncClient, path: str
) -> None:
    parts = b'--x\r\nContent-Disposition: form-data; name="code"\r\n\r\n' + b"a" * 30_000 + b"\r\n--x--\r\n"
    multipart = {"content-type": "multipart/form-data; boundary=x; charset=punycode"}
    named = await login.post(path, content=parts, headers=multipart)
    plain = ("content-type", "application/x-www-form-urlencoded")
    both = await login.post(path, content=parts, headers=[*multipart.items(), plain])
    long = await login.post(path, data={"code": "a" * 70_000})
    assert (named.status_code, both.status_code, long.status_code) == (415, 415, 413)
    assert "application/x-www-form-urlencoded" in named.text
    assert "at most 64 KiB" in long.text


async def test_the_picker_searches_without_tone_marks_and_shows_why_each_persona_exists(
    login: httpx.AsyncClient,
) -> None:
    request_id = await open_picker(login)
    page = await login.post("/authorize", data={"request_id": request_id, "text": "nguyen van an everyday"})
    assert page.text.count('name="person"') == 1
    assert '<span class="why" lang="vi">Trường hợp thông thường: ' in page.text
    assert '<span class="why" lang="en">The everyday case: ' in page.text
    assert "DỮ LIỆU THỬ NGHIỆM" in page.text
    nobody = await login.post(
        "/authorize", data={"request_id": request_id, "text": "<script>alert(1)</script>"}
    )
    assert "<script>" not in nobody.text
    assert "unsafe" not in nobody.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("text", "person"),
    [
        ("Trường hợp thông thường", "nguyen-van-an"),
        ("truong hop thong thuong", "nguyen-van-an"),
        ("EVERYDAY case", "nguyen-van-an"),
        ("thong diep 100 characters 046198000227 1998-02-14", "ten-rat-dai"),
        ("can.bo.01 bo phan mot cua one-stop", "officer:can.bo.01"),
    ],
)
async def test_the_picker_finds_a_person_by_the_reason_in_either_language(
    login: httpx.AsyncClient, text: str, person: str
) -> None:
    page = await login.post("/authorize", data={"request_id": await open_picker(login), "text": text})
    assert re.findall(r'name="person" value="([^"]+)"', page.text) == [person]


def test_a_person_with_long_reasons_is_found_by_what_comes_after_them() -> None:
    (an, *_) = list_holders(load_personas(), [])
    long = replace(an, why="long " * 80, why_vi="dài " * 100)
    assert search_holders([long], "dai long 001090000123") == [long]


async def test_everyone_on_the_picker_has_a_vietnamese_reason_before_the_english_one(
    login: httpx.AsyncClient,
) -> None:
    page = await login.get("/authorize", params=ASKED)
    people = page.text.count('name="person"')
    languages = re.findall(r'<span class="why" lang="(\w+)">[^<]+</span>', page.text)
    assert languages == ["vi", "en"] * people
    assert len(page.content) <= 150_000
