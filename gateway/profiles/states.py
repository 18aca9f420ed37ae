"""How each profile is, in a word and in days: for `/readyz`, the metrics and people."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from gateway.clock import Clock, today
from gateway.database import Transaction
from gateway.profiles.alarms_store import EnquiryAlarm, list_alarms
from gateway.profiles.model import Gateway, Place
from gateway.profiles.revisions import warn_of_end
from gateway.registry.breaker import BreakerState
from gateway.registry.shelter import ShelteredRegistry

_REFUSED = "the registry refuses the login: ask C06 how the account stands, or propose a revision with right credentials"


class ProfileState(StrEnum):
    """`degraded`: it is asked, but the registry ails, or refuses the login, or its credentials have ended."""

    READY = "ready"
    DEGRADED = "degraded"
    SUSPENDED = "suspended"
    UNCONFIGURED = "unconfigured"


def state_of(place: Place, clock: Clock) -> ProfileState:
    """Return a place's state of now."""
    if place.link is None:
        return ProfileState.UNCONFIGURED
    if place.suspension is not None:
        return ProfileState.SUSPENDED
    if has_ended(place, clock):
        return ProfileState.DEGRADED
    registry = find_sheltered(place)
    if registry is not None and registry.breaker_state is not BreakerState.CLOSED:
        return ProfileState.DEGRADED
    return ProfileState.DEGRADED if _is_login_refused(place) else ProfileState.READY


def find_sheltered(place: Place) -> ShelteredRegistry | None:
    """Return the registry behind a place, which counts its questions; None where there is none, or one that doesn't."""
    registry = place.link.registry if place.link else None
    return registry if isinstance(registry, ShelteredRegistry) else None


def days_left(place: Place, clock: Clock) -> int | None:
    """Return for how many days the active revision's credentials are good; None where no end is known."""
    return None if place.revision is None else place.revision.days_left(today(clock))


def has_ended(place: Place, clock: Clock) -> bool:
    """Say whether the last day of the active revision's credentials is past."""
    days = days_left(place, clock)
    return days is not None and days < 0


def describe_profiles(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """Return every profile's state, its days left and the warning about its credentials, as `/readyz` shows them."""
    clock = gateway.parts.clock
    return {
        "profiles": {
            profile.value: state_of(place, clock).value for profile, place in gateway.places.items()
        },
        "credential_days_left": {
            profile.value: days_left(place, clock) for profile, place in gateway.places.items()
        },
        "credential_warnings": {
            profile.value: find_warning(place, clock) for profile, place in gateway.places.items()
        },
    }


async def describe_enquiries(gateway: Gateway, transaction: Transaction) -> dict[str, str | None]:
    """Return for every profile what to do about accounts that near the end of their enquiries, as `/readyz` shows it."""
    found = await list_alarms(transaction, now=gateway.parts.clock.now())
    return {profile.value: warn_of_volume(found, place) for profile, place in gateway.places.items()}


def warn_of_volume(alarms: Sequence[EnquiryAlarm], place: Place) -> str | None:
    """Return what to do about a place's alarms, naming no account; None where there is none."""
    count = len({alarm.client_id for alarm in alarms if alarm.profile is place.profile})
    if not count:
        return None
    who = "1 account has" if count == 1 else f"{count} accounts have"
    return f"{who} used 80 % of their enquiries: see gateway profiles show {place.profile.value}"


def find_warning(place: Place, clock: Clock) -> str | None:
    """Return what to do about a place's credentials; None while there is nothing."""
    return _REFUSED if _is_login_refused(place) else warn_of_end(days_left(place, clock))


def _is_login_refused(place: Place) -> bool:
    registry = find_sheltered(place)
    return registry is not None and registry.login_refused
