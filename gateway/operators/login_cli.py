"""`gateway login` and `gateway logout`. Secrets come by stdin or prompt, never as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gateway.clock import rfc3339
from gateway.terminal import (
    AsJson,
    OpenGateway,
    new_typer,
    print_result,
    read_secrets,
    refuse_without_store,
    run_in_gateway,
)

if TYPE_CHECKING:
    from gateway.operators.model import Operator, Session
    from gateway.profiles.model import Gateway

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Such as lan.nguyen.")]


def build_cli(open_gateway: OpenGateway) -> typer.Typer:
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
        from gateway.operators.model import Login
        from gateway.operators.passwords import Passwords
        from gateway.operators.sessions import login
        from gateway.operators.token_file import TOKEN_FILE, write_token

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
        from gateway.operators.sessions import logout
        from gateway.operators.token_file import delete_token, find_token, operator_of

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
