"""Hold the second person of a change to be one: not the proposer, nobody's puppet, and there before the proposal.

`rules.py` compares names and roles; this looks at how both became operators. On sandbox one person is enough, and
nothing here holds. See docs/decisions/0068.
"""

from gateway.audit.model import LOCAL
from gateway.changes.model import Change
from gateway.database import Transaction
from gateway.errors.operators import RoleMissing, SameOperator
from gateway.operators.model import Operator, Role
from gateway.operators.two_people import are_one_person

_ONE = (
    "you and who proposed this change may be one person: one of you saw the one-time code of the other, or a third "
    "one saw both: another approver has to do this"
)
_LATE = "since before the change was proposed: propose it anew, or let an approver of then do this"


async def hold_second_person(transaction: Transaction, by: Operator, change: Change) -> None:
    """Let an approver complete a change: approve, activate or roll it back. Of other roles `rules.py` says it.

    Raises:
        SameOperator: either admitted the other, or a third one admitted both after official took two people.
        RoleMissing: they enrolled, or became an approver, at or after the instant of the proposal; not where the
            settings proposed a first revision, since that may come before the first operator.
    """
    if not change.guarded or by.role is not Role.APPROVER or by.name == change.proposed_by:
        return
    if await are_one_person(transaction, change.proposed_by, by, admitted_by=change.proposer_admitted_by):
        raise SameOperator(_ONE)
    late = by.role_since is None or by.role_since >= change.proposed_at
    if late and change.proposed_by != LOCAL:
        raise RoleMissing((Role.APPROVER.value,), since=_LATE)
