"""The example integration against the whole gateway, in-process."""

from collections.abc import AsyncIterator

import httpx
import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from portal.gateway_client import GatewayClient, PortalAccount, TokenRefused
from tests.kit.scene import AN, BASE, CITIZEN, Portal, Scene

ACT = {
    "procedure": "khai-sinh",
    "dossier": "HN-2022-000123",
    "subject_role": "requester",
    "initiated_by": CITIZEN,
}
ENQUIRY = {**ACT, "claim": AN}


def client_of(scene: Scene, portal: Portal) -> GatewayClient:
    """Return the client of an account, on a new connection to the application."""
    account = PortalAccount(
        client_id=portal.client_id, issuer=portal.issuer, client_secret=portal.secret, key=portal.key
    )
    http = httpx.AsyncClient(transport=httpx.ASGITransport(scene.app), base_url=BASE)
    return GatewayClient(account, http=http)


@pytest.fixture(params=["secret", "key"])
async def client(request: pytest.FixtureRequest, scene: Scene) -> AsyncIterator[GatewayClient]:
    key = ECKey.generate_key("P-256") if request.param == "key" else None
    async with client_of(scene, await scene.portal(key=key, log_in=False)) as opened:
        yield opened


async def test_the_client_verifies_a_citizen_once_and_fills_a_form(client: GatewayClient) -> None:
    verified = await client.verify(ENQUIRY)
    assert (verified.status, verified.members["verdict"]) == (201, "confirmed")
    receipt = verified.members["receipt"]
    filled = await client.prefill({**ACT, "receipt": receipt, "fields": ["full_name"]})
    assert filled.members["fields"]["full_name"]["value"] == "NGUYỄN VĂN AN"
    kinds = [entry["kind"] for entry in (await client.ledger(receipt)).members["entries"]]
    assert kinds == ["answered", "answered", "delivered"]


async def test_a_token_is_fetched_once_for_many_calls(client: GatewayClient) -> None:
    first = await client.token()
    await client.verify(ENQUIRY)
    assert await client.token() is first


async def test_a_token_that_a_change_ended_is_fetched_again_once(scene: Scene, client: GatewayClient) -> None:
    await client.verify(ENQUIRY)
    before = (await client.token())["access_token"]
    for state in (AccountState.SUSPENDED, AccountState.ACTIVE):
        await change_state(scene.gateway.deps, client.client_id, state)
    assert (await client.verify(ENQUIRY)).status == 200
    assert (await client.token())["access_token"] != before


async def test_a_revoked_account_gets_the_servers_own_error_code(scene: Scene, client: GatewayClient) -> None:
    await change_state(scene.gateway.deps, client.client_id, AccountState.REVOKED)
    with pytest.raises(TokenRefused, match=r"^invalid_client$"):
        await client.verify(ENQUIRY)


async def test_threat_9_the_token_is_refused_at_the_other_profile(
    scene: Scene, client: GatewayClient
) -> None:
    crossed = await client.verify_elsewhere(f"{BASE}/official", ENQUIRY)
    assert (crossed.status, crossed.members["code"]) == (403, "profile_mismatch")
    assert await scene.journal("official") == []


def test_the_repr_of_an_account_contains_no_secret() -> None:
    account = PortalAccount(
        client_id="acc_x", issuer=BASE, client_secret="s3cr3t", key=ECKey.generate_key("P-256")
    )
    assert "s3cr3t" not in repr(account)
    assert "key" not in repr(account)
