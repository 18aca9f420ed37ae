"""`gateway operators`, `login` and `logout`: the people who run the gateway.

Secrets come by stdin or prompt, never as arguments. Every act except creating the first admin is recorded under the
signed-in operator (`sessions.py`).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.clock import rfc3339
from gateway.operators.model import Role, describe, parse_name
from gateway.terminal import (
    AsJson,
    DryRun,
    OpenGateway,
    fail,
    new_typer,
    print_list,
    print_result,
    read_secrets,
    refuse_without_store,
    run_in_gateway,
    run_in_store,
)

if TYPE_CHECKING:
    from gateway.identifiers import OperatorName
    from gateway.operators.model import Operator, Session
    from gateway.profiles.model import Gateway

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as lan.nguyen.")]
RoleOption = Annotated[Role, typer.Option(help="What the operator may do; one role each.")]
_CODE_REFUSED = (
    "for this name the one-time code is wrong, used or over 24 hours old: ask who invited you for another one"
)
_NOT_IN_USE = "; the secret that was printed is not in use: delete it from the authenticator"
_ENROL_EXAMPLES = """\b
Examples:
  gateway operators enrol lan.nguyen
  gateway operators enrol lan.nguyen --print-secret"""
_CREATE_EXAMPLES = """\b
Examples:
  gateway operators create lan.nguyen --role admin --bootstrap
  gateway operators create minh.tran --role proposer --json"""


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return the commands on operators; creating the first one may begin a store."""
    app = new_typer("People who run the gateway, with one role each.")
    _add_create(app, open_gateway)
    _add_enrol(app, open_gateway)

    @app.command("list", epilog="Example: gateway operators list --json")
    def list_all(*, as_json: AsJson = False) -> None:
        """List the operators with role and state; --json also says who created each."""
        from gateway.operators.store import list_records

        found = [describe(record.operator) for record in run_in_store(open_gateway, list_records)]
        print_list(found, ("role", "state", "created_at", "name"), as_json=as_json)

    @app.command("disable", epilog="Example: gateway operators disable minh.tran")
    def disable(name: NameArgument, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """Disable an operator and end their sessions at once. Needs a signed-in admin."""
        from gateway.operators.sessions import operator_of
        from gateway.operators.use_cases import disable_operator

        wanted = _read_name(name)

        async def end(gateway: Gateway) -> None:
            await disable_operator(gateway, wanted, by=await operator_of(gateway))

        run_in_gateway(open_gateway, end, dry_run=dry_run, as_json=as_json)
        print_result({"name": name, "state": "disabled"}, f"{name} is disabled", as_json=as_json)

    _add_propose(app, open_gateway)
    return app


def _add_create(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("create", epilog=_CREATE_EXAMPLES)
    def create(
        name: NameArgument,
        *,
        role: RoleOption,
        bootstrap: Annotated[
            bool, typer.Option("--bootstrap", help="Create the first admin; there is no operator yet.")
        ] = False,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Invite an operator: prints a one-time code, valid for 24 hours.

        Give the code to that person only. Needs a signed-in admin. If official has
        a connection, and there was a proposer and an approver, two people create
        operators by a change: gateway operators propose.
        """
        from gateway.operators.sessions import operator_of
        from gateway.operators.use_cases import create_operator

        wanted = _read_name(name)

        async def invite(gateway: Gateway) -> str:
            by = None if bootstrap else await operator_of(gateway)
            return await create_operator(gateway, wanted, role, by=by)

        code = run_in_gateway(open_gateway, invite, make=True, dry_run=dry_run, as_json=as_json)
        text = f"name: {name}\none_time_code: {code}\nnext: gateway operators enrol {name}"
        print_result({"name": name, "one_time_code": code}, text, as_json=as_json)


def _add_enrol(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("enrol", epilog=_ENROL_EXAMPLES)
    def enrol_command(
        name: NameArgument,
        *,
        print_secret: Annotated[
            bool,
            typer.Option("--print-secret", help="First print the new secret, as otpauth:// and a QR code."),
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Exchange the one-time code for a password and an authenticator's secret.

        Lines on stdin: the code, and a new password of 12 to 128 characters. With
        --print-secret a third one may follow, which a terminal asks for: the TOTP
        code that the authenticator shows. A wrong one changes nothing.
        """
        from concurrent.futures import ThreadPoolExecutor

        from gateway.errors.operators import LoginInvalid, StateWrong
        from gateway.operators import credentials
        from gateway.operators.use_cases import enrol

        wanted, new = _read_name(name), credentials.new_secret()
        uri = credentials.to_uri(credentials.to_base32(new), name=name)
        left = _NOT_IN_USE if print_secret else ""
        refuse_without_store(open_gateway)
        if print_secret:
            _refuse_uninvited(open_gateway, wanted)
            typer.echo(f"{uri}\n{credentials.draw_qr(uri)}", err=as_json)
        code, text, *totp = read_secrets(
            "one-time code", "new password", optional="TOTP code", ask=print_secret
        )
        try:
            password = credentials.parse_new_password(text, name=wanted)
        except ValueError as error:
            fail(f"{error}{left}")

        async def activate(gateway: Gateway) -> str:
            with ThreadPoolExecutor(1) as executor:
                try:
                    return await enrol(
                        gateway,
                        credentials.Passwords(executor),
                        wanted,
                        code=code.strip(),
                        password=password,
                        secret=new,
                        totp=totp[0].strip() if totp else None,
                    )
                except LoginInvalid:
                    raise LoginInvalid(f"{_CODE_REFUSED}{left}") from None
                except StateWrong as error:
                    raise StateWrong(f"{error}{left}") from None

        secret = run_in_gateway(open_gateway, activate)
        shown = f"name: {name}\ntotp_secret: {secret}\n{uri}"
        if sys.stdout.isatty() and not print_secret:
            shown += f"\n{credentials.draw_qr(uri)}"
        print_result({"name": name, "totp_secret": secret}, shown, as_json=as_json)


def _refuse_uninvited(open_gateway: OpenGateway, name: OperatorName) -> None:
    """End the command if no one-time code could be right for this name: a secret that never counts is not printed."""
    from gateway.operators.store import find_record

    record = run_in_store(open_gateway, partial(find_record, name=name))
    if record is None or not record.may_enrol(open_gateway.clock.now()):
        fail(_CODE_REFUSED)


def _add_propose(app: typer.Typer, open_gateway: OpenGateway) -> None:
    @app.command("propose", epilog="Example: gateway operators propose tu.le --role viewer")
    def propose(
        name: NameArgument, *, role: RoleOption, dry_run: DryRun = False, as_json: AsJson = False
    ) -> None:
        """Propose a new operator, or another role for one. Needs a signed-in proposer.

        A second person approves: gateway profiles preflight, approve, activate
        CHANGE; the activation shows a new operator's one-time code.
        """
        from gateway.changes.cli_acts import ChangeCommands

        body = {"kind": "operator", "name": name, "role": role.value}
        ChangeCommands(open_gateway=open_gateway, as_json=as_json, dry_run=dry_run).propose(body)


def build_login_cli(open_gateway: OpenGateway) -> typer.Typer:
    """Return `login` and `logout`."""
    app = new_typer("Sign in as an operator, and out.")

    @app.command(
        "login", epilog='Example: printf "%s\\n%s\\n" "$PASSWORD" "$CODE" | gateway login lan.nguyen'
    )
    def login_command(name: NameArgument, *, as_json: AsJson = False) -> None:
        """Sign in for at most 8 hours; two lines on stdin: password, TOTP code.

        The token is stored in ./var/operator-token, for its owner only, and ends
        after 30 minutes without a command. GATEWAY_OPERATOR_TOKEN has precedence.
        """
        from concurrent.futures import ThreadPoolExecutor

        from gateway.edge.throttle import LoginThrottle
        from gateway.operators.credentials import Passwords
        from gateway.operators.model import Login
        from gateway.operators.sessions import TOKEN_FILE, login, write_token

        refuse_without_store(open_gateway)
        password, totp = read_secrets("password", "TOTP code")
        tried = Login(name=name, password=password, totp=totp)

        async def sign_in(gateway: Gateway) -> Session:
            with ThreadPoolExecutor(1) as executor:
                throttle = LoginThrottle(gateway.deps.clock)
                session = await login(gateway, Passwords(executor), throttle, tried)
            write_token(session.token)
            return session

        session = run_in_gateway(open_gateway, sign_in)
        ends = rfc3339(session.expires_at)
        text = f"{name} is signed in until {ends} ({TOKEN_FILE})"
        print_result({"token": session.token, "expires_at": ends}, text, as_json=as_json)

    @app.command("logout", epilog="Example: gateway logout")
    def logout_command(*, as_json: AsJson = False) -> None:
        """End the session of the signed-in operator."""
        from gateway.operators.sessions import delete_token, find_token, logout, operator_of

        async def sign_out(gateway: Gateway) -> Operator:
            settings = gateway.settings
            try:
                await operator_of(gateway)
                return await logout(gateway, find_token(settings) or "")
            finally:
                if settings.operator_token is None:
                    delete_token()

        name = run_in_gateway(open_gateway, sign_out).name
        print_result({"name": name}, f"{name} is signed out", as_json=as_json)

    return app


def _read_name(text: str) -> OperatorName:
    try:
        return parse_name(text)
    except ValueError as error:
        fail(f"NAME: {error} is expected")
