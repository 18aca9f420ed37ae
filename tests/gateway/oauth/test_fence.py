"""Threat 9, the fence: nothing of one profile is worth anything at the other, and official is asked nothing."""

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import change_state
from gateway.identifiers import Profile
from tests.kit.forging import resign
from tests.kit.scene import BASE, Portal, Scene, enquiry, outcome, prefill_request

MISMATCH = (403, "profile_mismatch")
INVALID = (401, "token_invalid")
OFFICIAL, SANDBOX = f"{BASE}/official", f"{BASE}/sandbox"


async def ask_official(portal: Portal) -> tuple[int, str]:
    """Verify at the official door with the portal's own token."""
    return outcome(await portal.call("POST", "/verifications", enquiry(), issuer=OFFICIAL))


async def test_threat_9_a_sandbox_token_at_the_official_door_is_a_mismatch(
    scene: Scene, portal: Portal
) -> None:
    assert await ask_official(portal) == MISMATCH
    assert await scene.journal("official") == []
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"]) == ("refused", "profile_mismatch")
    assert (row["profile"], row["client_id"]) == ("official", portal.client_id)


async def test_threat_9_an_official_token_at_the_sandbox_door_is_a_mismatch(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)

    answer = await official.call("POST", "/verifications", enquiry(), issuer=SANDBOX)

    assert outcome(answer) == MISMATCH
    assert await scene.journal("test") == []


async def test_threat_9_a_token_that_its_own_place_would_refuse_is_no_token(
    scene: Scene, portal: Portal
) -> None:
    genuine = portal.access_token
    for claims in ({"aud": "elsewhere"}, {"grant_epoch": 7}, {"exp": portal.now - 1}, {"client_id": "acc_x"}):
        portal.access_token = resign(scene, genuine, **claims)
        assert await ask_official(portal) == INVALID


async def test_threat_9_a_suspended_or_revoked_accounts_foreign_token_is_no_token(
    scene: Scene, portal: Portal
) -> None:
    for state in (AccountState.SUSPENDED, AccountState.REVOKED):
        await change_state(scene.gateway.deps, portal.client_id, state)
        assert await ask_official(portal) == INVALID
    assert await scene.journal("official") == []


async def test_threat_9_an_expired_foreign_token_is_no_token(scene: Scene, portal: Portal) -> None:
    scene.clock.advance(301)

    assert await ask_official(portal) == INVALID


async def test_threat_9_a_revoked_foreign_token_is_no_token(portal: Portal) -> None:
    auth = (portal.client_id, str(portal.secret))
    await portal.http.post(f"{SANDBOX}/oauth2/revoke", data={"token": portal.access_token}, auth=auth)

    assert await ask_official(portal) == INVALID


async def test_threat_9_a_foreign_bound_token_without_its_proof_is_no_token(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    headers = {"Authorization": f"Bearer {official.access_token}"}

    assert outcome(await official.call("GET", "/me", issuer=SANDBOX, **headers)) == INVALID


async def test_threat_9_a_sandbox_receipt_is_worth_nothing_on_official(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    official = await scene.portal(Profile.OFFICIAL)

    for path, body in (
        ("/prefills", prefill_request(receipt, ["full_name"])),
        ("/receipts/check", {"receipt": receipt}),
        ("/ledger", {"receipt": receipt}),
    ):
        assert outcome(await official.call("POST", path, body)) == (422, "receipt_invalid"), path
    assert await scene.journal("official") == []


async def test_threat_9_an_official_receipt_is_worth_nothing_on_sandbox(scene: Scene, portal: Portal) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    receipt = await official.receipt()

    for path, body in (
        ("/prefills", prefill_request(receipt, ["full_name"])),
        ("/receipts/check", {"receipt": receipt}),
        ("/ledger", {"receipt": receipt}),
    ):
        assert outcome(await portal.call("POST", path, body)) == (422, "receipt_invalid"), path
    assert await scene.journal("test") == []


async def test_threat_9_a_verification_is_found_at_its_own_door_only(scene: Scene, portal: Portal) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    made = {holder.client_id: (await holder.verify()).json()["id"] for holder in (portal, official)}

    for holder, other in ((portal, official), (official, portal)):
        assert (await holder.call("GET", f"/verifications/{made[holder.client_id]}")).status_code == 200
        foreign = made[other.client_id]
        assert outcome(await holder.call("GET", f"/verifications/{foreign}")) == (404, "not_found")
        by_id = prefill_request("", ["full_name"]) | {"verification": foreign}
        del by_id["receipt"]
        assert outcome(await holder.call("POST", "/prefills", by_id)) == (404, "not_found")


async def test_threat_9_a_claim_confirmed_on_one_profile_is_asked_anew_on_the_other(
    scene: Scene, portal: Portal
) -> None:
    await portal.verify()
    official = await scene.portal(Profile.OFFICIAL)

    answer = await official.verify()

    assert (answer.status_code, answer.json()["origin"]) == (201, "registry")
    assert [len(await scene.journal(place)) for place in ("test", "official")] == [1, 1]


async def test_threat_9_a_foreign_client_is_unknown_at_the_token_endpoint(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL, log_in=False)
    official.issuer = SANDBOX

    answer = await official.ask_token()

    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


async def test_threat_9_the_other_profiles_connection_serves_nobody_here(
    scene: Scene, portal: Portal
) -> None:
    assert (await portal.verify()).status_code == 201

    assert [entry["environment"] for entry in await scene.journal("test")] == ["test"]
    assert await scene.journal("official") == []
