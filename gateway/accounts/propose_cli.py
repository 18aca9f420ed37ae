"""What commands on official accounts do once there are operators: propose, or act as who is signed in here.

See docs/decisions/0069.
"""

from collections.abc import Mapping
from typing import Any

import typer

from gateway.accounts.model import Account
from gateway.changes.printing import print_change
from gateway.operators.model import Operator
from gateway.operators.token_file import find_token, operator_of
from gateway.operators.use_cases import has_operators
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.terminal import OpenGateway, run


async def find_actor(gateway: Gateway, account: Account) -> Operator | None:
    """Return who is signed in here, where an act on this account asks for an operator; None where nobody is.

    Raises:
        StateWrong: a session that is over.
    """
    if account.profile is not Profile.OFFICIAL or not await has_operators(gateway.parts):
        return None
    return None if find_token(gateway.opener.settings) is None else await operator_of(gateway)


def propose_on_account(open_gateway: OpenGateway, body: Mapping[str, Any], *, as_json: bool) -> None:
    """Propose a change of an official account, and print it with what comes next."""
    from gateway.changes.cli_acts import Acts  # noqa: PLC0415 - slow to load

    change = run(Acts(open_gateway=open_gateway).propose(body))
    print_change(change, as_json=as_json)
    if not as_json:
        typer.echo("next: gateway profiles preflight, approve and activate CHANGE, by two people")
