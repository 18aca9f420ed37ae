"""What operators may see of profiles and revisions: how they are, never a secret."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway.changes import store
from gateway.changes.model import Change, ChangeKind
from gateway.clock import today
from gateway.places import Profile
from gateway.profiles import store as profiles
from gateway.profiles.model import Gateway
from gateway.profiles.revisions import Revision, Suspension, warn_of_end
from gateway.profiles.states import ProfileState, days_left, state_of


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
    async with gateway.parts.database.read() as transaction:
        standings = {profile: await profiles.read_standing(transaction, profile) for profile in Profile}
    views = []
    for profile, place in gateway.places.items():
        left = days_left(place, gateway.parts.clock)
        members = place.revision.members if place.revision else None
        views.append(
            ProfileView(
                profile=profile,
                state=_state(gateway, profile, standings[profile].suspension),
                active=standings[profile].active,
                former=standings[profile].former,
                registry_url=members.registry_url if members else None,
                dialect=members.dialect.value if members else None,
                days_left=left,
                warning=warn_of_end(left),
                suspension=standings[profile].suspension,
                policy=asdict(place.policy),
                epoch=gateway.places.epoch,
            )
        )
    return views


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
    """A command opens no links: there, what is active counts as ready."""
    place = gateway.places[profile]
    if place.link is None and place.revision is not None and not gateway.opener.can_open:
        return ProfileState.SUSPENDED if suspension is not None else ProfileState.READY
    return state_of(place, gateway.parts.clock)
