"""The signed-in operator of commands: a token kept in a file of its owner's, or told by a setting.

`./var/operator-token` of the current folder, mode 0600; `GATEWAY_OPERATOR_TOKEN` wins over it. Each act of a command
says by it who acts, and a session that is over is over here too.
"""

import os
import tempfile
from pathlib import Path

from gateway.errors.callers import TokenInvalid
from gateway.errors.commands import StateWrong
from gateway.operators.model import Operator
from gateway.operators.sessions import identify
from gateway.private_folder import OWN, make_private_folder, tighten_secret
from gateway.profiles.model import Gateway
from gateway.settings import Settings

TOKEN_FILE = OWN / "operator-token"


async def operator_of(gateway: Gateway) -> Operator:
    """Return who is signed in here: each act of a command asks anew.

    Raises:
        StateWrong: nobody, or their session is over; says how to sign in.
    """
    token = find_token(gateway.opener.settings)
    if token is None:
        raise StateWrong("no operator is signed in here: gateway login NAME")
    try:
        return await identify(gateway, token)
    except TokenInvalid:
        raise StateWrong("the session is over, or of another gateway: gateway login NAME") from None


def find_token(settings: Settings) -> str | None:
    """Return the token of the setting, else of the file, else None. Raises `StateWrong` for a file that can't be read."""
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value()
    try:
        tighten_secret(TOKEN_FILE)
        return TOKEN_FILE.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StateWrong(
            f"{TOKEN_FILE}: can't be read ({type(error).__name__}): gateway login NAME"
        ) from None


def keep_token(token: str) -> None:
    """Put a token into the file, for its owner only. Raises `StateWrong` where it can't be written."""
    try:
        make_private_folder(TOKEN_FILE.parent)
        descriptor, name = tempfile.mkstemp(dir=TOKEN_FILE.parent, prefix=TOKEN_FILE.name)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
        Path(name).replace(TOKEN_FILE)  # at once, with the mode of the new file, whatever lay there
    except OSError as error:
        raise StateWrong(f"{TOKEN_FILE}: can't be written ({error.strerror})") from None


def forget_token() -> None:
    """Remove the file, if there is one."""
    TOKEN_FILE.unlink(missing_ok=True)
