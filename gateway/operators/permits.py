"""An operator's permit for an act of the host on official: their role, held before the commit and again inside it."""

from collections.abc import Collection

from gateway.database import Transaction
from gateway.errors.operators import RoleMissing
from gateway.operators.model import Operator, Role
from gateway.operators.sessions import require_role
from gateway.operators.use_cases import confirm_operator
from gateway.profiles.host_acts import Permit
from gateway.profiles.model import Gateway

WORKING = tuple(role for role in Role if role is not Role.VIEWER)
"""Who may take something away from official alone: any operator but a viewer."""


def permit_of(by: Operator | None, roles: Collection[Role]) -> Permit | None:
    """Return the permit of an operator of one of these roles; None for nobody."""
    if by is None:
        return None

    async def permit(transaction: Transaction) -> str:
        if by.role not in roles:
            raise RoleMissing(tuple(role.value for role in roles))
        await confirm_operator(transaction, by)
        return by.name

    return permit


async def permit_admin(gateway: Gateway, by: Operator | None) -> Permit | None:
    """Return an admin's permit; None for nobody. Raises `RoleMissing`, which is recorded."""
    if by is not None:
        await require_role(gateway, by, Role.ADMIN)
    return permit_of(by, (Role.ADMIN,))
