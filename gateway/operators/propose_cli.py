"""`gateway operators propose`: a new operator, or another role, where an official connection asks for two people."""

from typing import Annotated

import typer

from gateway.changes.printing import print_change
from gateway.operators.model import Role
from gateway.terminal import AsJson, OpenGateway, run


def add_propose(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add the command to those on operators."""

    @app.command("propose", epilog="Example: gateway operators propose tu.le --role viewer")
    def propose(
        name: Annotated[str, typer.Argument(metavar="NAME", help="Such as lan.nguyen.")],
        *,
        role: Annotated[Role, typer.Option(help="What they may do; one role each.")],
        as_json: AsJson = False,
    ) -> None:
        """Propose an operator, or another role for one: a proposer's act.

        A second person approves: gateway profiles preflight, approve, activate
        CHANGE; the activation shows a new operator's one-time code.
        """
        from gateway.changes.cli_acts import Acts  # noqa: PLC0415 - slow to load

        body = {"kind": "operator", "name": name, "role": role.value}
        print_change(run(Acts(open_gateway=open_gateway).propose(body)), as_json=as_json)
