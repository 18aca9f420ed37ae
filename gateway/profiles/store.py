"""Stored profiles: revisions (never changed or deleted), their sealed secrets, and the state of each profile.

All SQL of this folder, and the alarms of accounts that have nearly used up a budget. A caller that writes has the audit's
lock (`AuditLog.commit`), so that two switches run one after the other. Each change of a profile's state increments the store's
epoch, which workers follow (`places.py`). The folder `changes` decides who may do it and when: after a preflight, with a second
person; one person may suspend.
"""

import contextlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from gateway.deployment import advance_epoch
from gateway.errors.operators import StateWrong
from gateway.identifiers import Profile
from gateway.keys.sealing import SealBroken
from gateway.profiles.model import Watch
from gateway.profiles.revisions import (
    PolicyChange,
    ProfileState,
    Revision,
    StatedVolume,
    States,
    Suspension,
    list_secrets,
    read_members,
    seal_secret,
    unseal_secret,
    write_document,
)
from gateway.storage.database import Instant, Transaction, metadata
from gateway.storage.driver import reading_row
from gateway.storage.statements import insert_of

WINDOWS = {"confirmed_hour": timedelta(hours=1), "confirmed_day": timedelta(days=1)}
"""The window of each budget of answered enquiries; an alarm is shown, and not raised again, for one window."""

_STORED_POLICY = TypeAdapter(PolicyChange)

enquiry_alarms = sa.Table(
    "enquiry_alarms",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("budget", sa.String(32), primary_key=True),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("used", sa.Integer, nullable=False),
    sa.Column("most", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnquiryAlarm:
    """An account had used four fifths of a budget: `used` of `most` when the alarm was raised."""

    profile: Profile
    client_id: str
    budget: str
    raised_at: datetime
    used: int
    most: int


async def replace_alarm(transaction: Transaction, alarm: EnquiryAlarm) -> bool:
    """Replace the older alarm of an account and budget; return False if that is in its window and has the same limit."""
    added = insert_of(transaction.dialect.name)(enquiry_alarms).values(
        asdict(alarm) | {"profile": alarm.profile.value}
    )
    begins = alarm.raised_at - WINDOWS[alarm.budget]
    replaced = added.on_conflict_do_update(
        index_elements=list(enquiry_alarms.primary_key.columns),
        set_={name: added.excluded[name] for name in ("raised_at", "used", "most")},
        where=sa.or_(enquiry_alarms.c.most != alarm.most, enquiry_alarms.c.raised_at <= begins),
    )
    return (await transaction.execute(replaced.returning(enquiry_alarms.c.budget))).first() is not None


async def list_alarms(transaction: Transaction, *, now: datetime) -> Sequence[EnquiryAlarm]:
    """Return the current alarms of every profile, by account."""
    recent = [
        sa.and_(enquiry_alarms.c.budget == budget, enquiry_alarms.c.raised_at > now - window)
        for budget, window in WINDOWS.items()
    ]
    query = sa.select(enquiry_alarms).where(sa.or_(*recent)).order_by(*enquiry_alarms.primary_key.columns)
    rows = await transaction.execute(query)
    return [
        EnquiryAlarm(**dict(row._mapping) | {"profile": Profile(row.profile)})  # noqa: SLF001 - SQLAlchemy's public name
        for row in rows
    ]


revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("proposed_by", sa.String(64), nullable=False),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("stated_hour", sa.Integer),
    sa.Column("stated_day", sa.Integer),
)
revision_secrets = sa.Table(
    "revision_secrets",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("member", sa.String(32), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(["profile", "number"], ["revisions.profile", "revisions.number"]),
)
profile_states = sa.Table(
    "profile_standings",
    metadata,
    sa.Column("profile", sa.String(16), primary_key=True),
    sa.Column("active", sa.Integer),
    sa.Column("former", sa.Integer),
    sa.Column("suspended_at", Instant),
    sa.Column("suspended_by", sa.String(64)),
    sa.Column("suspended_for", sa.String(400)),
    sa.Column("policy", sa.Text),
    sa.Column("two_people_since", Instant),
)


async def insert_revision(transaction: Transaction, revision: Revision, *, master: bytes) -> None:
    """Add a revision and its sealed secrets."""
    key = {"profile": revision.profile.value, "number": revision.number}
    document = json.dumps(write_document(revision.members), ensure_ascii=False, sort_keys=True)
    row = key | {
        "document": document,
        "proposed_by": revision.proposed_by,
        "proposed_at": revision.proposed_at,
        "stated_hour": revision.volume.hour if revision.volume else None,
        "stated_day": revision.volume.day if revision.volume else None,
    }
    await transaction.execute(sa.insert(revisions).values(row))
    for name, value in list_secrets(revision.members).items():
        sealed = seal_secret(value, revision.profile, revision.number, name, master=master)
        await transaction.execute(
            sa.insert(revision_secrets).values(key | {"member": name, "sealed": sealed})
        )


async def next_number(transaction: Transaction, profile: Profile) -> int:
    """Return the number of a profile's next revision, 1 for the first."""
    query = sa.select(sa.func.max(revisions.c.number)).where(revisions.c.profile == profile.value)
    return int((await transaction.execute(query)).scalar_one() or 0) + 1


async def list_revisions(
    transaction: Transaction, profile: Profile, *, number: int | None = None, master: bytes | None = None
) -> Sequence[Revision]:
    """Return a profile's revisions, the oldest first, or only the one with this number.

    Without a master key each secret is an empty text. Raises `SealBroken` for another master key, and `RowUnreadable`.
    """
    query = sa.select(revisions).where(revisions.c.profile == profile.value).order_by(revisions.c.number)
    sealed = sa.select(revision_secrets).where(revision_secrets.c.profile == profile.value)
    if number is not None:
        query = query.where(revisions.c.number == number)
        sealed = sealed.where(revision_secrets.c.number == number)
    secrets: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for _, own, name, value in await transaction.execute(sealed):
        plain = "" if master is None else unseal_secret(value, profile, own, name, master=master)
        secrets[own][name] = plain
    with reading_row(
        f"revisions/{profile.value}" if number is None else f"revisions/{profile.value}/{number}"
    ):
        rows = (await transaction.execute(query)).all()
    return [_revision(profile, row, secrets[row.number]) for row in rows]


def _of_type(kind: type, value: Any) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError  # SQLite keeps any value in any column
    return value


def _revision(profile: Profile, row: Any, secrets: Mapping[str, str]) -> Revision:
    with reading_row(f"revisions/{profile.value}/{row.number}"):
        return Revision(
            profile=profile,
            number=row.number,
            members=read_members(json.loads(row.document), secrets),
            proposed_by=_of_type(str, row.proposed_by),
            proposed_at=row.proposed_at,
            volume=_volume(row),
        )


async def find_revision(
    transaction: Transaction, profile: Profile, number: int, *, master: bytes | None
) -> Revision | None:
    """Return a revision with its secrets, as `list_revisions`."""
    found = await list_revisions(transaction, profile, number=number, master=master)
    return found[0] if found else None


async def open_revision(
    transaction: Transaction, profile: Profile, number: int, *, master: bytes
) -> Revision:
    """Return a revision with its secrets.

    Raises:
        StateWrong: there is none, or its secrets can't be unsealed.
    """
    try:
        found = await find_revision(transaction, profile, number, master=master)
    except SealBroken:
        raise StateWrong(
            f"the secrets of revision {number} of {profile.value} can't be unsealed: they were moved or changed, "
            "or sealed under another master key"
        ) from None
    if found is None:
        raise StateWrong(f"{profile.value} has no revision {number}")
    return found


async def open_revision_or_sealed(
    transaction: Transaction, profile: Profile, number: int, *, master: bytes
) -> Revision | None:
    """Return a revision; if its secrets can't be unsealed, each is an empty text."""
    try:
        return await find_revision(transaction, profile, number, master=master)
    except SealBroken:
        return await find_revision(transaction, profile, number, master=None)


async def find_volume(transaction: Transaction, profile: Profile) -> StatedVolume | None:
    """Return the volume that the active revision's application stated, which the next revision keeps by default."""
    active = (
        sa.select(profile_states.c.active).where(profile_states.c.profile == profile.value).scalar_subquery()
    )
    query = sa.select(revisions).where(revisions.c.profile == profile.value, revisions.c.number == active)
    row = (await transaction.execute(query)).one_or_none()
    return None if row is None else _volume(row)


def _volume(row: Any) -> StatedVolume | None:
    # SQLite returns a text that somebody wrote into a column of numbers.
    return (
        None if row.stated_day is None else StatedVolume(hour=int(row.stated_hour), day=int(row.stated_day))
    )


async def reseal_secrets(transaction: Transaction, *, former: bytes, master: bytes) -> int:
    """Seal every secret under another master key; return how many. Raises `SealBroken`."""
    rows = (await transaction.execute(sa.select(revision_secrets))).all()
    columns = revision_secrets.c
    for profile, number, member, sealed in rows:
        own = (columns.profile == profile, columns.number == number, columns.member == member)
        plain = unseal_secret(sealed, Profile(profile), number, member, master=former)
        again = seal_secret(plain, Profile(profile), number, member, master=master)
        await transaction.execute(sa.update(revision_secrets).where(*own).values(sealed=again))
    return len(rows)


async def read_state(transaction: Transaction, profile: Profile) -> ProfileState:
    """Return a profile's state; an empty one before its first revision. Raises `RowUnreadable`."""
    query = sa.select(profile_states).where(profile_states.c.profile == profile.value)
    with reading_row(f"profile_standings/{profile.value}"):
        row = (await transaction.execute(query)).one_or_none()
        if row is None:
            return ProfileState()
        suspension = None
        if row.suspended_at is not None:
            by, reason = (_of_type(str, each) or "" for each in (row.suspended_by, row.suspended_for))
            suspension = Suspension(at=row.suspended_at, by=by, reason=reason)
        return ProfileState(
            active=_of_type(int, row.active),
            former=_of_type(int, row.former),
            suspension=suspension,
            policy=_policy(row.policy) if row.policy else PolicyChange(),
            two_people_since=row.two_people_since,
        )


def _policy(text: str) -> PolicyChange:
    found = _STORED_POLICY.validate_json(text, strict=True)
    replace(Watch(), **found.watch)  # each limit has a name that this version knows
    return found


async def write_state(transaction: Transaction, profile: Profile, state: ProfileState) -> None:
    """Replace a profile's state; `two_people_since` is never unset."""
    suspension = state.suspension
    values = {
        "active": state.active,
        "former": state.former,
        "suspended_at": suspension.at if suspension else None,
        "suspended_by": suspension.by if suspension else None,
        "suspended_for": suspension.reason if suspension else None,
        "policy": json.dumps(asdict(state.policy)) if state.policy != PolicyChange() else None,
    }
    change = sa.update(profile_states).where(profile_states.c.profile == profile.value).values(values)
    if not (await transaction.execute(change)).rowcount:
        await transaction.execute(sa.insert(profile_states).values({"profile": profile.value} | values))


async def require_two_people(transaction: Transaction, profile: Profile, *, since: datetime) -> bool:
    """Store that changes of a profile need two people from now on; return whether that is new."""
    own = profile_states.c.profile == profile.value
    change = sa.update(profile_states).where(own, profile_states.c.two_people_since.is_(None))
    if (await transaction.execute(change.values(two_people_since=since))).rowcount:
        return True
    if (await transaction.execute(sa.select(profile_states.c.profile).where(own))).first():
        return False
    await transaction.execute(sa.insert(profile_states).values(profile=profile.value, two_people_since=since))
    return True


async def read_states(
    transaction: Transaction, *, master: bytes | None, opened: Collection[Profile] = tuple(Profile)
) -> States:
    """Return every profile's state and, with a master key, the active revisions that it unseals.

    The secrets of a profile that is not in `opened` stay sealed: each is an empty text.
    """
    found: dict[Profile, tuple[ProfileState, Revision | None]] = {}
    for profile in Profile:
        state, active = await read_state(transaction, profile), None
        if state.active is not None and master is not None:
            with contextlib.suppress(SealBroken):
                own = master if profile in opened else None
                active = await find_revision(transaction, profile, state.active, master=own)
        found[profile] = state, active
    return found


async def activate_revision(transaction: Transaction, profile: Profile, number: int) -> ProfileState:
    """Make a revision the active one; the one before it becomes the former. A suspension stays.

    Raises:
        StateWrong: it is active already.
    """
    state = await read_state(transaction, profile)
    if state.active == number:
        raise StateWrong(f"revision {number} of {profile.value} is active already")
    return await _change(transaction, profile, replace(state, active=number, former=state.active))


async def return_to_former(transaction: Transaction, profile: Profile, *, left: int) -> ProfileState:
    """Make the former revision active again; afterwards there is no former one.

    Raises:
        StateWrong: `left` is not the active revision, or there is no former one.
    """
    state = await read_state(transaction, profile)
    if state.active != left or state.former is None:
        raise StateWrong(
            f"revision {left} of {profile.value} is not active, or there is no former one to return to"
        )
    return await _change(transaction, profile, replace(state, active=state.former, former=None))


async def suspend(transaction: Transaction, profile: Profile, suspension: Suspension) -> ProfileState:
    """Suspend a profile: the registry is asked nothing more. Raises `StateWrong` if it is suspended already."""
    state = await read_state(transaction, profile)
    if state.suspension is not None:
        raise StateWrong(f"{profile.value} is suspended already: {state.suspension.reason}")
    return await _change(transaction, profile, replace(state, suspension=suspension))


async def resume(transaction: Transaction, profile: Profile) -> ProfileState:
    """End a suspension. Raises `StateWrong` without one."""
    state = await read_state(transaction, profile)
    if state.suspension is None:
        raise StateWrong(f"{profile.value} is not suspended")
    return await _change(transaction, profile, replace(state, suspension=None))


async def set_policy(transaction: Transaction, profile: Profile, policy: PolicyChange) -> ProfileState:
    """Replace the members of the policy that changes override."""
    state = await read_state(transaction, profile)
    return await _change(transaction, profile, replace(state, policy=policy))


async def _change(transaction: Transaction, profile: Profile, state: ProfileState) -> ProfileState:
    await write_state(transaction, profile, state)
    await advance_epoch(transaction)
    return state
