"""A profile's first connection comes from its settings: they make revision 1, once, and are ignored ever after.

It is active at once on sandbox, and on an official that can reach nothing but this machine; elsewhere it is only
proposed, since nobody goes official by a setting.
"""

from collections.abc import Sequence

import structlog

from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.database import Transaction
from gateway.deployment import advance_epoch
from gateway.errors.commands import SettingInvalid
from gateway.identifiers import new_identifier
from gateway.parts import Parts
from gateway.places import Profile
from gateway.profiles import store
from gateway.profiles.connections import Opener, is_local
from gateway.profiles.revisions import Revision, Standing
from gateway.registry.members import ConnectionMembers, given_members

log = structlog.get_logger("gateway.profiles")


async def settle_first_revision(
    parts: Parts, opener: Opener, profile: Profile, *, master: bytes
) -> Revision | None:
    """Make revision 1 of a profile from its settings where it has none; return it where it must be proposed.

    Raises:
        SettingInvalid: the settings make no connection that can work; the reason names the setting.
    """
    own = opener.settings.of(profile)
    if own.registry_url is None:
        return None
    async with parts.database.read() as transaction:
        if await store.next_number(transaction, profile) > 1:
            _warn(profile, given_members(own))
            return None
    members = ConnectionMembers.model_validate(own.model_dump(include=set(given_members(own))))
    revision = Revision(
        profile=profile, number=1, members=members, proposed_by=LOCAL, proposed_at=parts.clock.now()
    )
    await _check(opener, revision)
    at_once = profile is Profile.SANDBOX or is_local(own)
    made: list[Revision] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        made.clear()
        if await store.next_number(transaction, profile) > 1:
            return ()  # another worker was first
        await store.insert_revision(transaction, revision, master=master)
        if at_once:
            await store.write_standing(transaction, profile, Standing(active=1))
        await advance_epoch(transaction)
        made.append(revision)
        return (_entry(revision, "revision_activated:1" if at_once else "revision_proposed:1"),)

    await parts.audit.commit(decide)
    return None if at_once else next(iter(made), None)


async def _check(opener: Opener, revision: Revision) -> None:
    """Say of the setting what is wrong with a member."""
    try:
        await opener.check(opener.connection(revision))
    except SettingInvalid as error:
        member, _, expected = error.reason.partition(":")
        raise SettingInvalid(f"GATEWAY_{revision.profile.upper()}_{member.upper()}:{expected}") from None


def _warn(profile: Profile, members: Sequence[str]) -> None:
    log.warning(
        "settings_ignored",
        settings=[f"GATEWAY_{profile.upper()}_{name.upper()}" for name in members],
        remedy="this profile's connection is a revision in the store: gateway profiles propose changes it",
    )


def _entry(revision: Revision, outcome: str) -> AuditEntry:
    return AuditEntry(
        at=revision.proposed_at,
        kind=Kind.LOCAL,
        profile=revision.profile,
        act=new_identifier("act"),
        outcome=outcome,
        actor=LOCAL,
    )
