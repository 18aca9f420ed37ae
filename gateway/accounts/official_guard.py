"""Acts on accounts, each recorded. Once there are operators, a command without a sign-in may only suspend on official.

New keys, more officers and a resumption are then changes by two people (`changes/account_kinds.py`); any operator except
a viewer may revoke an account and disable officers. See docs/decisions/0069.
"""

from collections.abc import Mapping

from gateway.accounts.model import Account
from gateway.audit.log import Change
from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.dependencies import Dependencies
from gateway.errors.operators import RoleMissing
from gateway.identifiers import Profile
from gateway.operators.model import Operator
from gateway.operators.use_cases import WORKING_ROLES, permit_of
from gateway.profiles.switching import actor_of, check_host_act, kind_of, new_act_entry
from gateway.storage.database import Transaction

_BY_CHANGE = (
    "there are operators: on official a proposer proposes this change and a second person approves it; sign in "
    "(gateway login NAME), then gateway accounts {command}"
)
_BY_OPERATOR = (
    "there are operators: on official any operator but a viewer may do this: gateway login NAME; without a sign-in "
    "you may only suspend: gateway accounts suspend CLIENT_ID"
)
PROMOTE = (
    "there are operators: an official account is made by promotion, which a second person approves: "
    "gateway accounts promote CLIENT_ID"
)


_REMEDIES: Mapping[str, str] = {
    "account_created": PROMOTE,
    "credential_rotated": _BY_CHANGE.format(command="rotate CLIENT_ID --public-key FILE"),
    "officers_added": _BY_CHANGE.format(command="officers add CLIENT_ID"),
    "rights_changed": _BY_CHANGE.format(command="grant or scopes CLIENT_ID"),
    "account_active": _BY_CHANGE.format(command="resume CLIENT_ID"),
    "officers_disabled": _BY_OPERATOR,
    "account_revoked": _BY_OPERATOR,
}
"""What to do instead without a sign-in, by the outcome of the audit row; a missing act (to suspend) needs no sign-in."""


async def act_on_account(
    deps: Dependencies, account: Account, outcome: str, change: Change[None], *, by: Operator | None = None
) -> None:
    """Do `change` on an account and record it as `outcome`; the actor is `by`, or `local` without an operator.

    A restricted act on official is checked before the commit, where a refusal is recorded, and inside it, since operators
    may be created or disabled meanwhile.

    Raises:
        StateWrong: there are operators, and nobody is signed in, or the act needs two people.
        RoleMissing: `by` is a viewer.
        TokenInvalid: `by` was disabled, or has another role, since.
        What `change` raises.
    """
    remedy = _REMEDIES.get(outcome) if account.profile is Profile.OFFICIAL else None
    permit = permit_of(by, WORKING_ROLES) if remedy == _BY_OPERATOR else None
    if remedy is not None:
        await check_host_act(deps, permit, tried=outcome, remedy=remedy)
        if permit is not None and by is not None and by.role not in WORKING_ROLES:
            tried = _entry(deps, account, Kind.REFUSED, f"role_missing:{outcome}", by.name)
            await deps.audit.record(tried)
            raise RoleMissing(tuple(role.value for role in WORKING_ROLES))

    async def checked(transaction: Transaction) -> None:
        if remedy is not None:
            await actor_of(transaction, permit, remedy=remedy)
        await change(transaction)

    actor = LOCAL if by is None else by.name
    entry = _entry(deps, account, kind_of(actor), outcome, actor)
    await deps.audit.record(entry.copy_with(organisation=account.organisation), change=checked)


def _entry(deps: Dependencies, account: Account, kind: Kind, outcome: str, actor: str) -> AuditEntry:
    entry = new_act_entry(kind, account.profile, outcome, at=deps.clock.now(), actor=actor)
    return entry.copy_with(client_id=account.client_id)
