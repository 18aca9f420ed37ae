"""Profiles at rest: revisions (kept for good, never changed), their sealed secrets, and each profile's standing.

All SQL of this room. Callers hold the audit's lock while they write (`AuditLog.commit`), so that two switches at
once come one after the other.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.database import Instant, Transaction, metadata
from gateway.keys.sealing import SealBroken
from gateway.places import Profile
from gateway.profiles.revision_rows import (
    read_members,
    seal_secret,
    seal_secrets,
    unseal_secret,
    write_document,
)
from gateway.profiles.revisions import (
    PolicyChange,
    Revision,
    Standing,
    Standings,
    StatedVolume,
    Suspension,
)
from gateway.registry.members import ConnectionMembers

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
standings = sa.Table(
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
    sealed = seal_secrets(revision.members, revision.profile, revision.number, master=master)
    if sealed:
        rows = [key | {"member": member, "sealed": value} for member, value in sealed.items()]
        await transaction.execute(sa.insert(revision_secrets), rows)


async def next_number(transaction: Transaction, profile: Profile) -> int:
    """Return the number of a profile's next revision, 1 where it has none."""
    query = sa.select(sa.func.max(revisions.c.number)).where(revisions.c.profile == profile.value)
    return int((await transaction.execute(query)).scalar_one() or 0) + 1


async def find_revision(
    transaction: Transaction, profile: Profile, number: int, *, master: bytes
) -> Revision | None:
    """Return a revision with its secrets. Raises `SealBroken` under another master key."""
    query = sa.select(revisions).where(revisions.c.profile == profile.value, revisions.c.number == number)
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return None
    held = sa.select(revision_secrets.c.member, revision_secrets.c.sealed).where(
        revision_secrets.c.profile == profile.value, revision_secrets.c.number == number
    )
    secrets = {
        member: unseal_secret(sealed, profile, number, member, master=master)
        for member, sealed in await transaction.execute(held)
    }
    return _revision(row, read_members(json.loads(row.document), secrets))


async def find_volume(transaction: Transaction, profile: Profile) -> StatedVolume | None:
    """Return what the application behind a profile's active revision stated; its successors have it unless they state another."""
    query = (
        sa.select(revisions.c.stated_hour, revisions.c.stated_day)
        .join(standings, standings.c.active == revisions.c.number)
        .where(standings.c.profile == profile.value, revisions.c.profile == profile.value)
    )
    row = (await transaction.execute(query)).one_or_none()
    return None if row is None else _volume(row)


def _volume(row: Any) -> StatedVolume | None:
    return None if row.stated_day is None else StatedVolume(hour=row.stated_hour, day=row.stated_day)


async def list_revisions(transaction: Transaction, profile: Profile) -> Sequence[Revision]:
    """Return a profile's revisions, oldest first; a secret stays sealed, an empty text in its place."""
    query = sa.select(revisions).where(revisions.c.profile == profile.value).order_by(revisions.c.number)
    rows = (await transaction.execute(query)).all()
    held = sa.select(revision_secrets.c.number, revision_secrets.c.member).where(
        revision_secrets.c.profile == profile.value
    )
    sealed: dict[int, dict[str, str]] = {row.number: {} for row in rows}
    for number, member in await transaction.execute(held):
        sealed[number][member] = ""
    return [_revision(row, read_members(json.loads(row.document), sealed[row.number])) for row in rows]


async def reseal_secrets(transaction: Transaction, *, former: bytes, master: bytes) -> int:
    """Seal every secret under another master key; return how many. Raises `SealBroken`."""
    rows = (await transaction.execute(sa.select(revision_secrets))).all()
    for row in rows:
        profile = Profile(row.profile)
        plain = unseal_secret(row.sealed, profile, row.number, row.member, master=former)
        change = (
            sa.update(revision_secrets)
            .where(
                revision_secrets.c.profile == row.profile,
                revision_secrets.c.number == row.number,
                revision_secrets.c.member == row.member,
            )
            .values(sealed=seal_secret(plain, profile, row.number, row.member, master=master))
        )
        await transaction.execute(change)
    return len(rows)


async def read_standing(transaction: Transaction, profile: Profile) -> Standing:
    """Return where a profile stands; an empty standing before its first revision."""
    query = sa.select(standings).where(standings.c.profile == profile.value)
    row = (await transaction.execute(query)).one_or_none()
    if row is None:
        return Standing()
    suspension = (
        None
        if row.suspended_at is None
        else Suspension(at=row.suspended_at, by=row.suspended_by or "", reason=row.suspended_for or "")
    )
    return Standing(
        active=row.active,
        former=row.former,
        suspension=suspension,
        policy=PolicyChange(**json.loads(row.policy)) if row.policy else PolicyChange(),
        two_people_since=row.two_people_since,
    )


async def write_standing(transaction: Transaction, profile: Profile, standing: Standing) -> None:
    """Replace where a profile stands, but not since when it takes two people: that is never taken back."""
    suspension = standing.suspension
    values = {
        "active": standing.active,
        "former": standing.former,
        "suspended_at": suspension.at if suspension else None,
        "suspended_by": suspension.by if suspension else None,
        "suspended_for": suspension.reason if suspension else None,
        "policy": json.dumps(asdict(standing.policy)) if standing.policy != PolicyChange() else None,
    }
    change = sa.update(standings).where(standings.c.profile == profile.value).values(values)
    if not (await transaction.execute(change)).rowcount:
        await transaction.execute(sa.insert(standings).values({"profile": profile.value} | values))


async def require_two_people(transaction: Transaction, profile: Profile, *, since: datetime) -> bool:
    """Keep with a profile that it takes two people, for good; say whether that is new."""
    own = standings.c.profile == profile.value
    query = sa.select(standings.c.two_people_since).where(own)
    row = (await transaction.execute(query)).one_or_none()
    if row is not None and row.two_people_since is not None:
        return False
    if row is None:
        values = {"profile": profile.value, "two_people_since": since}
        await transaction.execute(sa.insert(standings).values(values))
    else:
        await transaction.execute(sa.update(standings).where(own).values(two_people_since=since))
    return True


async def read_standings(transaction: Transaction, *, master: bytes | None) -> Standings:
    """Return every profile's standing and, given the master key, the active revisions that it opens."""
    found = {profile: await read_standing(transaction, profile) for profile in Profile}
    active: dict[Profile, Revision] = {}
    for profile, standing in found.items():
        if standing.active is not None and master is not None:
            with contextlib.suppress(SealBroken):
                revision = await find_revision(transaction, profile, standing.active, master=master)
                if revision is not None:
                    active[profile] = revision
    return Standings(standings=found, active=active)


def _revision(row: sa.Row[tuple[object, ...]], members: ConnectionMembers) -> Revision:
    return Revision(
        profile=Profile(row.profile),
        number=row.number,
        members=members,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        volume=_volume(row),
    )
