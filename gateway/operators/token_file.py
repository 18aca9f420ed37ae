"""The signed-in operator of commands: a token in `./var/operator-token`, mode 0600, or in a setting.

`GATEWAY_OPERATOR_TOKEN` has precedence over the file. Every command checks the session, so an ended one is refused.
"""

from gateway.errors.operators import StateWrong
from gateway.errors.requests import TokenInvalid
from gateway.operators.model import Operator
from gateway.operators.sessions import identify
from gateway.operators.use_cases import has_operators, permit_admin
from gateway.private_files import OWN_FOLDER, make_private_folder, replace_private_file, tighten_secret
from gateway.profiles.model import Gateway
from gateway.profiles.switching import Permit
from gateway.settings import Settings

TOKEN_FILE = OWN_FOLDER / "operator-token"


async def operator_of(gateway: Gateway) -> Operator:
    """Return the signed-in operator. Raises `StateWrong` if there is no operator, none is signed in, or the session has ended."""
    operator = await find_operator(gateway)
    if operator is None and not await has_operators(gateway.deps):
        raise StateWrong("there is no operator yet: gateway operators create NAME --role admin --bootstrap")
    if operator is None:
        raise StateWrong("no operator is signed in here: gateway login NAME")
    return operator


async def find_operator(gateway: Gateway) -> Operator | None:
    """Return the signed-in operator, None without one. Raises `StateWrong` if the session has ended."""
    token = find_token(gateway.settings)
    if token is None:
        return None
    try:
        return await identify(gateway, token)
    except TokenInvalid:
        raise StateWrong("the session has ended, or is of another gateway: gateway login NAME") from None


async def find_admin_permit(gateway: Gateway) -> Permit | None:
    """Return the permit of the signed-in admin; None without operators or a sign-in.

    Raises:
        StateWrong: the session has ended.
        RoleMissing: the signed-in operator is not an admin.
    """
    if not await has_operators(gateway.deps) or find_token(gateway.settings) is None:
        return None
    return await permit_admin(gateway, await operator_of(gateway))


def find_token(settings: Settings) -> str | None:
    """Return the token of the setting, or of the file, or None. Raises `StateWrong` for an unreadable file."""
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


def write_token(token: str) -> None:
    """Write a token to the file, readable for its owner only. Raises `StateWrong` if it can't be written."""
    try:
        make_private_folder(TOKEN_FILE.parent)
        replace_private_file(TOKEN_FILE, f"{token}\n")
    except OSError as error:
        raise StateWrong(f"{TOKEN_FILE}: can't be written ({error.strerror})") from None


def delete_token() -> None:
    """Delete the file, if there is one."""
    TOKEN_FILE.unlink(missing_ok=True)
