"""The places of a gateway, from the settings and the profiles' states: each with its own keys, policy and registry client.

A profile's first connection comes from its settings: they create revision 1, once, and are ignored afterwards. It is
active at once on sandbox, and on an official profile that can reach only this machine (`Place.local`; only there an
official account is created without promotion). Elsewhere it is only proposed: no setting activates official.

Running workers apply a rotated key or a switched revision without a restart and without losing a request. Such a change
increments the store's epoch in its own transaction. Every worker reads the epoch five times a second on SQLite, and on
PostgreSQL when it is notified (`accounts/kept_store.py`); when it has changed, the worker reads the keys and the profiles'
states again and replaces its places as a whole. A request under way keeps the place that it began with. See
docs/decisions/0037, 0056 and 0091.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from gateway.audit.model import LOCAL, AuditEntry, act_entry
from gateway.background import run_in_background
from gateway.deployment import advance_epoch, fetch_epoch, read_epoch
from gateway.errors.operators import MasterKeyWrong, RowUnreadable, SettingInvalid
from gateway.errors.requests import Overloaded
from gateway.identifiers import Profile, audience_of, issuer_of
from gateway.keys.model import PlaceKeys, Purpose, SigningRing
from gateway.profiles import store
from gateway.profiles.model import ClientPool, Dependencies, Gateway, Place, Policy, Watch
from gateway.profiles.revisions import PolicyChange, ProfileState, Revision, StatedVolume, States
from gateway.registry.addresses import is_loopback_only
from gateway.registry.connection import Connection, ConnectionMembers, given_members
from gateway.settings import ProfileSettings, Settings
from gateway.storage.database import Transaction

if TYPE_CHECKING:
    from gateway.registry.client import RegistryClient

log = structlog.get_logger("gateway.profiles")

POLL_SECONDS = 0.2
"""How long to wait after a failure."""

_REMEDIES = {
    "epoch_unread": "the store can't be read: the present keys stay until it can",
    "master_key_rotated": "set GATEWAY_MASTER_KEY (or _FILE) to the new key and restart; until then the present keys stay",
    "epoch_failed": "the present keys stay",
}

_UNREADABLE = (
    "the present keys stay; serve with the version that wrote the row, or run gateway audit verify --state"
)

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


async def check_connection(clients: ClientPool, connection: Connection) -> None:
    """Raise `SettingInvalid` if a connection can't work; nothing is sent."""
    from gateway.registry import client as registry  # noqa: PLC0415 - loads the libraries for HTTP and XML

    registry.check_connection(connection)
    client = clients.open(connection)
    if client is not None:
        await clients.close(client)


def open_places(
    settings: Settings,
    clients: ClientPool,
    keys: Mapping[Profile, PlaceKeys],
    found: States,
    former: Mapping[Profile, Place],
    *,
    base: str,
) -> dict[Profile, Place]:
    """Return the places for these states; a client is kept while its revision is active, else it is retired."""
    places = {}
    for profile in Profile:
        before = former[profile].client if profile in former else None
        state, active = found[profile]
        if active is None and state.active is not None:
            log.error("revision_sealed", profile=profile.value, revision=state.active)
        client = _find_client(settings, clients, before, active)
        local = is_local(settings.of(profile), active)
        places[profile] = Place(
            profile=profile,
            base=base,
            issuer=issuer_of(base, profile),
            audience=audience_of(base, profile),
            keys=keys[profile],
            tokens=SigningRing(keys[profile], Purpose.TOKEN),
            receipts=SigningRing(keys[profile], Purpose.RECEIPT),
            policy=policy_of(settings, profile, state.policy, None if active is None else active.volume),
            client=client,
            revision=active,
            suspension=state.suspension,
            test_data=profile is Profile.SANDBOX or (active is not None and local),
            local=local,
        )
        if before is not None and before is not client:
            clients.retire(before)
    return places


def _find_client(
    settings: Settings, clients: ClientPool, before: "RegistryClient | None", active: Revision | None
) -> "RegistryClient | None":
    """Return the former client if it is the active revision's, else a new one; None if it can't be opened.

    A worker that can't open the active revision must not continue with the former one. A server of one profile opens no
    client of the other.
    """
    if active is None or not clients.serves(active.profile):
        return None
    if before is not None and before.connection.revision == active.number:
        return before
    try:
        return clients.open(active.connection(settings))
    except SettingInvalid as error:
        log.error(  # noqa: TRY400 - the reason is enough
            "revision_unusable", profile=active.profile.value, revision=active.number, reason=error.reason
        )
        return None


def is_local(settings: ProfileSettings, active: Revision | None = None) -> bool:
    """Return whether a profile can reach only this machine, by its networks, or has no connection at all."""
    if settings.networks:
        return is_loopback_only(settings.networks)
    return active is None and settings.registry_url is None


_WRONG_SHARE = 20
"""One in 20 of the stated enquiries of an hour may be wrong, if that is more than the default."""


def _default_of(profile: Profile, volume: StatedVolume | None) -> Policy:
    """Return the default policy, with the volume that the active revision's application stated, if there is one."""
    default = _DEFAULTS[profile]
    if volume is None:
        return default
    return replace(
        default,
        budget_account_hour=max(default.budget_account_hour, volume.hour // _WRONG_SHARE),
        budget_confirmed_hour=volume.hour,
        budget_confirmed_day=volume.day,
    )


def _bounds_of(profile: Profile, own: ProfileSettings, default: Policy) -> dict[str, int]:
    """Return the limits: the settings override the defaults; on official only with stricter ones, unless it is local.

    A wider limit on official needs a change by two people: otherwise one person with the host could allow harvesting,
    without an audit row.
    """
    names = ("reuse_seconds", *(name for name in ProfileSettings.model_fields if name.startswith("budget_")))
    bounds = {name: getattr(own, name) or getattr(default, name) for name in names}
    rehearsal = bool(own.networks) and is_loopback_only(own.networks)
    if profile is Profile.SANDBOX or rehearsal:
        return bounds
    return {name: min(value, getattr(default, name)) for name, value in bounds.items()}


def policy_of(
    settings: Settings, profile: Profile, changed: PolicyChange, volume: StatedVolume | None
) -> Policy:
    """Return the policy in force: approved changes override the settings, and these override the defaults."""
    own = settings.of(profile)
    default = _default_of(profile, volume)
    bounds = _bounds_of(profile, own, default)
    return Policy(
        reuse=changed.reuse or own.reuse or default.reuse,
        reuse_seconds=changed.reuse_seconds or bounds["reuse_seconds"],
        budget_account_hour=changed.account_hour or bounds["budget_account_hour"],
        budget_subject_day=changed.subject_day or bounds["budget_subject_day"],
        budget_confirmed_hour=changed.confirmed_hour or bounds["budget_confirmed_hour"],
        budget_confirmed_day=changed.confirmed_day or bounds["budget_confirmed_day"],
        rate_per_second=own.rate_per_second or default.rate_per_second,
        legal_basis=changed.legal_basis,
        watch=replace(Watch(), **dict(changed.watch)),
        accounts={name: dict(limits) for name, limits in changed.accounts.items() if limits},
        reason=changed.reason,
    )


async def create_first_revision(
    deps: Dependencies, settings: Settings, clients: ClientPool, profile: Profile, *, master: bytes
) -> Revision | None:
    """Create revision 1 of a profile from its settings if it has none; return it if it must be proposed.

    Raises:
        SettingInvalid: the connection of the settings can't work; the reason names the setting.
    """
    own = settings.of(profile)
    if own.registry_url is None:
        return None
    async with deps.database.read() as transaction:
        if await store.next_number(transaction, profile) > 1:
            log.warning(
                "settings_ignored",
                settings=[f"GATEWAY_{profile.upper()}_{name.upper()}" for name in given_members(own)],
                remedy="this profile's connection is a revision in the store: gateway profiles propose changes it",
            )
            return None
    members = ConnectionMembers.model_validate(own.model_dump(include=set(given_members(own))))
    revision = Revision(
        profile=profile, number=1, members=members, proposed_by=LOCAL, proposed_at=deps.clock.now()
    )
    try:
        await check_connection(clients, revision.connection(settings))
    except SettingInvalid as error:  # name the setting instead of the member
        member, _, expected = error.reason.partition(":")
        raise SettingInvalid(f"GATEWAY_{profile.upper()}_{member.upper()}:{expected}") from None
    at_once = profile is Profile.SANDBOX or is_local(own)
    outcome = "revision_activated:1" if at_once else "revision_proposed:1"

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], bool]:
        if await store.next_number(transaction, profile) > 1:
            return (), False  # another worker was first
        await store.insert_revision(transaction, revision, master=master)
        if at_once:
            await store.write_state(transaction, profile, ProfileState(active=1))
        await advance_epoch(transaction)
        return (act_entry(outcome, at=revision.proposed_at, actor=LOCAL, profile=profile),), True

    made = await deps.audit.commit(decide)
    return revision if made and not at_once else None


async def refresh(gateway: Gateway) -> bool:
    """Replace the places if the store's epoch has changed; return whether it has.

    Raises:
        MasterKeyWrong: the master key was rotated elsewhere. The present keys stay, but a revision that was replaced
            meanwhile is no longer used, and a suspension is applied.
        Overloaded: the store can't be read now.
    """
    if await fetch_epoch(gateway.deps.database) == gateway.places.epoch:
        return False
    async with gateway.places.replacing, gateway.deps.database.read() as transaction:
        epoch = await read_epoch(transaction)
        if epoch == gateway.places.epoch:
            return False
        try:
            rings = await gateway.vault.read(transaction)
            opened = gateway.clients.served
            found = await store.read_states(transaction, master=gateway.vault.master, opened=opened)
        except MasterKeyWrong:
            _drop_replaced_clients(gateway, await store.read_states(transaction, master=None))
            raise
        places = open_places(
            gateway.settings, gateway.clients, rings.keys, found, gateway.places, base=gateway.deps.base
        )
        gateway.places.replace_all(places, epoch=epoch)
        gateway.deps.audit.macs.use(rings.evidence)
    return True


def _drop_replaced_clients(gateway: Gateway, found: States) -> None:
    """Stop using a revision that is no longer active, even if its successor can't be unsealed here."""
    places = dict(gateway.places)
    for profile, place in gateway.places.items():
        state, _ = found[profile]
        number = place.revision.number if place.revision is not None else None
        if number != state.active or place.suspension != state.suspension:
            client = place.client if number == state.active else None
            places[profile] = replace(place, client=client, suspension=state.suspension)
    gateway.places.replace_all(places, epoch=gateway.places.epoch)


def follow_epochs(gateway: Gateway) -> AbstractAsyncContextManager[None]:
    """Refresh in the background while a block runs."""
    return run_in_background(_watch(gateway))


async def _watch(gateway: Gateway) -> None:
    """Refresh until cancelled. A failure is logged once, and again only after a refresh has succeeded."""
    troubled = ""
    while True:
        await (asyncio.sleep(POLL_SECONDS) if troubled else gateway.deps.kept.versions.wait())
        trouble = ""
        try:
            if await refresh(gateway):
                log.info("epoch_followed", epoch=gateway.places.epoch)
        except Overloaded:
            trouble = "epoch_unread"
        except MasterKeyWrong:
            trouble = "master_key_rotated"
        except RowUnreadable as error:
            if troubled != "profile_unreadable":
                log.error("profile_unreadable", reason=error.reason, remedy=_UNREADABLE)  # noqa: TRY400 - no trace: the reason names the row
            trouble = troubled = "profile_unreadable"
        except Exception:  # the outermost edge of a task: without it the refresh would stop
            if troubled != "epoch_failed":
                log.exception("epoch_failed")
            trouble = "epoch_failed"
        if trouble and trouble != troubled:
            log.warning(trouble, remedy=_REMEDIES[trouble])
        troubled = trouble
