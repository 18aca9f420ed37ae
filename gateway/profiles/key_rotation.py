"""Rotate keys: a profile's signing and look-up keys, and the master key that seals everything.

Every worker knows a new key before it is used. The former key of a purpose:

- token: is accepted until its last token has expired;
- receipt: is accepted without end, since receipts are evidence for years;
- look-up: is used until no verification and no budget depends on it;
- idempotency: is used until the last answer that it keeps has ended;
- credential: is accepted as long as secrets, codes and sessions have its digest;
- data: opens what it sealed, without end;
- pseudonym: finds the rows under it, without end, since rows never change; an officer's pseudonym stays under the oldest;
- issuance: opens what C06 sealed to it, without end; application: needs nothing, its public key is in the bundle;
- checkpoint: signs together with the new one for 30 days, and then no more;
- evidence: its MAC gets an entry its row for a day. Rows that have their place keep it.

A leaked key and everything that it signed end at once. See docs/decisions/0037.

The master key: everything is sealed again in one commit with its audit row. An old dump of the store and the former
master key still open that dump: after a leak of the master key rotate the other keys too. For an embedded database the
new master key is made here and replaces the key file; one of the two files opens the keys even if the process dies.
Elsewhere the operator makes the key and sets it.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway.audit.model import LOCAL, AuditEntry, EntryMacs, act_entry
from gateway.deployment import advance_epoch, find_mark, record_mark
from gateway.errors.operators import AuditBroken, MasterKeyWrong, StateWrong, Unknown
from gateway.identifiers import Profile
from gateway.keys import store
from gateway.keys.model import AT_ONCE, SCHEDULED, Key, PlaceKeys, Purpose
from gateway.keys.sealing import SealBroken, new_key
from gateway.keys.vault import MasterFile, make_key
from gateway.operators.model import Operator
from gateway.operators.use_cases import actor_of, check_host_act, require_admin
from gateway.profiles.model import Dependencies, Gateway, Policy
from gateway.storage.database import Transaction, find_store_file

LEAD = timedelta(seconds=180)
"""From a key's creation to its use: longer than a key set is cached (60 s) and than a request lasts (120 s)."""

LEAD_AFTER_A_LEAK = timedelta(seconds=2)
"""Long enough for every worker to know the new key, so that all begin to use it at the same time."""

TOKEN_OVERLAP = timedelta(seconds=390)
"""A token's 300 s, 30 s of clock skew, and a minute."""

LOOKUP_OVERLAP = timedelta(hours=24)
"""The window of the longest budget. By the profile's policy a verification may be reused for longer."""

IDEMPOTENCY_OVERLAP = timedelta(hours=24)
"""How long the answer of an `Idempotency-Key` is kept."""

CHECKPOINT_OVERLAP = timedelta(days=30)
"""How long a former checkpoint key also signs, so that those who check with it learn the new one from a note they can check."""

EVIDENCE_OVERLAP = timedelta(days=1)
"""How long an entry under a former evidence key may wait for its row, such as one that a killed worker left."""

EVIDENCE_OVERLAP_AFTER_A_LEAK = timedelta(seconds=60)
"""The same under a leaked one: until every worker uses the new key, and the sequencer has merged what they appended before."""

_MARGIN = timedelta(hours=1)

NOT_ENDED = {
    Purpose.PSEUDONYM: "the audit's rows are under it, and rows never change; rotate it for later rows",
    Purpose.DATA: "what it seals ends by itself, claims at their expiry; rotate it for later claims",
}
"""The purposes of which a leaked key stays accepted, each with the reason."""

BY_ADMIN = (
    "there are operators: the keys of official and of the audit, and the master key, are rotated by an admin who is "
    "signed in: gateway login NAME"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A new key, and the accepted former ones with their ends."""

    key: Key
    former: tuple[Key, ...]


async def rotate_keys(
    gateway: Gateway,
    purpose: Purpose,
    profiles: Sequence[Profile],
    *,
    leaked: Sequence[str] = (),
    by: Operator | None = None,
) -> list[Rotation]:
    """Make a new key of a purpose for each profile, in one commit with the audit rows; running workers apply it.

    Raises:
        StateWrong: a key of official, while there are operators, without `by`.
        RoleMissing, TokenInvalid: `by` is no admin.
        Unknown: a leaked key is not an accepted key of that purpose and those profiles.
        MasterKeyWrong: the master key was rotated meanwhile.
    """
    await require_admin(gateway, by)
    if purpose not in {*SCHEDULED, *AT_ONCE}:
        raise ValueError(purpose)
    if leaked and purpose in NOT_ENDED:
        raise StateWrong(f"a {purpose.value} key can't be ended: {NOT_ENDED[purpose]}")
    # A check by the keys that this process knows; the commit checks again.
    official = {key.kid for key in gateway.places[Profile.OFFICIAL].keys.all(purpose)}
    if Profile.OFFICIAL in profiles and (not leaked or official & set(leaked)):
        await check_host_act(gateway.deps, by, tried=f"rotate_{purpose.value}_key", remedy=BY_ADMIN)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], list[Rotation]]:
        now = gateway.deps.clock.now()
        rings = (await gateway.vault.read(transaction)).keys
        wanted = [rings[profile] for profile in profiles]
        chosen = _find_rings(wanted, purpose, leaked, now) if leaked else wanted
        actor = LOCAL
        if by is not None or any(ring.profile is Profile.OFFICIAL for ring in chosen):
            actor = await actor_of(transaction, by, remedy=BY_ADMIN)
        made = [
            _plan_rotation(ring, purpose, gateway.places[ring.profile].policy, now=now, leaked=leaked)
            for ring in chosen
        ]
        for rotation in made:
            await store.insert_key(transaction, rotation.key, master=gateway.vault.master)
            for key in rotation.former:
                if key.accepted_until is not None:
                    await store.end_key(transaction, key, master=gateway.vault.master)
        await advance_epoch(transaction)
        return [entry for rotation in made for entry in _entries(rotation, now, leaked, actor=actor)], made

    return await gateway.deps.audit.commit(decide)


async def rotate_audit_key(
    gateway: Gateway, purpose: Purpose, *, leaked: Sequence[str] = (), by: Operator | None = None
) -> Rotation:
    """Make a new key of the audit, for its checkpoints or for its entries; a leaked one ends once the new one is in use.

    Raises:
        StateWrong: there are operators, and no `by`: the audit is also official's.
        RoleMissing, TokenInvalid: `by` is no admin.
        Unknown: a leaked key is not one that is accepted.
        AuditBroken: the mark of the rows without a MAC was changed.
    """
    await require_admin(gateway, by)
    await check_host_act(gateway.deps, by, tried=f"rotate_{purpose.value}_key", remedy=BY_ADMIN)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Rotation]:
        now = gateway.deps.clock.now()
        keys = (await gateway.vault.read_audit_keys(transaction, purpose)).keys
        former = [key for key in keys if key.is_accepted(now)]
        for kid in leaked:
            if kid not in {key.kid for key in former}:
                raise Unknown(f"{kid} is not an accepted {purpose.value} key: gateway keys list")
        actor = await actor_of(transaction, by, remedy=BY_ADMIN)
        serves_from, usual, at_a_leak = _audit_times(purpose, now, after_a_leak=bool(leaked))
        key = make_key(None, purpose, serial=keys[0].serial + 1, now=now, serves_from=serves_from)
        ended = tuple(
            replace(each, accepted_until=at_a_leak if each.kid in leaked else each.accepted_until or usual)
            for each in former
        )
        await store.insert_key(transaction, key, master=gateway.vault.master)
        for each in ended:
            await store.end_key(transaction, each, master=gateway.vault.master)
        if purpose is Purpose.EVIDENCE:
            await _mark_again(transaction, keys, key, now)
            await advance_epoch(transaction)
        rotation = Rotation(key=key, former=ended)
        return _entries(rotation, now, leaked, actor=actor), rotation

    return await gateway.deps.audit.commit(decide)


def _audit_times(
    purpose: Purpose, now: datetime, *, after_a_leak: bool
) -> tuple[datetime, datetime, datetime]:
    """Return from when a new key is used, and until when a former one is accepted, and a leaked one."""
    if purpose is Purpose.EVIDENCE:
        # Used at once: the sequencer reads the keys after the entries.
        return now, now + EVIDENCE_OVERLAP, now + EVIDENCE_OVERLAP_AFTER_A_LEAK
    serves_from = now + (LEAD_AFTER_A_LEAK if after_a_leak else LEAD)
    return serves_from, serves_from + CHECKPOINT_OVERLAP, serves_from


async def _mark_again(transaction: Transaction, keys: Sequence[Key], key: Key, now: datetime) -> None:
    """Write the mark of the rows without a MAC under the new key: a leaked one can't move it."""
    mark = EntryMacs(keys).read_mark(await find_mark(transaction), now=now)
    if mark is None:
        raise AuditBroken("deployment/audit_mark: missing, or changed outside the audit")
    await record_mark(transaction, EntryMacs([key]).write_mark(mark))


def _plan_rotation(
    ring: PlaceKeys, purpose: Purpose, policy: Policy, *, now: datetime, leaked: Sequence[str]
) -> Rotation:
    lead = timedelta(0) if purpose in AT_ONCE else LEAD_AFTER_A_LEAK if leaked else LEAD
    serves_from = now + lead
    former = [key for key in ring.all(purpose) if key.is_accepted(now)]
    serial = ring.current(purpose).serial + 1
    key = make_key(ring.profile, purpose, serial=serial, now=now, serves_from=serves_from)
    reused = timedelta(seconds=policy.reuse_seconds)
    usual = {
        Purpose.TOKEN: serves_from + TOKEN_OVERLAP,
        Purpose.LOOKUP: serves_from + max(LOOKUP_OVERLAP, reused) + _MARGIN,
        Purpose.IDEMPOTENCY: serves_from + IDEMPOTENCY_OVERLAP + _MARGIN,
    }.get(purpose)  # the acceptance of other keys has no end
    ends = [serves_from if each.kid in leaked else each.accepted_until or usual for each in former]
    pairs = zip(former, ends, strict=True)
    return Rotation(key=key, former=tuple(replace(each, accepted_until=end) for each, end in pairs))


def _find_rings(
    rings: Sequence[PlaceKeys], purpose: Purpose, leaked: Sequence[str], now: datetime
) -> list[PlaceKeys]:
    """Return the rings that have the leaked keys. Raises `Unknown` if no ring has one of them."""
    accepted = {key.kid: ring for ring in rings for key in ring.all(purpose) if key.is_accepted(now)}
    for kid in leaked:
        if kid not in accepted:
            raise Unknown(f"{kid} is not an accepted {purpose.value} key there: gateway keys list")
    found = {accepted[kid].profile for kid in leaked}
    return [ring for ring in rings if ring.profile in found]


def _entries(rotation: Rotation, now: datetime, leaked: Sequence[str], *, actor: str) -> list[AuditEntry]:
    key, purpose = rotation.key, rotation.key.purpose.value
    ended = [f"{purpose}_key_leaked:{each.kid}" for each in rotation.former if each.kid in leaked]
    outcome = f"{purpose}_key_rotated:{key.kid}"
    first = act_entry(outcome, at=now, actor=actor, profile=key.profile)
    return [first, *(first.copy_with(outcome=outcome) for outcome in ended)]


JOURNAL_WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterRotation:
    """The number of keys, credentials and TOTP secrets sealed again, and the new master key's file, if it has one.

    `journal_emptied`: the disk no longer has what the former master key sealed.
    """

    resealed: int
    file: Path | None
    journal_emptied: bool


async def rotate_master(
    gateway: Gateway, *, given: bytes | None, by: Operator | None = None, rehearsal: bool = False
) -> MasterRotation:
    """Seal everything under a new master key: `given` if the present one is a setting, else made here.

    A `rehearsal`, whose commit is rolled back, writes no key file.

    Raises:
        StateWrong: `given` is missing, not expected, or the present key; or there are operators, and no `by`, since the master
            key also seals official's keys; or another store has the same key file.
        RoleMissing, TokenInvalid: `by` is no admin.
        MasterKeyWrong: another process rotated it meanwhile.
    """
    await require_admin(gateway, by)
    vault, master = gateway.vault, _choose_master_key(gateway, given)
    await check_host_act(gateway.deps, by, tried="rotate_master_key", remedy=BY_ADMIN)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], int]:
        actor = await actor_of(transaction, by, remedy=BY_ADMIN)
        own = find_store_file(gateway.settings.database_url)
        if vault.file is not None and own is not None:
            await _require_only_store(transaction, vault.file, own)
        try:
            resealed = await vault.reseal(transaction, master=master)
        except SealBroken:
            raise MasterKeyWrong(
                "another process rotated the master key just now: run the command again"
            ) from None
        await advance_epoch(transaction)
        if vault.file is not None and not rehearsal:
            # Just before the commit: the key must be on the disk before anything depends on it.
            _write_next(vault.file, master)
        return [act_entry("master_key_rotated", at=gateway.deps.clock.now(), actor=actor)], resealed

    resealed = await gateway.deps.audit.commit(decide)
    file = vault.file.path if vault.file else None
    if rehearsal:
        return MasterRotation(resealed=resealed, file=file, journal_emptied=False)
    vault.master = master
    if vault.file is not None:
        await _promote(gateway.deps, vault.file, master)
    # The write-ahead log still has the keys sealed under the former master key.
    emptied = await gateway.deps.database.truncate_journal(wait_seconds=JOURNAL_WAIT_S)
    return MasterRotation(resealed=resealed, file=file, journal_emptied=emptied)


def _choose_master_key(gateway: Gateway, given: bytes | None) -> bytes:
    file = gateway.vault.file
    if file is None and given is None:
        raise StateWrong("the master key is a setting here: give the new key by --new-key-file FILE")
    if file is not None and given is not None:
        raise StateWrong(f"{file.path} is replaced by this command itself: leave --new-key-file out")
    if given is not None and hmac.compare_digest(given, gateway.vault.master):
        raise StateWrong("the new key is the present one: give another key")
    return given or new_key()


async def _require_only_store(transaction: Transaction, file: MasterFile, own: Path) -> None:
    """Raise `StateWrong` if the key file's folder has another store: nothing could open its keys any more."""
    others = store.list_other_stores(own, await store.list_kids(transaction))
    if others:
        raise StateWrong(
            f"{others[0]} is another store under {file.path}, and could not be opened any more: "
            "move it to a folder of its own, with a copy of the key"
        )


def _write_next(file: MasterFile, master: bytes) -> None:
    try:
        file.write_next(master)
    except OSError as error:
        raise StateWrong(
            f"no new key can be written beside {file.path} ({error.strerror}): nothing changed"
        ) from None


async def _promote(deps: Dependencies, file: MasterFile, master: bytes) -> None:
    """Replace the key file, under the store's write lock, so that one process at a time does it."""
    async with deps.database.write():
        try:
            file.promote(master)
        except OSError as error:
            raise StateWrong(
                f"{file.path}.next has the new master key and could not be renamed ({error.strerror}): "
                "the next command or start renames it"
            ) from None
