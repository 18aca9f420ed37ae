"""What operators may see of profiles and revisions: how they are, never a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway.changes import store
from gateway.changes.model import Change, ChangeKind
from gateway.clock import today
from gateway.places import Profile
from gateway.profiles import store as profiles
from gateway.profiles.alarms_store import EnquiryAlarm, list_alarms
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Revision, Suspension
from gateway.profiles.states import (
    ProfileState,
    days_left,
    find_warning,
    has_ended,
    state_of,
    warn_of_volume,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileView:
    """Where a profile stands, for people."""

    profile: Profile
    state: ProfileState
    active: int | None
    former: int | None
    registry_url: str | None
    dialect: str | None
    days_left: int | None
    warning: str | None
    enquiry_alarms: Sequence[EnquiryAlarm]
    suspension: Suspension | None
    policy: Mapping[str, Any]
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView:
    """A revision with its state: `active`, `former`, else as its change has it."""

    revision: Revision
    state: str
    days_left: int | None


async def list_profiles(gateway: Gateway) -> list[ProfileView]:
    """Return both profiles as the store has them now."""
    return [await get_profile(gateway, profile) for profile in gateway.places]


async def get_profile(gateway: Gateway, profile: Profile) -> ProfileView:
    """Return one profile as the store has it now."""
    async with gateway.parts.database.read() as transaction:
        standing = await profiles.read_standing(transaction, profile)
        alarms = await list_alarms(transaction, now=gateway.parts.clock.now())
    place = gateway.places[profile]
    members = place.revision.members if place.revision else None
    return ProfileView(
        profile=profile,
        state=_state(gateway, profile, standing.suspension),
        active=standing.active,
        former=standing.former,
        registry_url=members.registry_url if members else None,
        dialect=members.dialect.value if members else None,
        days_left=days_left(place, gateway.parts.clock),
        warning=find_warning(place, gateway.parts.clock) or warn_of_volume(alarms, place),
        enquiry_alarms=[alarm for alarm in alarms if alarm.profile is profile],
        suspension=standing.suspension,
        policy=asdict(place.policy),
        epoch=gateway.places.epoch,
    )


async def list_revisions(gateway: Gateway, profile: Profile) -> list[RevisionView]:
    """Return a profile's revisions, the oldest first."""
    async with gateway.parts.database.read() as transaction:
        standing = await profiles.read_standing(transaction, profile)
        found = await profiles.list_revisions(transaction, profile)
        changes = await store.list_changes(transaction, profile=profile)
    by_number = {
        change.revision: change.state.value
        for change in reversed(changes)
        if change.kind is ChangeKind.ACTIVATE_REVISION
    }
    day = today(gateway.parts.clock)
    views = []
    for revision in found:
        state = by_number.get(revision.number, "retired")
        if revision.number == standing.active:
            state = "active"
        elif revision.number == standing.former:
            state = "former"
        views.append(RevisionView(revision=revision, state=state, days_left=revision.days_left(day)))
    return views


async def list_changes(gateway: Gateway, profile: Profile | None = None) -> Sequence[Change]:
    """Return changes, the newest first."""
    async with gateway.parts.database.read() as transaction:
        return await store.list_changes(transaction, profile=profile)


def _state(gateway: Gateway, profile: Profile, suspension: Suspension | None) -> ProfileState:
    """A command opens no links: there, what is active counts as ready while its credentials last."""
    place = gateway.places[profile]
    if place.link is None and place.revision is not None and not gateway.opener.can_open:
        if suspension is not None:
            return ProfileState.SUSPENDED
        return ProfileState.DEGRADED if has_ended(place, gateway.parts.clock) else ProfileState.READY
    return state_of(place, gateway.parts.clock)
