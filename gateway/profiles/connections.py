"""Build the places from the settings and the profiles' states: each with its own keys, policy and registry client.

A profile's first connection comes from its settings: they create revision 1, once, and are ignored afterwards. It is
active at once on sandbox, and on an official profile that can reach only this machine (`Place.local`; only there an
official account is created without promotion). Elsewhere it is only proposed: no setting activates official.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.deployment import advance_epoch
from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile, audience_of, issuer_of
from gateway.keys.model import PlaceKeys, Purpose, SigningRing
from gateway.profiles import store
from gateway.profiles.client_pool import ClientPool, PooledClient
from gateway.profiles.model import Place, Policy, Watch
from gateway.profiles.revisions import PolicyChange, ProfileState, Revision, StatedVolume, StatesByProfile
from gateway.profiles.switching import new_act_entry
from gateway.registry.addresses import is_loopback_only
from gateway.registry.connection import Connection
from gateway.registry.members import ConnectionMembers, given_members
from gateway.settings import ProfileSettings, Settings
from gateway.storage.database import Transaction

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
    found: StatesByProfile,
    former: Mapping[Profile, Place],
    *,
    base: str,
) -> dict[Profile, Place]:
    """Return the places for these states; a client is kept while its revision is active, else it is retired.

    Raises:
        SettingInvalid: `account` reuse on official without an approved change.
    """
    places = {}
    for profile in Profile:
        before = former[profile].client if profile in former else None
        state, active = found.states[profile], found.active.get(profile)
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
    settings: Settings, clients: ClientPool, before: PooledClient | None, active: Revision | None
) -> PooledClient | None:
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
    """Return the policy in force: approved changes override the settings, and these override the defaults.

    Raises:
        SettingInvalid: `account` reuse on official without an approved change.
    """
    own = settings.of(profile)
    default = _default_of(profile, volume)
    if profile is Profile.OFFICIAL and own.reuse == "account":
        raise SettingInvalid(
            "GATEWAY_OFFICIAL_REUSE: account needs an approved change with its legal basis; use dossier"
        )
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
        return (new_act_entry(Kind.LOCAL, profile, outcome, at=revision.proposed_at, actor=LOCAL),), True

    made = await deps.audit.commit(decide)
    return revision if made and not at_once else None
