"""Errors of the registry and of its answers; of a profile, the store or the citizens' login that can't work now."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import GatewayError


class ProfileError(GatewayError):
    """The profile can't be used now."""


class ProfileUnconfigured(ProfileError, code="profile_unconfigured"):
    """The profile has no connection."""


class ProfileSuspended(ProfileError, code="profile_suspended"):
    """An operator suspended the profile."""


@dataclass(eq=False)
class CitizenLoginUnavailable(GatewayError, code="citizen_login_unavailable"):
    """The keys of the citizens' login can't be read, so no ID token can be verified; `retry_after` in seconds."""

    retry_after: int = 10


class Overloaded(GatewayError, code="overloaded"):
    """No capacity now: too many callers wait for the store, the audit's writer or the hashing of passwords."""


@dataclass(eq=False)
class StoreUnavailable(Overloaded, code="store_unavailable"):
    """The store can't work now; `cause` is one of `storage.outages.Cause`. A kind of `Overloaded`: callers try again.

    `rolled_back`: the store ended the transaction before its commit. Nothing was committed, and it may be run once more.
    """

    cause: str
    rolled_back: bool = False

    def __str__(self) -> str:
        return self.cause


class ProofPending(GatewayError, code="proof_pending"):
    """The entry that a receipt promises has no signed checkpoint yet; `retry_after` in seconds."""

    retry_after: ClassVar[int] = 1


class RegistryError(GatewayError):
    """The registry gave no usable answer."""


@dataclass(eq=False)
class RegistryRefused(RegistryError, code="registry_refused"):
    """The registry refused with its own code (004 procedure, 005 officer, 006 operation or field, 01 request)."""

    registry_code: str

    def __str__(self) -> str:
        return f"registry code {self.registry_code}"


@dataclass(eq=False)
class RegistryAnswerInvalid(RegistryError, code="registry_answer_invalid"):
    """The answer is malformed or answers another question. `reason` is the failed check, never a value."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class RegistryCredentialsRejected(RegistryError, code="registry_credentials_rejected"):
    """The registry, or the platform before it, refused the gateway's credentials."""


@dataclass(eq=False)
class RegistryUnavailable(RegistryError, code="registry_unavailable"):
    """The registry can't be reached or is in maintenance; `retry_after` in seconds."""

    retry_after: int = 5


class RegistryTimeout(RegistryError, code="registry_timeout"):
    """The deadline of this request passed before the registry answered."""
