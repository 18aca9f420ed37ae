"""Places from settings: each with its own keys and policy; official accounts are made directly only on loopback."""

from typing import Any

import pytest
from joserfc.jwk import ECKey

from gateway.accounts.model import make_grant
from gateway.accounts.use_cases import create_account
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.profiles.places import is_local
from gateway.settings import ProfileSettings
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import AGENCY, Scene, open_scene, settings_for


@pytest.mark.parametrize(
    ("networks", "local"),
    [
        (("127.0.0.0/8",), True),
        (("127.0.0.1/32", "::1/128"), True),
        (("127.0.0.0/8", "10.0.0.0/8"), False),
        (("10.0.0.0/8",), False),
        (("0.0.0.0/0",), False),
        (("126.0.0.0/7",), False),
        (("169.254.169.254/32",), False),
        (("::/0",), False),
    ],
)
def test_a_profile_is_local_only_where_every_network_is_loopback(
    networks: tuple[str, ...], local: bool
) -> None:
    assert is_local(ProfileSettings(networks=networks)) is local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (None, True),
        ("http://127.0.0.1:8110", False),
        ("http://[::1]:8110", False),
        ("http://localhost:8110", False),
        ("https://c06.example.gov.vn/", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://10.0.0.1/", False),
    ],
)
def test_without_networks_a_profile_with_a_registry_is_never_local(address: str | None, local: bool) -> None:
    members: dict[str, Any] = {"registry_url": address}
    if address is not None:
        members |= {"agency": AGENCY, "officer": "o", "c06_user": "u", "c06_secret": "s"}

    assert is_local(ProfileSettings.model_validate(members)) is local


async def test_an_official_account_is_not_made_directly_where_networks_are_not_loopback(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock, official={"networks": ("127.0.0.0/8", "10.0.0.0/8")})
    async with open_scene(settings, mock, clock) as scene:
        with pytest.raises(StateWrong, match="promotion"):
            await scene.portal(Profile.OFFICIAL)
        rows = await scene.audit()

    assert "account_created" not in {row["outcome"] for row in rows}


async def test_the_two_places_share_neither_key_nor_policy(scene: Scene) -> None:
    sandbox, official = (scene.gateway.places[profile] for profile in Profile)

    assert {key.material for key in sandbox.keys.keys}.isdisjoint(key.material for key in official.keys.keys)
    assert (sandbox.policy.reuse, sandbox.policy.budget_account_hour) == ("account", 1000)
    assert (official.policy.reuse, official.policy.budget_account_hour) == ("dossier", 30)
    assert scene.gateway.other(sandbox) is official
    assert scene.gateway.other(official) is sandbox


async def test_a_profile_without_a_connection_still_issues_tokens(
    database_url: str, mock: MockRegistry, clock: HandClock
) -> None:
    settings = settings_for(database_url, mock).model_copy(update={"official": ProfileSettings()})
    async with open_scene(settings, mock, clock) as scene:
        official = await scene.portal(Profile.OFFICIAL)
        answer = await official.verify()

    assert (answer.status_code, answer.json()["code"]) == (503, "profile_unconfigured")


async def test_nothing_of_the_gateway_shows_a_credential_in_its_repr(scene: Scene) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=False)
    made = await create_account(
        scene.gateway.deps,
        scene.gateway.places[Profile.SANDBOX],
        name="a",
        organisation=AGENCY,
        scopes=frozenset({"verify"}),
        grants=make_grant(["*"], ["*"], ["*"]),
    )
    shown = f"{scene.gateway!r} {scene.settings!r} {made!r} {key['kty']}"

    assert str(made.client_secret) not in shown
    for name in ("dvctt-hanoi", "dvctt-hanoi-official"):
        account = scene.mock.register.find(name)
        assert account is not None
        assert account.secret not in shown
