"""Sessions of operators: sign in, identify the operator of a token, sign out, require a role.

The TOTP code is checked before the password, since its check is cheap. If the code is wrong, the password is hashed only
for a few attempts, on one thread, so that strangers don't delay the right operator (docs/decisions/0071). An unknown
name also costs a hash: neither the answer nor its time shows which part was wrong, except during a flood. The commit
that opens the session uses up the code's time step. Wrong attempts are slowed (`edge/throttle.py`) and counted
(`audit/refusals.py`).

One-time codes and session tokens are stored as keyed HMACs (docs/decisions/0015). Operators belong to no profile: the
key is official's credential key. The HMAC covers the kind of secret, so that a code is never accepted as a token.

Commands have the token of their session in `./var/operator-token`, mode 0600, or in `GATEWAY_OPERATOR_TOKEN`, which has
precedence. Every command checks the session, so an ended one is refused.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from functools import partial

import structlog

from gateway import deployment
from gateway.audit.model import AuditEntry, Kind
from gateway.bounded_files import read_bounded, why_unread
from gateway.edge.throttle import LoginThrottle, NotAuthenticated, TooManyAttempts
from gateway.errors.operators import LoginInvalid, MasterKeyWrong, RoleMissing, StateWrong
from gateway.errors.requests import Overloaded, RateLimited, TokenInvalid
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.keys.sealing import unseal
from gateway.operators import store
from gateway.operators.credentials import Passwords, find_step, new_secret
from gateway.operators.model import (
    HOST,
    MAX_IDLE,
    MAX_SESSION,
    Login,
    Operator,
    OperatorRecord,
    OperatorState,
    RequestSource,
    Role,
    Session,
    lasts,
    operator_entry,
)
from gateway.private_files import (
    OWN_FOLDER,
    make_private_folder,
    remove_leftovers,
    replace_private_file,
    tighten_secret,
)
from gateway.profiles.model import Dependencies, Gateway
from gateway.settings import Settings
from gateway.storage.database import Transaction

TOKEN_PREFIX = "ops_"  # noqa: S105 - how every session's token begins, not a token

TOKEN_FILE = OWN_FOLDER / "operator-token"

_NAMESPACE = "operators"
"""The namespace of operators' names in the login throttle."""

_TOUCH_INTERVAL = timedelta(seconds=60)
"""The last use of a session is stored at most once in this time, so that most calls write nothing."""

log = structlog.get_logger("gateway.operators")


class SecretKind(StrEnum):
    """The kinds of secrets that are stored as keyed HMACs."""

    CODE = "operator_code"
    TOKEN = "operator_token"  # noqa: S105 - a kind, not a token


class _NotSignedIn(NotAuthenticated):
    """A failed login attempt, which the throttle counts."""


def digest_secret(gateway: Gateway, kind: SecretKind, text: str) -> str:
    """Return the digest of a new code or token, for the store."""
    keys, now = gateway.places[Profile.OFFICIAL].keys, gateway.deps.clock.now()
    return keys.serving(Purpose.CREDENTIAL, now).mac(f"{kind.value}|{text}")


def possible_digests(gateway: Gateway, kind: SecretKind, text: str) -> list[str]:
    """Return the possible digests of a received code or token, one for each accepted key."""
    keys, now = gateway.places[Profile.OFFICIAL].keys, gateway.deps.clock.now()
    return [key.mac(f"{kind.value}|{text}") for key in keys.accepted(Purpose.CREDENTIAL, now)]


async def login(
    gateway: Gateway,
    passwords: Passwords,
    throttle: LoginThrottle,
    attempt: Login,
    *,
    source: RequestSource = HOST,
) -> Session:
    """Sign an operator in.

    Raises:
        LoginInvalid: not the name, password and unused code of an active operator; doesn't say which is wrong.
        RateLimited: the attempt failed, and too many failed attempts wait for their answer.
        Overloaded: the store or the hashing has no capacity.
    """
    try:
        async with throttle.attempt(_NAMESPACE, attempt.name, source.address):
            return await _sign_in(gateway, passwords, throttle, attempt, source)
    except TooManyAttempts as error:
        gateway.deps.refusals.count(None, "rate_limited", address=source.address)
        raise RateLimited(retry_after=error.retry_after) from None
    except _NotSignedIn:
        raise LoginInvalid from None
    except MasterKeyWrong:
        log.warning(
            "totp_sealed_anew",
            remedy="the master key was rotated: put the new key in its file, or set it and restart",
        )
        raise Overloaded from None


async def _sign_in(
    gateway: Gateway, passwords: Passwords, throttle: LoginThrottle, attempt: Login, source: RequestSource
) -> Session:
    async with gateway.deps.database.read() as transaction:
        known = await store.find_record(transaction, attempt.name)
        step = await _find_step(transaction, gateway, known, attempt.totp)
    hashed = known.password_hash if known else None
    is_refused = step is not None and throttle.is_guessed(_NAMESPACE, attempt.name)
    if step is None or is_refused:  # as a wrong one: else the answer would say that it was right
        if known is not None:
            throttle.count_code(_NAMESPACE, attempt.name)
        # The operator's own right codes don't prolong the time in which they are refused.
        if await passwords.verify_with_wrong_code(attempt.password, hashed) and not is_refused:
            throttle.count_wrong_code(_NAMESPACE, attempt.name)
    else:
        await throttle.delay_attempt(_NAMESPACE, attempt.name)
        if await passwords.verify_one_at_a_time(attempt.name, attempt.password, hashed):
            session = await _open_session(gateway, attempt, hashed, source)
            if session is not None:
                return session
    # An unknown name is not recorded: it may be a password, typed in the wrong field.
    name = known.operator.name if known else None
    gateway.deps.refusals.count(None, "login_invalid", address=source.address, actor=name)
    raise _NotSignedIn


async def _open_session(
    gateway: Gateway, attempt: Login, hashed: str | None, source: RequestSource
) -> Session | None:
    """Use up the code and open a session; None if the code was used or the operator changed since the password check."""

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], Session | None]:
        record = await store.find_record(transaction, attempt.name)
        step = await _find_step(transaction, gateway, record, attempt.totp)
        if step is None or record is None or record.password_hash != hashed:
            return (), None
        now = gateway.deps.clock.now()
        session = Session(token=f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}", expires_at=now + MAX_SESSION)
        digest = digest_secret(gateway, SecretKind.TOKEN, session.token)
        await store.set_last_step(transaction, attempt.name, step)
        await store.insert_session(
            transaction, attempt.name, digest=digest, at=now, ends_at=session.expires_at
        )
        entry = operator_entry(gateway.deps, "signed_in", actor=record.operator.name, source=source)
        return (entry,), session

    return await gateway.deps.audit.commit(decide)


async def _find_step(
    transaction: Transaction, gateway: Gateway, record: OperatorRecord | None, code: str
) -> int | None:
    """Return the time step of a code; None for a wrong or used code, or an operator who is not active."""
    await gateway.vault.read(transaction)  # another process may have rotated the master key just now
    secret, after = new_secret(), None
    if record is not None and record.sealed_totp is not None:
        location = store.totp_location(record.operator.name)
        secret, after = unseal(gateway.vault.master, record.sealed_totp, location=location), record.last_step
    step = find_step(secret, code, now=gateway.deps.clock.now(), after=after)
    active = record is not None and record.operator.state is OperatorState.ACTIVE
    return step if active else None


async def identify(gateway: Gateway, token: str) -> Operator:
    """Return the operator of a session token. Every call reads the store, so disabling has effect at once.

    Raises:
        TokenInvalid: no such session, it has ended or was idle too long, or its operator is not active.
    """
    now = gateway.deps.clock.now()
    async with gateway.deps.database.read() as transaction:
        found = await store.find_session(transaction, possible_digests(gateway, SecretKind.TOKEN, token))
    if found is None or found.operator.state is not OperatorState.ACTIVE:
        raise TokenInvalid
    if not lasts(found.ends_at, MAX_SESSION, now=now) or now >= found.used_at + MAX_IDLE:
        raise TokenInvalid
    if now - found.used_at >= _TOUCH_INTERVAL:
        async with gateway.deps.database.write() as transaction:
            await store.touch_session(transaction, found.digest, at=now)
    return found.operator


async def logout(gateway: Gateway, token: str, *, source: RequestSource = HOST) -> Operator:
    """End the session of a token and return its operator. Raises `TokenInvalid`."""
    operator = await identify(gateway, token)
    entry = operator_entry(gateway.deps, "signed_out", actor=operator.name, source=source)
    end = partial(store.delete_session, digests=possible_digests(gateway, SecretKind.TOKEN, token))
    await gateway.deps.audit.record(entry, change=end)
    return operator


async def require_role(
    gateway: Gateway, operator: Operator, *roles: Role, source: RequestSource = HOST
) -> None:
    """Raise `RoleMissing` for an operator with another role, and record it. Call it outside of a transaction."""
    if operator.role in roles:
        return
    entry = operator_entry(
        gateway.deps, "role_missing", actor=operator.name, kind=Kind.REFUSED, source=source
    )
    await gateway.deps.refusals.record(entry)
    raise RoleMissing(tuple(role.value for role in roles))


async def operator_of(gateway: Gateway) -> Operator:
    """Return the signed-in operator.

    Raises:
        StateWrong: there is no operator, none is signed in, or the session has ended.
    """
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


async def find_actor(gateway: Gateway) -> Operator | None:
    """Return who does an act on official: the signed-in operator; None without one, or while there are no operators.

    Raises:
        StateWrong: the session has ended.
    """
    return await find_operator(gateway) if await has_operators(gateway.deps) else None


def find_token(settings: Settings) -> str | None:
    """Return the token of the setting, or of the file, or None. Raises `StateWrong` for an unreadable file."""
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value()
    try:
        tighten_secret(TOKEN_FILE)
        return read_bounded(TOKEN_FILE).decode("ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise StateWrong(f"{TOKEN_FILE}: can't be read ({why_unread(error)}): gateway login NAME") from None


def write_token(token: str) -> None:
    """Write a token to the file, readable for its owner only. Raises `StateWrong` if it can't be written."""
    try:
        make_private_folder(TOKEN_FILE.parent)
        remove_leftovers(TOKEN_FILE)
        replace_private_file(TOKEN_FILE, f"{token}\n", personal=True)
    except OSError as error:
        raise StateWrong(f"{TOKEN_FILE}: can't be written ({error.strerror})") from None


def delete_token() -> None:
    """Delete the file, if there is one, and what a login that was killed has left of its token."""
    TOKEN_FILE.unlink(missing_ok=True)
    remove_leftovers(TOKEN_FILE)


async def has_operators(deps: Dependencies) -> bool:
    """Return whether there is, or was, an operator."""
    async with deps.database.read() as transaction:
        return await deployment.has_operators(transaction)
