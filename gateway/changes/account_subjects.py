"""Changes of an official account: another key, more officers, the end of its suspension. See docs/decisions/0069.

Once there are operators none of them is an act of the host alone: whoever has an account's key is the portal. Each diff
names the account, its organisation and what it may do, so that the second person sees whose key it is. To suspend, to
revoke and to disable officers only take away, and are one person's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.accounts import store
from gateway.accounts.model import Account, AccountState
from gateway.accounts.public_keys import import_public_key, parse_public_keys
from gateway.accounts.use_cases import officer_pseudonym, replace_keys
from gateway.changes.checks import one_check
from gateway.changes.model import Change, DiffLine
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.errors import FieldError
from gateway.errors.commands import AlreadyExists, StateWrong
from gateway.errors.requests import RequestInvalid
from gateway.operators.model import Operator
from gateway.places import Profile
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight

_TITLE = "Tài khoản chính thức còn nhận thay đổi này"


async def draft_rotation(
    transaction: Transaction, client_id: str, public_key: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of a new key, or keys, which end those in force.

    Raises:
        RequestInvalid: not an official account, or no key to verify with.
        StateWrong: the account is revoked, or has or had one of the keys.
    """
    account = await _get_account(transaction, client_id)
    try:
        keys = parse_public_keys(dict(public_key))
    except ValueError as error:
        raise _invalid("public_key", str(error)) from None
    await _refuse_known(transaction, account, _thumbprints(keys))
    return {"client_id": account.client_id, "public_keys": list(keys)}


async def draft_officers(
    transaction: Transaction, gateway: Gateway, client_id: str, officers: Sequence[str]
) -> dict[str, Any]:
    """Return the document of officers whom the account may name beside those that it may already.

    Raises:
        RequestInvalid: not an official account, or nobody is named.
        StateWrong: the account is revoked.
    """
    account = await _get_account(transaction, client_id)
    if not officers:
        raise _invalid("officers", "one officer's id at least")
    keys = gateway.places[Profile.OFFICIAL].keys
    named = [officer_pseudonym(keys, account.organisation, each) for each in dict.fromkeys(officers)]
    return {"client_id": account.client_id, "officers": named}


async def draft_resumption(transaction: Transaction, client_id: str) -> dict[str, Any]:
    """Return the document of an account's resumption.

    Raises:
        RequestInvalid: not an official account.
        StateWrong: it is not suspended.
    """
    account = await _get_account(transaction, client_id)
    if account.state is not AccountState.SUSPENDED:
        raise StateWrong(f"{client_id} is {account.state.value}: only a suspended account is resumed")
    return {"client_id": account.client_id}


async def diff_rotation(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Hold the new keys' thumbprints beside those of the keys in force."""
    del gateway
    account = await _get_account(transaction, _client_id(change))
    found = await store.get_credentials(transaction, account.client_id)
    before = sorted(_thumbprints([key.jwk for key in found.public_keys if key.retired_at is None]))
    after = sorted(_thumbprints(change.document["public_keys"]))
    return (*_named(account), DiffLine(member="public_keys", before=before, after=after))


async def diff_officers(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Say how many officers there will be, and who is new, by pseudonym; nothing where all may be named already."""
    del gateway
    account = await _get_account(transaction, _client_id(change))
    present = set(await store.list_officers(transaction, [account.client_id]))
    new = sorted(set(change.document["officers"]) - present)
    if not new:
        return ()
    return (
        *_named(account),
        DiffLine(member="officers", before=len(present), after=len(present) + len(new)),
        DiffLine(member="officers.new", before=None, after=new),
    )


async def diff_resumption(transaction: Transaction, gateway: Gateway, change: Change) -> tuple[DiffLine, ...]:
    """Say that the account may call again, and what it may do then; nothing where it isn't suspended."""
    del gateway
    account = await _get_account(transaction, _client_id(change))
    if account.state is not AccountState.SUSPENDED:
        return ()
    return (
        *_named(account),
        DiffLine(member="state", before=account.state.value, after=AccountState.ACTIVE.value),
    )


async def check_account(gateway: Gateway, change: Change, trial: Trial) -> Preflight:
    """Look whether it could happen now; nothing outside hangs on it."""
    del trial
    async with gateway.parts.database.read() as transaction:
        try:
            account = await _get_account(transaction, _client_id(change))
            keys = change.document.get("public_keys", ())
            await _refuse_known(transaction, account, _thumbprints(keys))
        except (StateWrong, RequestInvalid) as error:
            detail = error.reason if isinstance(error, StateWrong) else error.errors[0].detail
            remedy = "gateway accounts show CLIENT_ID, then propose anew"
            return one_check("account", detail, _TITLE, passed=False, remedy=remedy)
    return one_check("account", f"the account is {account.state.value}", _TITLE)


async def rotate(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """End the keys in force and put the new ones there. Raises `StateWrong` for a key that is known by now."""
    del by
    account = await _get_account(transaction, _client_id(change))
    keys = change.document["public_keys"]
    await _refuse_known(transaction, account, _thumbprints(keys))
    try:
        await replace_keys(transaction, account, keys, at=gateway.parts.clock.now())
    except AlreadyExists as error:
        raise StateWrong(error.reason) from None
    return {}


async def add_officers(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """Let the account name these officers too."""
    del by
    account = await _get_account(transaction, _client_id(change))
    officers = change.document["officers"]
    await store.enable_officers(transaction, account.client_id, officers, at=gateway.parts.clock.now())
    return {}


async def resume(
    transaction: Transaction, gateway: Gateway, change: Change, by: Operator
) -> Mapping[str, str]:
    """End the suspension. Raises `StateWrong` where there is none."""
    del gateway, by
    client_id = _client_id(change)
    former = AccountState.SUSPENDED
    if not await store.update_state(transaction, client_id, AccountState.ACTIVE, former=former):
        raise StateWrong(f"{client_id} is not suspended")
    return {}


async def _get_account(transaction: Transaction, client_id: str) -> Account:
    found = await store.find_account(transaction, client_id)
    if found is None or found.profile is not Profile.OFFICIAL:
        raise _invalid("client_id", "an official account's is expected: gateway accounts list")
    if found.state is AccountState.REVOKED:
        raise StateWrong(f"{client_id} is revoked for good: promote the sandbox account anew")
    return found


async def _refuse_known(transaction: Transaction, account: Account, thumbprints: Sequence[str]) -> None:
    found = await store.get_credentials(transaction, account.client_id)
    if set(_thumbprints([key.jwk for key in found.public_keys])) & set(thumbprints):
        raise StateWrong(
            f"{account.client_id} has or had this key: make a new one, a retired key never comes back"
        )


def _named(account: Account) -> tuple[DiffLine, ...]:
    """Return whose account it is, and what it may do: shown although it stays."""
    shown = {
        "authorization_details": account.grants.to_details(),
        "client_id": account.client_id,
        "name": account.name,
        "organisation": account.organisation,
        "scopes": sorted(account.scopes),
    }
    return tuple(DiffLine(member=name, before=value, after=value) for name, value in shown.items())


def _thumbprints(jwks: Sequence[dict[str, Any]]) -> list[str]:
    return [import_public_key(jwk).thumbprint() for jwk in jwks]


def _client_id(change: Change) -> str:
    return str(change.document["client_id"])


def _invalid(field_name: str, detail: str) -> RequestInvalid:
    return RequestInvalid((FieldError(field=field_name, code="request_invalid", detail=detail),))
