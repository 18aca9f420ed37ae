"""A login whose answers are JSON of another shape: the visitor is told, and no error leaves the portal."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.errors import SignInRefused
from portal.login.openid import CALLBACK, MAX_ANSWER, OpenIdLogin
from tests.kit.clocks import HandClock
from tests.kit.portal import ISSUER, PORTAL, open_portal, open_visit
from tests.kit.scene import LOGIN_CLIENT, Scene

METADATA, KEYS, TOKEN = "/.well-known/openid-configuration", "/jwks.json", "/token"
RIGHT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": ISSUER + TOKEN,
    "jwks_uri": ISSUER + KEYS,
}


def instead(bodies: Mapping[str, Callable[[], bytes]]) -> Callable[[ASGIApp], ASGIApp]:
    """Return what answers at these paths of a login in its place."""

    def around(login: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            is_odd = scope["type"] == "http" and scope["path"] in bodies
            app = Response(bodies[scope["path"]](), media_type="application/json") if is_odd else login
            await app(scope, receive, send)

        return answer

    return around


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(METADATA, b"null", id="no metadata"),
        pytest.param(METADATA, b"[1]", id="metadata as a list"),
        pytest.param(METADATA, json.dumps({"issuer": ISSUER}).encode(), id="metadata without addresses"),
        pytest.param(METADATA, b"[" * 60_000, id="deep metadata"),
        pytest.param(
            METADATA, json.dumps(RIGHT | {"more": "x" * MAX_ANSWER}).encode(), id="endless metadata"
        ),
        pytest.param(KEYS, b"{}", id="no list of keys"),
        pytest.param(KEYS, b'{"keys":[]}', id="no key"),
        pytest.param(KEYS, b'{"keys":null}', id="null for keys"),
        pytest.param(KEYS, b'{"keys":[{"kty":"EC"}]}', id="half a key"),
        pytest.param(TOKEN, b"null", id="null for a token"),
        pytest.param(TOKEN, b"[1]", id="a list for a token"),
        pytest.param(TOKEN, b'{"id_token":5}', id="a number for a token"),
    ],
)
async def test_a_login_that_answers_in_another_shape_refuses_the_sign_in(
    scene: Scene, tmp_path: Path, path: str, body: bytes
) -> None:
    around = instead({path: lambda: body})
    async with open_portal(scene, tmp_path, around_login=around) as app, open_visit(app) as visit:
        await visit.open("/dang-nhap?tiep=/")
        if path != METADATA:
            await visit.send("/authorize", button="person=nguyen-van-an")
        assert visit.status == 400
        assert visit.page.xpath("//a[@href='/dang-nhap']") or "Đăng nhập" in visit.text
        if visit.page.xpath("//code"):
            assert "Chi tiết kỹ thuật:" in visit.text
            assert visit.page.xpath("//code/@lang") == ["en"]


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 303),
        ({"birth_date": None, "officer_id": None}, 303),
        ({"officer_id": ""}, 303),
        ({"sub": []}, 400),
        ({"auth_time": 10**10}, 400),
        ({"sub": "\ud800"}, 400),
        ({"sub": "one\ncan.bo.01"}, 400),
        ({"name": "\ud800"}, 400),
        ({"name": {"given": "An"}}, 400),
        ({"citizen_id": ["001090000123"]}, 400),
        ({"citizen_id": None}, 400),
        ({"officer_id": {"id": "can.bo.01"}}, 400),
    ],
    ids=str,
)
async def test_a_signed_token_whose_claims_are_no_texts_or_of_the_future_refuses_the_sign_in(
    scene: Scene, tmp_path: Path, claims: dict[str, Any], status: int
) -> None:
    key, asked = ECKey.generate_key("P-256"), httpx.QueryParams()
    now = int(scene.clock.now().timestamp())

    def make_token() -> bytes:
        usual = {
            "iss": ISSUER,
            "aud": LOGIN_CLIENT,
            "sub": "one",
            "iat": now,
            "exp": now + 60,
            "auth_time": now,
        }
        members = usual | {"nonce": asked["nonce"], "citizen_id": "001090000123"} | claims
        signed = jws.serialize_compact({"alg": "ES256"}, json.dumps(members).encode(), key)
        return json.dumps({"id_token": signed, "access_token": "x"}).encode()

    keys = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    around = instead({KEYS: lambda: keys, TOKEN: make_token})
    async with open_portal(scene, tmp_path, around_login=around) as app, open_visit(app) as visit:
        started = await visit.http.get(f"{PORTAL}/dang-nhap", follow_redirects=False)
        asked = httpx.URL(started.headers["location"]).params
        answer = {"code": "c", "state": asked["state"]}
        finished = await visit.http.get(PORTAL + CALLBACK, params=answer, follow_redirects=False)
        await visit.open("/")
        assert not visit.page.xpath("//nav//a[@href='/can-bo']")  # nobody here is an officer
    assert finished.status_code == status


async def test_a_login_whose_answer_takes_too_long_in_all_refuses_the_sign_in(clock: HandClock) -> None:
    async def drip(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(20):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": json.dumps(RIGHT).encode()})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(drip), timeout=0.5) as http:
        login = OpenIdLogin(ISSUER, LOGIN_CLIENT, redirect_uri=PORTAL + CALLBACK, http=http, clock=clock)
        with pytest.raises(SignInRefused, match="TimeoutError"):
            await login.start()
