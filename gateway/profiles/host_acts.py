"""What whoever has the host does on official: as they like while there is no operator, later nothing but suspend.

Held in the use cases, inside the commit of the act: a command, a script and a test meet the same guard. Root can write
to the store past it, and the evidence shows that. See docs/decisions/0069.
"""

from collections.abc import Awaitable, Callable

from gateway.audit.model import LOCAL, AuditEntry, Kind
from gateway.database import Transaction
from gateway.deployment import has_operators
from gateway.errors.commands import StateWrong
from gateway.identifiers import new_identifier
from gateway.parts import Parts
from gateway.places import Profile

Permit = Callable[[Transaction], Awaitable[str]]
"""Holds inside the commit that an operator may do it, and returns their name; `operators.permits` makes it."""


async def hold_host(parts: Parts, permit: Permit | None, *, tried: str, remedy: str) -> None:
    """Refuse before the commit, with a row, what takes an operator on official.

    Raises:
        StateWrong: there are operators, and no `permit` of one.
    """
    if permit is not None:
        return
    async with parts.database.read() as transaction:
        if not await has_operators(transaction):
            return
    await parts.audit.record(
        AuditEntry(
            at=parts.clock.now(),
            kind=Kind.REFUSED,
            profile=Profile.OFFICIAL,
            act=new_identifier("act"),
            outcome=f"state_wrong:{tried}",
            actor=LOCAL,
        )
    )
    raise StateWrong(remedy)


async def actor_of(transaction: Transaction, permit: Permit | None, *, remedy: str) -> str:
    """Return who acts on official, inside the commit of the act: an operator, or `local` while there is none.

    Raises:
        StateWrong: there are operators, and no `permit` of one.
        What the permit raises.
    """
    if permit is not None:
        return await permit(transaction)
    if await has_operators(transaction):
        raise StateWrong(remedy)
    return LOCAL


def kind_of(actor: str) -> Kind:
    """Return the kind of an act's row."""
    return Kind.LOCAL if actor == LOCAL else Kind.OPERATOR
