"""Suspended, resumed, revoked: what happens to live tokens, and who may look into or end a token."""

import httpx
from joserfc.jwk import ECKey

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.cleanup import clean_up
from gateway.identifiers import Profile
from tests.kit.forging import call_me, read, refusal, resign, sign
from tests.kit.scene import BASE, Portal, Scene, outcome

INACTIVE = {"active": False}
UNPROVEN = (401, "invalid_client")
INVALID = (401, "token_invalid")


async def at(portal: Portal, endpoint: str, **form: str) -> httpx.Response:
    """Post to an OAuth endpoint with the portal's secret."""
    auth = (portal.client_id, str(portal.secret))
    return await portal.http.post(f"{portal.issuer}/oauth2/{endpoint}", data=form, auth=auth)


async def change(scene: Scene, portal: Portal, state: AccountState) -> None:
    await change_state(scene.gateway.deps, portal.client_id, state)


async def test_threat_8_a_suspended_account_is_refused_with_its_live_token(
    scene: Scene, portal: Portal
) -> None:
    await change(scene, portal, AccountState.SUSPENDED)

    assert outcome(await portal.verify()) == (403, "account_suspended")
    assert refusal(await portal.ask_token()) == UNPROVEN
    assert await scene.journal() == []
    row = next(
        row
        for row in await scene.audit()
        if row.get("outcome") == "account_suspended" and row["kind"] == "refused"
    )
    assert (row["client_id"], row["profile"]) == (portal.client_id, "sandbox")


async def test_threat_8_a_revoked_accounts_live_token_is_no_token(scene: Scene, portal: Portal) -> None:
    await change(scene, portal, AccountState.REVOKED)

    assert outcome(await portal.verify()) == INVALID
    assert refusal(await portal.ask_token()) == UNPROVEN
    assert await scene.journal() == []


async def test_threat_8_a_resumed_account_needs_a_new_token(scene: Scene, portal: Portal) -> None:
    await change(scene, portal, AccountState.SUSPENDED)
    await change(scene, portal, AccountState.ACTIVE)

    assert outcome(await portal.call("GET", "/me")) == INVALID
    assert (await (await portal.log_in()).call("GET", "/me")).status_code == 200


async def test_threat_8_a_suspended_and_a_revoked_client_are_told_the_same(
    scene: Scene, portal: Portal
) -> None:
    other = await scene.portal()
    await change(scene, portal, AccountState.SUSPENDED)
    await change(scene, other, AccountState.REVOKED)

    answers = [await portal.ask_token(), await other.ask_token()]

    assert [answer.json() for answer in answers] == [{"error": "invalid_client"}] * 2


async def test_introspection_of_ones_own_token_says_what_it_is_good_for(portal: Portal) -> None:
    claims = read(portal.access_token)[1]

    answer = await at(portal, "introspect", token=portal.access_token)

    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "active": True,
        "client_id": portal.client_id,
        "sub": portal.client_id,
        "scope": "ledger prefill verify",
        "token_type": "Bearer",
        "iss": f"{BASE}/sandbox",
        "aud": f"{BASE}/sandbox/v1",
        "iat": claims["iat"],
        "exp": claims["exp"],
        "jti": claims["jti"],
    }


async def test_introspection_of_a_bound_token_names_its_key(scene: Scene) -> None:
    bound = await scene.portal(key=ECKey.generate_key("P-256"))
    assert bound.key is not None

    answer = await bound.http.post(
        f"{bound.issuer}/oauth2/introspect",
        data={
            "token": bound.access_token,
            "client_assertion": bound.assertion(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
    )

    assert (answer.json()["token_type"], answer.json()["cnf"]) == ("DPoP", {"jkt": bound.key.thumbprint()})


async def test_threat_8_introspection_calls_an_ended_token_inactive(scene: Scene, portal: Portal) -> None:
    await change(scene, portal, AccountState.SUSPENDED)
    assert refusal(await at(portal, "introspect", token=portal.access_token)) == UNPROVEN
    await change(scene, portal, AccountState.ACTIVE)

    assert (await at(portal, "introspect", token=portal.access_token)).json() == INACTIVE


async def test_threat_8_introspection_calls_what_is_no_token_of_ours_inactive(
    scene: Scene, portal: Portal
) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    claims = read(portal.access_token)[1]
    for token in (
        official.access_token,
        await portal.receipt(),
        sign(claims, key=ECKey.generate_key("P-256"), typ="at+jwt"),
        resign(scene, portal.access_token, exp=portal.now - 1),
        "nul\x00",
        "x",
    ):
        assert (await at(portal, "introspect", token=token)).json() == INACTIVE


async def test_threat_8_another_clients_token_can_be_neither_looked_into_nor_revoked(
    scene: Scene, portal: Portal
) -> None:
    stranger = await scene.portal()

    assert (await at(stranger, "introspect", token=portal.access_token)).json() == INACTIVE
    assert (await at(stranger, "revoke", token=portal.access_token)).status_code == 200
    assert (await portal.call("GET", "/me")).status_code == 200


async def test_threat_8_a_token_that_its_owner_revoked_is_no_token(portal: Portal) -> None:
    assert (await at(portal, "revoke", token=portal.access_token)).status_code == 200

    assert outcome(await portal.call("GET", "/me")) == INVALID
    assert (await at(portal, "introspect", token=portal.access_token)).json() == INACTIVE
    assert (await (await portal.log_in()).call("GET", "/me")).status_code == 200


async def test_threat_8_a_revoked_token_stays_so_though_the_clock_jumps(scene: Scene, portal: Portal) -> None:
    await at(portal, "revoke", token=portal.access_token)
    for hour in (3600, -3600):
        scene.clock.advance(hour)
        await clean_up(scene.gateway.deps)

    assert outcome(await portal.call("GET", "/me")) == INVALID


async def test_revoking_again_or_what_is_no_token_changes_nothing(portal: Portal) -> None:
    for token in (portal.access_token, portal.access_token, "x"):
        assert (await at(portal, "revoke", token=token)).status_code == 200


async def test_introspection_and_revocation_need_a_proof_and_a_token(portal: Portal) -> None:
    for endpoint in ("introspect", "revoke"):
        bare = await portal.http.post(f"{portal.issuer}/oauth2/{endpoint}", data={"token": "x"})
        assert refusal(bare) == UNPROVEN
        assert refusal(await at(portal, endpoint, hint="x")) == (400, "invalid_request")


async def test_threat_8_a_token_of_an_account_that_is_not_there_is_refused(
    scene: Scene, portal: Portal
) -> None:
    forged = resign(scene, portal.access_token, client_id="acc_gone", sub="acc_gone")

    assert outcome(await call_me(portal, forged)) == INVALID
