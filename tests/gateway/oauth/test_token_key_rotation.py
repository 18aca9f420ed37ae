"""Token keys take turns: published before one signs, accepted until its last token is dead."""

import pytest

from gateway.errors.operators import Unknown
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.oauth.tokens import LIFETIME_S, SKEW_S
from gateway.profiles.key_rotation import LEAD, LEAD_AFTER_A_LEAK, TOKEN_OVERLAP, rotate_keys
from gateway.profiles.places import refresh
from tests.kit.forging import call_me, read, sign
from tests.kit.keys import A_MOMENT, published, rotate, rotate_and_serve
from tests.kit.scene import Portal, Scene, outcome

JWKS_MAX_AGE_S = 60
LONGEST_DEADLINE_S = 120


def kid_of(token: str) -> str:
    return str(read(token)[0]["kid"])


async def test_a_coming_key_is_published_before_it_signs(scene: Scene, portal: Portal) -> None:
    former = kid_of(portal.access_token)
    coming = await rotate(scene, Purpose.TOKEN)

    assert await published(portal, "jwks") == [former, coming.kid]
    assert kid_of((await portal.log_in()).access_token) == former

    scene.clock.advance(LEAD.total_seconds() + A_MOMENT)
    assert kid_of((await portal.log_in()).access_token) == coming.kid
    assert await published(portal, "jwks") == [coming.kid, former]


def test_the_lead_is_longer_than_every_cache_and_every_request() -> None:
    assert LEAD.total_seconds() >= max(2 * JWKS_MAX_AGE_S, LONGEST_DEADLINE_S + 30)
    assert TOKEN_OVERLAP.total_seconds() >= LIFETIME_S + SKEW_S + JWKS_MAX_AGE_S


async def test_an_old_token_stays_valid_until_it_expires_and_then_its_key_is_gone(
    scene: Scene, portal: Portal
) -> None:
    coming = await rotate(scene, Purpose.TOKEN)
    scene.clock.advance(LEAD.total_seconds() - 2)
    last = (await portal.log_in()).access_token
    former = kid_of(last)
    assert former != coming.kid

    scene.clock.advance(LIFETIME_S - 5)
    assert (await call_me(portal, last)).status_code == 200
    scene.clock.advance(10)
    assert outcome(await call_me(portal, last)) == (401, "token_expired")
    scene.clock.advance(TOKEN_OVERLAP.total_seconds() - LIFETIME_S)
    assert await published(portal, "jwks") == [coming.kid]


async def test_threat_1_a_fresh_token_under_a_retired_key_is_refused(scene: Scene, portal: Portal) -> None:
    former, key = scene.gateway.places[Profile.SANDBOX].tokens.signer(scene.clock.now())
    await rotate_and_serve(scene, Purpose.TOKEN)
    scene.clock.advance(TOKEN_OVERLAP.total_seconds())
    claims = read((await portal.log_in()).access_token)[1]

    assert outcome(await call_me(portal, sign(claims, key=key, typ="at+jwt", kid=former))) == (
        401,
        "token_invalid",
    )


async def test_a_leaked_key_ends_at_once_and_its_tokens_with_it(scene: Scene, portal: Portal) -> None:
    former = kid_of(portal.access_token)
    coming = await rotate(scene, Purpose.TOKEN, leaked=[former])
    scene.clock.advance(LEAD_AFTER_A_LEAK.total_seconds() + 0.1)

    assert outcome(await portal.call("GET", "/me")) == (401, "token_invalid")
    assert await published(portal, "jwks") == [coming.kid]
    assert (await (await portal.log_in()).call("GET", "/me")).status_code == 200
    assert kid_of(portal.access_token) == coming.kid


async def test_an_emergency_overtakes_a_key_that_was_coming(scene: Scene, portal: Portal) -> None:
    leaked = kid_of(portal.access_token)
    waiting = await rotate(scene, Purpose.TOKEN)
    urgent = await rotate(scene, Purpose.TOKEN, leaked=[leaked])
    scene.clock.advance(LEAD_AFTER_A_LEAK.total_seconds() + 0.1)
    assert kid_of((await portal.log_in()).access_token) == urgent.kid
    scene.clock.advance(LEAD.total_seconds() + A_MOMENT)

    assert kid_of((await portal.log_in()).access_token) == urgent.kid
    assert set(await published(portal, "jwks")) == {urgent.kid, waiting.kid}


@pytest.mark.parametrize("which", ["unknown", "another purpose's", "another profile's", "retired"])
async def test_only_an_accepted_key_of_the_purpose_can_be_said_to_have_leaked(
    scene: Scene, portal: Portal, which: str
) -> None:
    places, now = scene.gateway.places, scene.clock.now()
    retired = kid_of(portal.access_token)
    if which == "retired":
        await rotate(scene, Purpose.TOKEN, leaked=[retired])
        scene.clock.advance(LEAD_AFTER_A_LEAK.total_seconds() + 0.1)
    kid = {
        "unknown": "key_unknown",
        "another purpose's": places[Profile.SANDBOX].receipts.signer(now)[0],
        "another profile's": places[Profile.OFFICIAL].tokens.signer(now)[0],
        "retired": retired,
    }[which]
    before = len(await scene.audit())

    with pytest.raises(Unknown, match="not an accepted token key"):
        await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX], leaked=[kid])
    assert len(await scene.audit()) == before
    assert await refresh(scene.gateway) is False


async def test_the_other_profile_keeps_its_keys(scene: Scene) -> None:
    official = await scene.portal(Profile.OFFICIAL)
    before = await published(official, "jwks")

    await rotate_and_serve(scene, Purpose.TOKEN)

    assert await published(official, "jwks") == before
