"""Revisions: numbered connections of a profile, unchanged after their proposal; and the state of a profile.

At most one revision is active: the profile's state names it, so no crash can leave two. The former one can be activated
again. Where a profile may connect, and which certificate authorities it trusts, comes from the deployment's settings
when a revision is opened. A stored revision is a document without secrets, and its secrets, each sealed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, ClassVar, Literal

from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.keys.sealing import seal, unseal
from gateway.registry.connection import (
    Connection,
    ConnectionMembers,
    IdentityMembers,
    parse_connection_members,
    reveal,
)
from gateway.registry.model import Claim
from gateway.registry.tls import ends_on
from gateway.settings import Settings

SECRET_MEMBERS = (
    "c06_secret",
    "ngsp_key",
    "ngsp_secret",
    "client_key",
    "adapter.access_key",
    "adapter.secret_key",
    "test_identity",
)
"""Members that are sealed, each bound to its profile, revision and name; never shown."""

MASK = "(sealed)"
_SEALED_IDENTITY = IdentityMembers.model_construct(citizen_id="", full_name="", birth_year=0)
"""Shows that there is a test identity, and nothing of it."""

WARNING_DAYS = 30
"""Days before a credential's end from which a warning is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedVolume:
    """The number of enquiries that an application stated, in its busiest hour and in a day."""

    hour: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One connection to the registry. `number` counts from 1 in its profile; its secrets never show in a repr.

    `volume` is what the application for its account stated; None without an application.
    """

    profile: Profile
    number: int
    members: ConnectionMembers = field(repr=False)
    proposed_by: str
    proposed_at: datetime
    volume: StatedVolume | None = None

    def connection(self, settings: Settings) -> Connection:
        """Return the connection, with the hosts, networks and authorities of the profile's settings.

        Raises:
            SettingInvalid: a member is missing, such as the source of an official revision's test identity.
        """
        found = self.members.connection(self.profile)
        if found is None:
            raise SettingInvalid(f"{', '.join(self.members.missing())}: expected in every revision")
        unsourced = self.members.test_identity is not None and self.members.test_identity_source is None
        if unsourced and self.profile is Profile.OFFICIAL:
            raise SettingInvalid(
                "test_identity_source: expected with test_identity on official: who issued it for tests, and when"
            )
        own = settings.of(self.profile)
        return replace(
            found,
            revision=self.number,
            hosts=own.hosts,
            networks=own.networks,
            authorities=own.authorities,
        )

    def days_left(self, today: date) -> int | None:
        """Return for how many days its credentials are valid, a client certificate included.

        Negative after their end, None if no end is known.
        """
        certificate = self.members.client_certificate
        ends = [self.members.expires_on, None if certificate is None else ends_on(certificate)]
        known = [day for day in ends if day is not None]
        return (min(known) - today).days if known else None

    @property
    def test_claim(self) -> Claim | None:
        """Return the claim about the test identity, which a preflight asks about; None without a test identity."""
        return None if self.members.test_identity is None else self.members.test_identity.claim()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Since `at` the registry is asked nothing. `reason` is for people; `by` is an operator's name, or `gateway`."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """The members of the policy that approved changes override; None leaves a member unchanged.

    `accounts` has, by client id, an account's own `confirmed_hour` and `confirmed_day`, or None to remove them.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # for a stored one, which pydantic reads

    reuse: Literal["account", "dossier"] | None = None
    reuse_seconds: int | None = None
    account_hour: int | None = None
    subject_day: int | None = None
    confirmed_hour: int | None = None
    confirmed_day: int | None = None
    accounts: Mapping[str, Mapping[str, int] | None] = field(default_factory=dict)
    reason: str | None = None
    legal_basis: str | None = None
    watch: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileState:
    """The state of a profile: the numbers of its active and former revision, its suspension, its policy.

    `two_people_since`: since when its changes need two people; it is never unset.
    """

    active: int | None = None
    former: int | None = None
    suspension: Suspension | None = None
    policy: PolicyChange = PolicyChange()
    two_people_since: datetime | None = None


States = Mapping[Profile, tuple[ProfileState, Revision | None]]
"""The state of every profile, and its active revision if its secrets can be unsealed."""


def warn_of_end(days_left: int | None) -> str | None:
    """Return what to do about credentials that end soon or have ended; None if their end is far or not known."""
    if days_left is None or days_left > WARNING_DAYS:
        return None
    if days_left < 0:
        return f"the credentials ended {-days_left} {_days(-days_left)} ago: propose a revision with new ones"
    when = f"in {days_left} {_days(days_left)}" if days_left else "today"
    return f"the credentials end {when}: ask for new ones and propose a revision"


def _days(count: int) -> str:
    return "day" if count == 1 else "days"


def write_document(members: ConnectionMembers) -> dict[str, Any]:
    """Return the members without the secrets, by name."""
    secrets = _join({}, dict.fromkeys(SECRET_MEMBERS, True))
    return members.model_dump(mode="json", exclude_defaults=True, exclude=secrets)


def masked(members: ConnectionMembers) -> dict[str, Any]:
    """Return the document with `(sealed)` in place of each secret, for people and diffs."""
    return _join(write_document(members), dict.fromkeys(list_secrets(members), MASK))


def list_secrets(members: ConnectionMembers) -> dict[str, str]:
    """Return the secrets by their members' names."""
    found = {
        "c06_secret": reveal(members.c06_secret),
        "ngsp_key": reveal(members.ngsp_key),
        "ngsp_secret": reveal(members.ngsp_secret),
        "client_key": reveal(members.client_key),
    }
    if members.test_identity is not None:
        found["test_identity"] = members.test_identity.model_dump_json(exclude_none=True)
    if members.adapter is not None:
        found["adapter.access_key"] = reveal(members.adapter.access_key)
        found["adapter.secret_key"] = reveal(members.adapter.secret_key)
    return {name: value for name, value in found.items() if value is not None}


def seal_secret(value: str, profile: Profile, number: int, name: str, *, master: bytes) -> bytes:
    """Return one secret sealed for its profile, revision and member: in another row it can't be unsealed."""
    return seal(master, value.encode(), location=f"revision/{profile.value}/{number}/{name}")


def unseal_secret(sealed: bytes, profile: Profile, number: int, name: str, *, master: bytes) -> str:
    """Return one secret. Raises `SealBroken` for another master key or another row."""
    return unseal(master, sealed, location=f"revision/{profile.value}/{number}/{name}").decode()


def read_members(document: Mapping[str, Any], secrets: Mapping[str, str]) -> ConnectionMembers:
    """Return the members of a stored revision; an empty text replaces a secret that stays sealed.

    Raises:
        ValueError, TypeError: another version wrote the row, or somebody edited it.
    """
    values: dict[str, Any] = dict(secrets)
    if values.get("test_identity") == "":
        values["test_identity"] = _SEALED_IDENTITY
    return parse_connection_members(_join(document, values), stored=True)


def _join(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a value for each secret; the name `outer.inner` is inside another member."""
    whole = dict(document)
    for name, value in secrets.items():
        outer, _, inner = name.partition(".")
        whole[outer] = {**whole.get(outer, {}), inner: value} if inner else value
    return whole
