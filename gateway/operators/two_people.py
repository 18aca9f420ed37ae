"""Since when official needs two people, and whether two operators are two people. See docs/decisions/0068.

Official needs two people once a proposer and an approver have enrolled while it has a connection, or once two people
have activated a change of it. The time is stored with the profile and never cleared: after disabling somebody, another
role, a new invitation, another setting or a lost row, one admin still can't create operators alone.
"""

from collections.abc import Sequence

from gateway.audit.model import LOCAL, AuditEntry
from gateway.identifiers import Profile
from gateway.operators import store
from gateway.operators.model import Operator, OperatorRecord, Role, operator_entry
from gateway.profiles.model import Gateway
from gateway.profiles.store import list_revisions, read_state, require_two_people
from gateway.storage.database import Transaction

BOTH = frozenset({Role.PROPOSER, Role.APPROVER})


async def official_exists(transaction: Transaction, gateway: Gateway) -> bool:
    """Return whether official has a connection, or ever had a revision, active or not.

    A connection in the settings counts too, since the next `gateway serve` makes it the first revision.
    """
    if gateway.settings.of(Profile.OFFICIAL).registry_url is not None:
        return True
    return bool(await list_revisions(transaction, Profile.OFFICIAL))


async def record_two_people(
    transaction: Transaction, gateway: Gateway, *, actor: str, acted: bool = False
) -> Sequence[AuditEntry]:
    """Store that official needs two people, if that begins now; return its audit row, or none.

    Call it before an act that removes a role. `acted`: two people have just activated a change.
    """
    if (await read_state(transaction, Profile.OFFICIAL)).two_people_since is not None:
        return ()
    if not acted:
        both = have_both_enrolled(await store.list_records(transaction))
        if not both or not await official_exists(transaction, gateway):
            return ()
    entry = operator_entry(gateway.deps, "two_people_required", actor=actor, profile=Profile.OFFICIAL)
    await require_two_people(transaction, Profile.OFFICIAL, since=entry.at)
    return (entry,)


def have_both_enrolled(records: Sequence[OperatorRecord]) -> bool:
    """Return whether a proposer and an approver have enrolled, even if they are disabled now."""
    return {each.operator.role for each in records if each.operator.role_since is not None} >= BOTH


async def are_one_person(
    transaction: Transaction, proposer: str, approver: Operator, *, admitted_by: str | None
) -> bool:
    """Return whether one person may act as both: one saw the other's one-time code, or a third person saw both codes.

    `admitted_by` is who admitted the proposer, as stored with the proposal. A third person counts only if both operators
    were created after official began to need two people: before that, the first admin creates both.
    """
    if proposer == LOCAL:
        return False  # `local` is no operator, and admits only the first admin
    found = await store.find_record(transaction, proposer)
    first = admitted_by or (None if found is None else found.operator.created_by)
    if approver.name == first or approver.created_by == proposer:
        return True
    since = (await read_state(transaction, Profile.OFFICIAL)).two_people_since
    if found is None or since is None:
        return False
    both = (found.operator, approver)
    alone = all(each.admitted_in is None for each in both)
    return all(each.created_at > since for each in both) and (alone or first == approver.created_by)
