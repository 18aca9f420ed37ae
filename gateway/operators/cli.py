"""`gateway operators`, `gateway login` and `logout`: people with roles. Secrets come by stdin or prompt, never by argv.

Every act but the first admin's names who acts: the operator who is signed in here (`token_file.py`).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Annotated

import typer

from gateway.clock import rfc3339
from gateway.edge.guesses import Guesses
from gateway.identifiers import OperatorName
from gateway.operators.enrolment import enrol
from gateway.operators.model import Arrival, Login, Operator, Role, Session, parse_name
from gateway.operators.passwords import Passwords, parse_new_password
from gateway.operators.propose_cli import add_propose
from gateway.operators.sessions import login, logout
from gateway.operators.token_file import TOKEN_FILE, find_token, forget_token, keep_token, operator_of
from gateway.operators.totp import to_uri
from gateway.operators.use_cases import create_operator, disable_operator, has_official, list_operators
from gateway.terminal import AsJson, OpenGateway, fail, new_typer, print_json, print_table, read_secrets, run

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as lan.nguyen.")]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on operators."""
    app = new_typer("People who run the gateway, with one role each.")
    _add_create(app, open_gateway)
    _add_enrol(app, open_gateway)
    _add_list(app, open_gateway)
    _add_disable(app, open_gateway)
    add_propose(app, open_gateway)
    return app


def add_login(app: typer.Typer, open_gateway: OpenGateway) -> None:
    """Add `login` and `logout` to the root of the commands."""

    @app.command(
        "login", epilog='Example: printf "%s\\n%s\\n" "$PASSWORD" "$CODE" | gateway login lan.nguyen'
    )
    def login_command(name: NameArgument, *, as_json: AsJson = False) -> None:
        """Sign in for at most 8 hours; two lines on stdin: password, TOTP code.

        The token is kept in ./var/operator-token, for its owner only, and ends
        after 30 minutes without a command. GATEWAY_OPERATOR_TOKEN wins over it.
        """
        password, totp = read_secrets("password", "TOTP code")
        tried = Login(name=name, password=password, totp=totp)

        async def work() -> Session:
            async with open_gateway() as gateway:
                with _hashing() as passwords:
                    guesses = Guesses(gateway.parts.clock)
                    session = await login(gateway, passwords, guesses, tried, arrival=Arrival())
                keep_token(session.token)
                return session

        session = run(work())
        if as_json:
            print_json({"token": session.token, "expires_at": rfc3339(session.expires_at)})
        else:
            typer.echo(f"{name} is signed in until {rfc3339(session.expires_at)} ({TOKEN_FILE})")

    @app.command("logout", epilog="Example: gateway logout")
    def logout_command() -> None:
        """End the session of who is signed in here."""

        async def work() -> Operator:
            async with open_gateway() as gateway:
                settings = gateway.opener.settings
                token = find_token(settings)
                try:
                    operator = await operator_of(gateway)
                    await logout(gateway, token or "", arrival=Arrival())
                finally:
                    if settings.operator_token is None:
                        forget_token()
                return operator

        typer.echo(f"{run(work()).name} is signed out")


def _add_create(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command(
        "create",
        epilog="\b\nExamples:\n  gateway operators create lan.nguyen --role admin --bootstrap\n"
        "  gateway operators create minh.tran --role proposer --json",
    )
    def create(
        name: NameArgument,
        *,
        role: Annotated[Role, typer.Option(help="What they may do; one role each.")],
        bootstrap: Annotated[
            bool, typer.Option("--bootstrap", help="Make the first admin, while there is no operator.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Invite an operator: prints a one-time code, good for 24 hours.

        Give the code to nobody but them. Needs an admin who is signed in. With an
        official connection, once there has been a proposer and an approver, a change
        that two people make is needed for good: gateway operators propose.
        """
        wanted = _read_name(name)

        async def work() -> str:
            async with open_gateway() as gateway:
                by = None if bootstrap else await operator_of(gateway)
                official = await has_official(gateway)
                return await create_operator(gateway, wanted, role, by=by, official_present=official)

        code = run(work())
        if as_json:
            print_json({"name": name, "one_time_code": code})
        else:
            typer.echo(f"name: {name}\none_time_code: {code}\nnext: gateway operators enrol {name}")


def _add_enrol(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("enrol", epilog="Example: gateway operators enrol lan.nguyen")
    def enrol_command(name: NameArgument, *, as_json: AsJson = False) -> None:
        """Trade the one-time code for a password and an authenticator's secret.

        Two lines on stdin: the code, a new password of 12 to 128 characters.
        """
        wanted = _read_name(name)
        code, text = read_secrets("one-time code", "new password")
        try:
            password = parse_new_password(text, name=wanted)
        except ValueError as error:
            fail(str(error))

        async def work() -> str:
            async with open_gateway() as gateway:
                with _hashing() as passwords:
                    return await enrol(gateway, passwords, wanted, code=code.strip(), password=password)

        secret = run(work())
        if as_json:
            print_json({"name": name, "totp_secret": secret})
        else:
            typer.echo(f"name: {name}\ntotp_secret: {secret}\n{to_uri(secret, name=name)}")


def _add_list(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("list", epilog="Example: gateway operators list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the operators: role, state, and who made them."""

        async def work() -> list[Operator]:
            async with open_gateway() as gateway:
                return await list_operators(gateway.parts)

        found = [_describe(operator) for operator in run(work())]
        if as_json:
            print_json(found)
            return
        header = ("ROLE", "STATE", "CREATED_AT", "NAME")
        print_table(header, [[str(operator[member.lower()]) for member in header] for operator in found])


def _add_disable(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("disable", epilog="Example: gateway operators disable minh.tran")
    def disable(name: NameArgument) -> None:
        """End an operator, whose sessions end at once. Needs an admin who is signed in."""
        wanted = _read_name(name)

        async def work() -> None:
            async with open_gateway() as gateway:
                await disable_operator(gateway, wanted, by=await operator_of(gateway))

        run(work())
        typer.echo(f"{name} is disabled")


def _describe(operator: Operator) -> dict[str, str | None]:
    return {
        "name": operator.name,
        "role": operator.role.value,
        "state": operator.state.value,
        "created_at": rfc3339(operator.created_at),
        "created_by": operator.created_by,
        "admitted_in": operator.admitted_in,
        "role_since": rfc3339(operator.role_since) if operator.role_since else None,
    }


def _read_name(text: str) -> OperatorName:
    try:
        return parse_name(text)
    except ValueError as error:
        fail(f"NAME: {error} is expected")


@contextmanager
def _hashing() -> Iterator[Passwords]:
    with ThreadPoolExecutor(1) as executor:
        yield Passwords(executor)
