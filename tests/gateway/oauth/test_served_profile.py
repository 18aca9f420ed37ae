"""`gateway serve --profile`: a server that answers for one profile knows no path of the other."""

from collections.abc import AsyncIterator

import pytest

from gateway.identifiers import Profile
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import Portal, Scene, open_scene, settings_for


@pytest.fixture
async def scene(database_url: str, mock: MockRegistry, clock: HandClock) -> AsyncIterator[Scene]:
    settings = settings_for(database_url, mock).model_copy(update={"serve_profile": Profile.SANDBOX})
    async with open_scene(settings, mock, clock) as opened:
        yield opened


async def test_a_server_of_sandbox_answers_for_sandbox(portal: Portal) -> None:
    assert (await portal.verify()).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/official/oauth2/token"),
        ("POST", "/official/v1/verifications"),
        ("POST", "/official/v1/prefills"),
        ("GET", "/official/v1/me"),
        ("GET", "/official/jwks.json"),
        ("GET", "/official/receipt-keys.json"),
        ("GET", "/.well-known/oauth-authorization-server/official"),
        ("GET", "/.well-known/oauth-protected-resource/official/v1"),
    ],
)
async def test_threat_9_a_server_of_sandbox_knows_no_path_of_official(
    scene: Scene, portal: Portal, method: str, path: str
) -> None:
    token = {"Authorization": f"Bearer {portal.token}"} if hasattr(portal, "token") else {}
    answer = await scene.http.request(method, path, headers=token)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
