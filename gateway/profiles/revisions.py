"""Revisions: numbered ways of a profile to the registry, never changed once proposed, and where a profile stands.

Exactly one revision is active: a profile's standing names it, so that no crash can leave two. The former one stays
ready. Where a profile may connect, and whom it trusts there, is the deployment's word and joins in only when a
revision is opened.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from gateway.errors.commands import SettingInvalid
from gateway.places import Profile
from gateway.registry.connection import Connection
from gateway.registry.members import ConnectionMembers
from gateway.registry.model import Claim
from gateway.registry.tls import ends_on

SECRET_MEMBERS = (
    "c06_secret",
    "ngsp_key",
    "ngsp_secret",
    "client_key",
    "adapter.access_key",
    "adapter.secret_key",
    "test_identity",
)
"""Members that are sealed, each bound to its profile, revision and name; they are shown to nobody."""

WARNING_DAYS = 30
"""From how many days before a credential ends it is warned of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedVolume:
    """How many enquiries an application stated, in its busiest hour and in a day."""

    hour: int
    day: int

    @classmethod
    def of_rate(cls, *, per_second: int, per_day: int) -> "StatedVolume":
        """Return the volume of a stated rate: no hour has more than a day, or than its seconds allow."""
        return cls(hour=min(per_second * 3600, per_day), day=per_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One way to the registry. `number` counts from 1 in its profile; its secrets never show in a repr.

    `volume` is that of the application which its account answers, None where none is named.
    """

    profile: Profile
    number: int
    members: ConnectionMembers = field(repr=False)
    proposed_by: str
    proposed_at: datetime
    volume: StatedVolume | None = None

    def connection(
        self, *, hosts: tuple[str, ...], networks: tuple[str, ...], authorities: str | None
    ) -> Connection:
        """Return the connection, with where the deployment lets its profile connect, and whom it trusts there.

        Raises:
            SettingInvalid: a member is missing, such as where the test identity of an official revision comes from.
        """
        found = self.members.connection(self.profile)
        if found is None:
            raise SettingInvalid(f"{', '.join(self.members.missing())}: expected of every revision")
        unsourced = self.members.test_identity is not None and self.members.test_identity_source is None
        if unsourced and self.profile is Profile.OFFICIAL:
            raise SettingInvalid(
                "test_identity_source: with test_identity on official, who issued it for tests, and when, is expected"
            )
        return replace(found, revision=self.number, hosts=hosts, networks=networks, authorities=authorities)

    def days_left(self, today: date) -> int | None:
        """Return for how many days its credentials are good, a client certificate among them.

        Negative once they aren't, None where no end is known.
        """
        ends = [day for day in (self.members.expires_on, self._certificate_ends()) if day is not None]
        return (min(ends) - today).days if ends else None

    @property
    def test_claim(self) -> Claim | None:
        """Return what a preflight asks about the person whom the registry issued for tests; None where none is named."""
        return None if self.members.test_identity is None else self.members.test_identity.claim()

    def _certificate_ends(self) -> date | None:
        certificate = self.members.client_certificate
        return None if certificate is None else ends_on(certificate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Nothing is asked of the registry since `at`. `reason` is for people; `by` an operator's name, or `gateway`."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What a change laid over the settings' policy; absent is untouched.

    `accounts` holds by client id what an account has instead of `confirmed_hour` and `confirmed_day`, or None to end that.
    """

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
class Standing:
    """Where a profile stands: the active and the former revision's numbers, its suspension, its policy.

    `two_people_since` is when it first took two people to change it: once there, it stays for good.
    """

    active: int | None = None
    former: int | None = None
    suspension: Suspension | None = None
    policy: PolicyChange = PolicyChange()
    two_people_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standings:
    """Every profile's standing, with the active revision where its secrets could be unsealed."""

    standings: Mapping[Profile, Standing]
    active: Mapping[Profile, Revision]


def warn_of_end(days_left: int | None) -> str | None:
    """Return what to do about credentials that end soon, or have ended; None while there is time, or no end is known."""
    if days_left is None or days_left > WARNING_DAYS:
        return None
    if days_left < 0:
        return f"the credentials ended {-days_left} {_days(-days_left)} ago: propose a revision with new ones"
    when = f"in {days_left} {_days(days_left)}" if days_left else "today"
    return f"the credentials end {when}: ask for new ones and propose a revision"


def _days(count: int) -> str:
    return "day" if count == 1 else "days"
