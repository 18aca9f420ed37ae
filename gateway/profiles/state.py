"""The status of each profile, its days left and its warnings, for `/readyz`, the metrics and commands."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from gateway.clock import Clock, rfc3339, today
from gateway.identifiers import Profile
from gateway.profiles.model import Gateway, Place
from gateway.profiles.revisions import warn_of_end
from gateway.profiles.store import EnquiryAlarm, list_alarms, read_state
from gateway.storage.database import Transaction

_REFUSED = "the registry refuses the login: ask C06 about the account, or propose a revision with the right credentials"


class ProfileStatus(StrEnum):
    """`degraded`: the registry fails or refuses the login, or the credentials have ended.

    `not_served`: another process answers for this profile.
    """

    READY = "ready"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    UNCONFIGURED = "unconfigured"
    NOT_SERVED = "not_served"


async def describe_profile(gateway: Gateway, profile: Profile) -> dict[str, Any]:
    """Return one profile with its present state in the store, as the API and the commands show it."""
    clock, place = gateway.deps.clock, gateway.places[profile]
    async with gateway.deps.database.read() as transaction:
        state = await read_state(transaction, profile)
        alarms = await list_alarms(transaction, now=clock.now())
    suspension, members = state.suspension, place.revision.members if place.revision else None
    return {
        "profile": profile.value,
        "state": status_of(gateway, place).value,
        "active": state.active,
        "former": state.former,
        "registry_url": members.registry_url if members else None,
        "dialect": members.dialect.value if members else None,
        "days_left": days_left(place, clock),
        "warning": _find_warning(place, clock) or _warn_of_volume(alarms, place),
        "enquiry_alarms": [_describe_alarm(alarm) for alarm in alarms if alarm.profile is profile],
        "suspended_at": rfc3339(suspension.at) if suspension else None,
        "suspended_by": suspension.by if suspension else None,
        "reason": suspension.reason if suspension else None,
        "policy": asdict(place.policy),
        "epoch": gateway.places.epoch,
    }


def _describe_alarm(alarm: EnquiryAlarm) -> dict[str, Any]:
    return {
        "client_id": alarm.client_id,
        "budget": alarm.budget,
        "used": alarm.used,
        "limit": alarm.most,
        "raised_at": rfc3339(alarm.raised_at),
    }


def status_of(gateway: Gateway, place: Place) -> ProfileStatus:
    """Return a place's current status. A command opens no client: for it, an active revision is `ready`."""
    if not gateway.clients.serves(place.profile):
        return ProfileStatus.NOT_SERVED
    configured = place.client is not None or (place.revision is not None and not gateway.clients.can_open)
    if not configured:
        return ProfileStatus.UNCONFIGURED
    if place.suspension is not None:
        return ProfileStatus.SUSPENDED
    days = days_left(place, gateway.deps.clock)
    registry = place.client
    failing = registry is not None and (registry.breaker_state != "closed" or registry.login_refused)
    return ProfileStatus.DEGRADED if failing or (days is not None and days < 0) else ProfileStatus.READY


def days_left(place: Place, clock: Clock) -> int | None:
    """Return for how many days the active revision's credentials are valid; None if no end is known."""
    return None if place.revision is None else place.revision.days_left(today(clock))


def describe_profiles(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """Return every profile's status, its days left and the warning about its credentials, as `/readyz` shows them."""
    clock, places, serves = gateway.deps.clock, gateway.places.items(), gateway.clients.serves
    return {
        "profiles": {name.value: status_of(gateway, place).value for name, place in places},
        "credential_days_left": {
            name.value: days_left(place, clock) if serves(name) else None for name, place in places
        },
        "credential_warnings": {
            name.value: _find_warning(place, clock) if serves(name) else None for name, place in places
        },
    }


async def describe_enquiries(gateway: Gateway, transaction: Transaction) -> dict[str, str | None]:
    """Return for every profile what to do about accounts near the end of a budget, as `/readyz` shows it."""
    found = await list_alarms(transaction, now=gateway.deps.clock.now())
    return {
        profile.value: _warn_of_volume(found, place) if gateway.clients.serves(profile) else None
        for profile, place in gateway.places.items()
    }


def _warn_of_volume(alarms: Sequence[EnquiryAlarm], place: Place) -> str | None:
    """Return what to do about a place's alarms, without naming an account; None without alarms."""
    count = len({alarm.client_id for alarm in alarms if alarm.profile is place.profile})
    if not count:
        return None
    who = "1 account has" if count == 1 else f"{count} accounts have"
    return f"{who} used 80 % of their enquiries: see gateway profiles show {place.profile.value}"


def _find_warning(place: Place, clock: Clock) -> str | None:
    """Return what to do about a place's credentials; None if nothing."""
    registry = place.client
    if registry is None or not registry.login_refused:
        return warn_of_end(days_left(place, clock))
    if registry.clock_skew is None:
        return _REFUSED
    seconds = round(registry.clock_skew)
    where = "ahead of" if seconds > 0 else "behind"
    return f"the registry refuses the login: its clock is {abs(seconds)} s {where} this machine's: set the clock by NTP"
