"""Since when official takes two people, and whether two operators are two people. See docs/decisions/0068.

Official takes two from the moment that a proposer and an approver have enrolled where it has a connection, or that two
people have activated a change of it. That instant is kept with the profile and never taken back: no disabling, other
role, new invitation, setting or lost row brings back the time when one admin makes operators alone.
"""

from collections.abc import Sequence

from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.database import Transaction
from gateway.identifiers import new_identifier
from gateway.operators import store
from gateway.operators.model import Operator, Record, Role
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.profiles.store import list_revisions, read_standing, require_two_people

BOTH = frozenset({Role.PROPOSER, Role.APPROVER})


async def official_is_there(transaction: Transaction, gateway: Gateway) -> bool:
    """Say whether the official profile has a connection, or ever had a revision of one, active or not.

    The settings count beside the store: they make a first revision at the next `gateway serve`.
    """
    if gateway.opener.settings.of(Profile.OFFICIAL).registry_url is not None:
        return True
    return bool(await list_revisions(transaction, Profile.OFFICIAL))


async def note_two_people(
    transaction: Transaction, gateway: Gateway, *, actor: str, acted: bool = False
) -> Sequence[AuditEntry]:
    """Keep with official that it takes two people, where that is due; return the row of it, none where it isn't new.

    Inside the caller's record of the audit, before an act that takes a role away. `acted`: two people just have.
    """
    if (await read_standing(transaction, Profile.OFFICIAL)).two_people_since is not None:
        return ()
    both = have_both_enrolled(await store.list_records(transaction))
    if not (acted or (both and await official_is_there(transaction, gateway))):
        return ()
    now = gateway.parts.clock.now()
    await require_two_people(transaction, Profile.OFFICIAL, since=now)
    return (
        AuditEntry(
            at=now,
            kind=Kind.LOCAL if actor == LOCAL else Kind.OPERATOR,
            profile=Profile.OFFICIAL,
            act=new_identifier("act"),
            outcome="two_people_required",
            actor=actor,
        ),
    )


def have_both_enrolled(records: Sequence[Record]) -> bool:
    """Say whether a proposer and an approver have enrolled, disabled since or not."""
    return {each.operator.role for each in records if each.operator.role_since is not None} >= BOTH


async def are_one_person(
    transaction: Transaction, proposer: str, approver: Operator, *, admitted_by: str | None
) -> bool:
    """Say whether one person may be behind both: either saw the other's one-time code, or a third one saw both codes.

    `admitted_by` is who admitted the proposer as whom they proposed. A third one counts from the moment that official
    took two people: before it the first admin makes both.
    """
    if proposer == LOCAL:
        return False  # whoever has the host is no operator, and admits the first admin alone
    found = await store.find_record(transaction, proposer)
    first = admitted_by or (None if found is None else found.operator.created_by)
    if approver.name == first or approver.created_by == proposer:
        return True
    since = (await read_standing(transaction, Profile.OFFICIAL)).two_people_since
    if found is None or since is None:
        return False
    both = (found.operator, approver)
    alone = all(each.admitted_in is None for each in both)
    return all(each.created_at > since for each in both) and (alone or first == approver.created_by)
