"""What the host alone may do to an official account: as it likes while there is no operator, then only suspend.

A new key, an officer and a resumption are changes of two people (`changes/account_subjects.py`); any operator but a
viewer revokes an account and disables officers. See docs/decisions/0069.
"""

from dataclasses import dataclass

from gateway.accounts.model import Account
from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.errors.operators import RoleMissing
from gateway.identifiers import new_identifier
from gateway.operators.model import Operator
from gateway.operators.permits import WORKING, permit_of
from gateway.parts import Parts
from gateway.places import Profile
from gateway.profiles.host_acts import actor_of, hold_host

_BY_CHANGE = (
    "there are operators: on official this is a change that a proposer proposes and a second person approves; sign in "
    "(gateway login NAME), then gateway accounts {command}"
)
_BY_OPERATOR = (
    "there are operators: on official this is an act of any operator but a viewer: gateway login NAME; the host alone "
    "may suspend: gateway accounts suspend CLIENT_ID"
)
PROMOTE = (
    "there are operators: an official account is made by promotion, which a second person approves: "
    "gateway accounts promote CLIENT_ID"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedAct:
    """An act on an account: its word for the row, how it is done with operators, and whether one of them is enough."""

    tried: str
    remedy: str
    by_one: bool = False


CREATE = GuardedAct(tried="account_created", remedy=PROMOTE)
ROTATE = GuardedAct(
    tried="credential_rotated", remedy=_BY_CHANGE.format(command="rotate CLIENT_ID --public-key FILE")
)
ADD_OFFICERS = GuardedAct(tried="officers_added", remedy=_BY_CHANGE.format(command="officers add CLIENT_ID"))
RESUME = GuardedAct(tried="account_active", remedy=_BY_CHANGE.format(command="resume CLIENT_ID"))
DISABLE_OFFICERS = GuardedAct(tried="officers_disabled", remedy=_BY_OPERATOR, by_one=True)
REVOKE = GuardedAct(tried="account_revoked", remedy=_BY_OPERATOR, by_one=True)


async def hold_act(parts: Parts, account: Account, by: Operator | None, act: GuardedAct) -> None:
    """Refuse an act on an official account before its commit, with a row.

    Raises:
        StateWrong: there are operators, and nobody is signed in, or it takes two people.
        RoleMissing: `by` is a viewer.
    """
    if account.profile is not Profile.OFFICIAL:
        return
    one = by if act.by_one else None
    await hold_host(parts, permit_of(one, WORKING), tried=act.tried, remedy=act.remedy)
    if one is not None and one.role not in WORKING:
        await parts.audit.record(
            AuditEntry(
                at=parts.clock.now(),
                kind=Kind.REFUSED,
                profile=account.profile,
                act=new_identifier("act"),
                client_id=account.client_id,
                outcome=f"role_missing:{act.tried}",
                actor=one.name,
            )
        )
        raise RoleMissing(tuple(role.value for role in WORKING))


async def hold_inside(
    transaction: Transaction, account: Account, by: Operator | None, act: GuardedAct
) -> None:
    """Refuse it once more inside its commit, where somebody may have become an operator, or none, meanwhile.

    Raises:
        StateWrong, RoleMissing, TokenInvalid
    """
    if account.profile is Profile.OFFICIAL:
        permit = permit_of(by if act.by_one else None, WORKING)
        await actor_of(transaction, permit, remedy=act.remedy)
