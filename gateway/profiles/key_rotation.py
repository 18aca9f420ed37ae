"""Rotate a place's signing and look-up keys: the new one is known everywhere before it serves.

- token: the old one is accepted until its last token is dead;
- receipt: the old one stays for good, since receipts are evidence for years;
- look-up: the old one is tried until no verification and no budget hangs on it any more.

A leaked key ends at once, and with it what it signed. Master: `master_rotation.py`. See docs/decisions/0037.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.audit.model import LOCAL, AuditEntry
from gateway.database import Transaction
from gateway.deployment import advance_epoch
from gateway.errors.commands import Unknown
from gateway.identifiers import new_identifier
from gateway.keys import store
from gateway.keys.model import SCHEDULED, Key, PlaceKeys, Purpose
from gateway.keys.use_cases import make_key
from gateway.places import Profile
from gateway.profiles.host_acts import Permit, actor_of, hold_host, kind_of
from gateway.profiles.model import Gateway, Policy

LEAD = timedelta(seconds=180)
"""How long a key is known before it serves: longer than a key set is cached (60 s) and a request lasts (120 s)."""

LEAD_AFTER_A_LEAK = timedelta(seconds=2)
"""Time enough for every worker to know the new key, so that all change over in one moment."""

TOKEN_OVERLAP = timedelta(seconds=390)
"""A token's 300 s, 30 s between clocks, and a minute."""

LOOKUP_OVERLAP = timedelta(hours=24)
"""The longest budget. A verification may live longer, by the profile's policy."""

_MARGIN = timedelta(hours=1)

BY_ADMIN = (
    "there are operators: the keys of official, and the master key, are rotated by an admin who is signed in: "
    "gateway login NAME"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new key, and the former ones whose end it settles."""

    key: Key
    former: tuple[Key, ...]


async def rotate_keys(
    gateway: Gateway,
    purpose: Purpose,
    profiles: Sequence[Profile],
    *,
    leaked: Sequence[str] = (),
    permit: Permit | None = None,
) -> list[Rotation]:
    """Give each profile a new key of a purpose, all in one commit with its rows; running workers follow.

    `permit` is an admin's.

    Raises:
        StateWrong: on official there are operators, and no permit.
        RoleMissing, TokenInvalid: as the permit says.
        Unknown: a key said to have leaked is not an accepted one of that purpose and those profiles.
        MasterKeyWrong: the master key was rotated meanwhile.
    """
    if purpose not in SCHEDULED:
        raise ValueError(purpose)
    made: list[Rotation] = []
    if Profile.OFFICIAL in _named(gateway, purpose, profiles, leaked):
        await hold_host(gateway.parts, permit, tried=f"rotate_{purpose.value}_key", remedy=BY_ADMIN)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        made.clear()
        now = gateway.parts.clock.now()
        rings = (await gateway.vault.read(transaction)).keys
        wanted = [rings[profile] for profile in profiles]
        chosen = _having(wanted, purpose, leaked, now) if leaked else wanted
        actor = LOCAL
        if permit is not None or any(ring.profile is Profile.OFFICIAL for ring in chosen):
            actor = await actor_of(transaction, permit, remedy=BY_ADMIN)
        for ring in chosen:
            policy = gateway.places[ring.profile].policy
            made.append(plan_rotation(ring, purpose, policy, now=now, leaked=leaked))
        for rotation in made:
            await store.insert_key(transaction, rotation.key, master=gateway.vault.master)
            for key in rotation.former:
                if key.accepted_until is not None:
                    await store.end_key(transaction, key.kid, at=key.accepted_until)
        await advance_epoch(transaction)
        return [entry for rotation in made for entry in _entries(rotation, now, leaked, actor=actor)]

    await gateway.parts.audit.commit(decide)
    return made


def plan_rotation(
    ring: PlaceKeys, purpose: Purpose, policy: Policy, *, now: datetime, leaked: Sequence[str]
) -> Rotation:
    """Return the next key of a purpose, and the accepted former ones with their ends."""
    serves_from = now + (LEAD_AFTER_A_LEAK if leaked else LEAD)
    former = [key for key in ring.all(purpose) if key.is_accepted(now)]
    serial = ring.current(purpose).serial + 1
    key = make_key(ring.profile, purpose, serial=serial, now=now, serves_from=serves_from)
    overlap = _overlap(purpose, policy)
    usual = None if overlap is None else serves_from + overlap
    ends = [serves_from if each.kid in leaked else each.accepted_until or usual for each in former]
    pairs = zip(former, ends, strict=True)
    return Rotation(key=key, former=tuple(replace(each, accepted_until=end) for each, end in pairs))


def _overlap(purpose: Purpose, policy: Policy) -> timedelta | None:
    """Return how long a former key is accepted after its successor serves; None for good."""
    if purpose is Purpose.RECEIPT:
        return None
    if purpose is Purpose.TOKEN:
        return TOKEN_OVERLAP
    return max(LOOKUP_OVERLAP, timedelta(seconds=policy.reuse_seconds)) + _MARGIN


def _named(
    gateway: Gateway, purpose: Purpose, profiles: Sequence[Profile], leaked: Sequence[str]
) -> list[Profile]:
    """Return the profiles that a rotation is about, as this process knows the keys: the commit looks again."""
    if not leaked:
        return list(profiles)
    kids = {profile: {key.kid for key in gateway.places[profile].keys.all(purpose)} for profile in profiles}
    return [profile for profile in profiles if kids[profile] & set(leaked)]


def _having(
    rings: Sequence[PlaceKeys], purpose: Purpose, leaked: Sequence[str], now: datetime
) -> list[PlaceKeys]:
    """Return the profiles that the leaked keys are of. Raises `Unknown` where one is of none."""
    accepted = {key.kid: ring for ring in rings for key in ring.all(purpose) if key.is_accepted(now)}
    for kid in leaked:
        if kid not in accepted:
            raise Unknown(f"{kid} is no accepted {purpose.value} key there: gateway keys list")
    found = {accepted[kid].profile for kid in leaked}
    return [ring for ring in rings if ring.profile in found]


def _entries(rotation: Rotation, now: datetime, leaked: Sequence[str], *, actor: str) -> list[AuditEntry]:
    key = rotation.key
    outcomes = [f"{key.purpose.value}_key_rotated:{key.kid}"]
    outcomes += [
        f"{key.purpose.value}_key_leaked:{each.kid}" for each in rotation.former if each.kid in leaked
    ]
    act = new_identifier("act")
    return [
        AuditEntry(at=now, kind=kind_of(actor), profile=key.profile, act=act, outcome=outcome, actor=actor)
        for outcome in outcomes
    ]
