"""Our own side: the profile or the store can't serve now."""

from gateway.errors import GatewayError


class ProfileError(GatewayError):
    """The place itself can't serve now."""


class ProfileUnconfigured(ProfileError):
    """The profile has no connection."""


class ProfileSuspended(ProfileError):
    """An operator suspended the profile."""


class Overloaded(GatewayError):
    """Our own store or audit writer can't take the work, or can't keep the answer, which then doesn't leave."""
