"""Build the places from settings: each with its own keys, policy and outbound client.

`local` says that whatever an official place could reach is this machine; only then may an official account be made
without promotion.
"""

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from gateway.errors import SettingInvalid
from gateway.keys.model import PlaceKeys, Purpose, SigningRing
from gateway.places import Profile
from gateway.profiles.model import Link, Place, Policy
from gateway.registry.connection import Connection
from gateway.registry.model import Registry
from gateway.settings import ProfileSettings, Settings

OpenRegistry = Callable[[Connection], Registry]
"""Opens the outbound client of a connection; handed in, so that commands which ask nothing load none."""

_DEFAULTS: Mapping[Profile, Policy] = {
    Profile.SANDBOX: Policy(
        reuse="account",
        reuse_seconds=1800,
        budget_account_hour=1000,
        budget_subject_day=50,
        rate_per_second=500,
    ),
    Profile.OFFICIAL: Policy(
        reuse="dossier",
        reuse_seconds=1800,
        budget_account_hour=30,
        budget_subject_day=5,
        rate_per_second=500,
    ),
}


def open_place(
    profile: Profile,
    settings: Settings,
    *,
    base: str,
    keys: PlaceKeys,
    open_registry: OpenRegistry | None,
) -> Place:
    """Return a place; without `open_registry` (commands that ask nothing) it has no link.

    Raises:
        SettingInvalid: the connection can't work, or `account` reuse on official without an approved change.
    """
    own = settings.of(profile)
    if profile is Profile.OFFICIAL and own.reuse == "account":
        raise SettingInvalid(
            "GATEWAY_OFFICIAL_REUSE: account needs an approved change that cites its legal basis; use dossier"
        )
    connection = own.connection(profile)
    link = None
    if connection is not None and open_registry is not None:
        link = _open_link(profile, connection, open_registry)
    local = is_local(own)
    return Place(
        profile=profile,
        base=base,
        keys=keys,
        tokens=SigningRing(keys, Purpose.TOKEN),
        receipts=SigningRing(keys, Purpose.RECEIPT),
        policy=_policy(profile, own),
        link=link,
        test_data=profile is Profile.SANDBOX or (connection is not None and local),
        local=local,
    )


def _open_link(profile: Profile, connection: Connection, open_registry: OpenRegistry) -> Link:
    """Open the outbound client; what is wrong with a member is said of the setting it came from."""
    try:
        return Link(connection=connection, registry=open_registry(connection))
    except SettingInvalid as error:
        member, _, expected = error.reason.partition(":")
        raise SettingInvalid(f"GATEWAY_{profile.upper()}_{member.upper()}:{expected}") from None


def is_local(settings: ProfileSettings) -> bool:
    """Say whether every network a profile may reach, or else its registry's address, is loopback."""
    if settings.networks:
        return all(_is_loopback_network(network) for network in settings.networks)
    if settings.registry_url is None:
        return True
    try:
        return ip_address(urlsplit(settings.registry_url).hostname or "").is_loopback
    except ValueError:
        return urlsplit(settings.registry_url).hostname == "localhost"


def _is_loopback_network(network: str) -> bool:
    try:
        return ip_network(network).is_loopback
    except ValueError:
        return False


def _policy(profile: Profile, own: ProfileSettings) -> Policy:
    default = _DEFAULTS[profile]
    return Policy(
        reuse=own.reuse or default.reuse,
        reuse_seconds=own.reuse_seconds,
        budget_account_hour=own.budget_account_hour or default.budget_account_hour,
        budget_subject_day=own.budget_subject_day or default.budget_subject_day,
        rate_per_second=own.rate_per_second or default.rate_per_second,
    )
