"""A login whose answers are JSON of another shape: the visitor is told, and no error leaves the portal."""

import json
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.kit.portal import ISSUER, open_portal, open_visit
from tests.kit.scene import Scene

METADATA, KEYS, TOKEN = "/.well-known/openid-configuration", "/jwks.json", "/token"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(METADATA, b"null", id="no metadata"),
        pytest.param(METADATA, b"[1]", id="metadata as a list"),
        pytest.param(METADATA, json.dumps({"issuer": ISSUER}).encode(), id="metadata without addresses"),
        pytest.param(METADATA, b"[" * 100_000, id="deep metadata"),
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
    def around(login: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            is_odd = scope["type"] == "http" and scope["path"] == path
            app = Response(body, media_type="application/json") if is_odd else login
            await app(scope, receive, send)

        return answer

    async with open_portal(scene, tmp_path, around_login=around) as app, open_visit(app) as visit:
        await visit.open("/dang-nhap?tiep=/")
        if path != METADATA:
            await visit.send("/authorize", button="person=nguyen-van-an")
        assert visit.status == 400
        assert visit.page.xpath("//a[@href='/dang-nhap']") or "Đăng nhập" in visit.text
        if visit.page.xpath("//code"):
            assert "Chi tiết kỹ thuật:" in visit.text
            assert visit.page.xpath("//code/@lang") == ["en"]
