"""Build the places from settings and standings: each with its own keys, policy and outbound client.

`local` says that whatever an official place could reach is this machine; only then may an official account be made
without promotion.
"""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from gateway.errors.commands import SettingInvalid
from gateway.keys.model import PlaceKeys, Purpose, SigningRing
from gateway.places import Profile
from gateway.profiles.links import Links
from gateway.profiles.model import Link, Place, Policy, Watch
from gateway.profiles.revisions import PolicyChange, Revision, Standing, Standings, StatedVolume
from gateway.registry.addresses import stay_on_this_machine
from gateway.registry.connection import Connection
from gateway.settings import ProfileSettings, Settings

log = structlog.get_logger("gateway.profiles")

_DEFAULTS: Mapping[Profile, Policy] = {
    Profile.SANDBOX: Policy(
        reuse="account",
        reuse_seconds=1800,
        budget_account_hour=1000,
        budget_subject_day=50,
        budget_confirmed_hour=10_000_000,
        budget_confirmed_day=100_000_000,
        rate_per_second=500,
    ),
    Profile.OFFICIAL: Policy(
        reuse="dossier",
        reuse_seconds=1800,
        budget_account_hour=30,
        budget_subject_day=5,
        budget_confirmed_hour=5_000,
        budget_confirmed_day=20_000,
        rate_per_second=500,
    ),
}


class Opener:
    """Opens places for a deployment: its settings say where each profile may connect, the store which way is active."""

    def __init__(self, settings: Settings, *, base: str, links: Links) -> None:
        self.settings = settings
        self.links = links
        self._base = base

    @property
    def can_open(self) -> bool:
        """Say whether anything can be asked here."""
        return self.links.can_open

    def connection(self, revision: Revision) -> Connection:
        """Return a revision's connection within the deployment's bounds. Raises `SettingInvalid`."""
        own = self.settings.of(revision.profile)
        return revision.connection(hosts=own.hosts, networks=own.networks, authorities=own.authorities)

    async def check(self, connection: Connection) -> None:
        """Raise `SettingInvalid` where a connection can't work: nothing is sent."""
        from gateway.registry.client import check_connection  # noqa: PLC0415 - brings the wire's libraries

        check_connection(connection)
        link = self.links.open(connection)
        if link is not None:
            await self.links.close(link)

    def policy(self, profile: Profile, changed: PolicyChange, volume: StatedVolume | None = None) -> Policy:
        """Return the policy that holds with a change laid over the settings', and those over what was stated."""
        return _policy(profile, self.settings.of(profile), changed, volume)

    def open_all(
        self, keys: Mapping[Profile, PlaceKeys], found: Standings, former: Mapping[Profile, Place]
    ) -> dict[Profile, Place]:
        """Return the places as they stand; a link is kept while its revision is active, and else retired.

        Raises:
            SettingInvalid: `account` reuse on official without an approved change.
        """
        places = {}
        for profile in Profile:
            before = former[profile].link if profile in former else None
            standing, active = found.standings[profile], found.active.get(profile)
            if active is None and standing.active is not None:
                log.error("revision_sealed", profile=profile.value, revision=standing.active)
            link = self._link(before, active)
            places[profile] = self._open(profile, keys[profile], standing, active, link)
            if before is not None and before is not link:
                self.links.retire(before)
        return places

    def _link(self, before: Link | None, active: Revision | None) -> Link | None:
        """Return the former link where it is the active revision's, else a new one; none where it can't be opened.

        A worker that can't open the active revision must not go on with the former one.
        """
        if active is None:
            return None
        if before is not None and before.connection.revision == active.number:
            return before
        try:
            return self.links.open(self.connection(active))
        except SettingInvalid as error:
            log.error(  # noqa: TRY400 - the reason says it all
                "revision_unusable", profile=active.profile.value, revision=active.number, reason=error.reason
            )
            return None

    def _open(
        self,
        profile: Profile,
        keys: PlaceKeys,
        standing: Standing,
        active: Revision | None,
        link: Link | None,
    ) -> Place:
        own = self.settings.of(profile)
        local = is_local(own, active)
        return Place(
            profile=profile,
            base=self._base,
            keys=keys,
            tokens=SigningRing(keys, Purpose.TOKEN),
            receipts=SigningRing(keys, Purpose.RECEIPT),
            policy=_policy(profile, own, standing.policy, None if active is None else active.volume),
            link=link,
            revision=active,
            suspension=standing.suspension,
            test_data=profile is Profile.SANDBOX or (active is not None and local),
            local=local,
        )


def is_local(settings: ProfileSettings, active: Revision | None = None) -> bool:
    """Say whether a profile can reach this machine alone: by its networks, or since it has no connection at all."""
    if settings.networks:
        return stay_on_this_machine(settings.networks)
    return active is None and settings.registry_url is None


WRONG_SHARE = 20
"""One claim in so many of a stated hour may be wrong, where that is more than the default."""


def _default_of(profile: Profile, volume: StatedVolume | None) -> Policy:
    """Return the default policy: its volume is what the application behind the active revision stated, if one did."""
    default = _DEFAULTS[profile]
    if volume is None:
        return default
    return replace(
        default,
        budget_account_hour=max(default.budget_account_hour, volume.hour // WRONG_SHARE),
        budget_confirmed_hour=volume.hour,
        budget_confirmed_day=volume.day,
    )


def _told(profile: Profile, own: ProfileSettings, default: Policy) -> dict[str, int]:
    """Return the settings' bounds over the default ones: on official, but a rehearsal on this machine, only stricter.

    Wider ones are a change of two people: the host alone would else take the end off harvesting, with no row of it.
    """
    names = ("reuse_seconds", *(name for name in ProfileSettings.model_fields if name.startswith("budget_")))
    told = {name: getattr(own, name) or getattr(default, name) for name in names}
    rehearsal = bool(own.networks) and stay_on_this_machine(own.networks)
    if profile is Profile.SANDBOX or rehearsal:
        return told
    return {name: min(value, getattr(default, name)) for name, value in told.items()}


def _policy(
    profile: Profile, own: ProfileSettings, changed: PolicyChange, volume: StatedVolume | None
) -> Policy:
    default = _default_of(profile, volume)
    if profile is Profile.OFFICIAL and own.reuse == "account":
        raise SettingInvalid(
            "GATEWAY_OFFICIAL_REUSE: account needs an approved change that cites its legal basis; use dossier"
        )
    told = _told(profile, own, default)
    return Policy(
        reuse=changed.reuse or own.reuse or default.reuse,
        reuse_seconds=changed.reuse_seconds or told["reuse_seconds"],
        budget_account_hour=changed.account_hour or told["budget_account_hour"],
        budget_subject_day=changed.subject_day or told["budget_subject_day"],
        budget_confirmed_hour=changed.confirmed_hour or told["budget_confirmed_hour"],
        budget_confirmed_day=changed.confirmed_day or told["budget_confirmed_day"],
        rate_per_second=own.rate_per_second or default.rate_per_second,
        legal_basis=changed.legal_basis,
        watch=replace(Watch(), **dict(changed.watch)),
        accounts={name: dict(limits) for name, limits in changed.accounts.items() if limits},
        reason=changed.reason,
    )
