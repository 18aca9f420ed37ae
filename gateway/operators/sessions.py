"""Sign in, say who a token is, sign out, hold a role.

The code is judged first, which costs next to nothing: of tries with a wrong one few at once have their password hashed, on
one thread, so that strangers never make the right operator wait (docs/decisions/0071). A password is hashed for a name
that nobody has too, so that neither answer nor time tells which part differed while nobody floods. The code's step is
spent in the commit that makes the session. What was wrong is slowed (`edge/guesses.py`) and counted (`audit/refusals.py`).
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta

import structlog

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.edge.guesses import Guesses, TooManyGuesses, Unproven
from gateway.errors.callers import RateLimited, TokenInvalid
from gateway.errors.commands import MasterKeyWrong
from gateway.errors.operators import LoginInvalid, RoleMissing
from gateway.errors.places import Overloaded
from gateway.identifiers import new_identifier
from gateway.keys.sealing import unseal
from gateway.operators import store
from gateway.operators.digests import Kept, digest_of, digests_of
from gateway.operators.model import LONGEST, Arrival, Login, Operator, OperatorState, Record, Role, Session
from gateway.operators.passwords import Passwords
from gateway.operators.totp import find_step, new_secret
from gateway.profiles.model import Gateway

DOOR = "operators"
"""Where the names of guesses are operators'."""

NOTED = timedelta(seconds=60)
"""How much later than noted a session must be used to be noted anew: not each call writes."""

log = structlog.get_logger("gateway.operators")


class _NotLetIn(Unproven):
    """A login that was looked at and failed; counted by the guesses."""


async def login(
    gateway: Gateway, passwords: Passwords, guesses: Guesses, tried: Login, *, arrival: Arrival
) -> Session:
    """Let an operator in; the token is shown this once.

    Raises:
        LoginInvalid: not name, password and an unused code of an active operator; which, isn't said.
        RateLimited: not let in, and too many such tries wait already.
        Overloaded: the store or the hashing can take no more.
    """
    try:
        async with guesses.slowing(DOOR, tried.name, arrival.address):
            return await _sign_in(gateway, passwords, guesses, tried, arrival)
    except TooManyGuesses as error:
        gateway.parts.refusals.count(None, "rate_limited", address=arrival.address)
        raise RateLimited(retry_after=error.retry_after) from None
    except _NotLetIn:
        raise LoginInvalid from None
    except MasterKeyWrong:
        log.warning(
            "totp_sealed_anew",
            remedy="the master key was rotated: put the new one in its file, or set it and restart",
        )
        raise Overloaded from None


async def _sign_in(
    gateway: Gateway, passwords: Passwords, guesses: Guesses, tried: Login, arrival: Arrival
) -> Session:
    async with gateway.parts.database.read() as transaction:
        known = await store.find_record(transaction, tried.name)
        step = await _find_step(transaction, gateway, known, tried.totp)
    hashed = known.password_hash if known else None
    if step is None:
        if await passwords.verify_unlikely(tried.password, hashed):
            guesses.note_leak(DOOR, tried.name)
    else:
        await guesses.pace(DOOR, tried.name)
        if await passwords.verify_of(tried.name, tried.password, hashed):
            made = await _admit(gateway, tried, hashed, arrival)
            if made is not None:
                return made
    name = known.operator.name if known else None
    gateway.parts.refusals.count(None, "login_invalid", address=arrival.address, actor=name)
    raise _NotLetIn


async def _admit(gateway: Gateway, tried: Login, hashed: str | None, arrival: Arrival) -> Session | None:
    """Spend the code and open the session of an operator who is still as they were when the password matched."""
    made: list[Session] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        made.clear()
        record = await store.find_record(transaction, tried.name)
        step = await _find_step(transaction, gateway, record, tried.totp)
        unchanged = record is not None and record.password_hash == hashed
        if step is None or not unchanged:
            return []
        made.append(await _open_session(transaction, gateway, tried.name, step))
        return [_entry(gateway, arrival, Kind.OPERATOR, "signed_in", record)]

    await gateway.parts.audit.commit(decide)
    return made[0] if made else None


async def _find_step(
    transaction: Transaction, gateway: Gateway, record: Record | None, code: str
) -> int | None:
    """Return the step that a code spends; None for a wrong or used one, or an operator who is not active."""
    await gateway.vault.read(transaction)  # another process may have rotated the master key just now
    secret, after = new_secret(), None
    if record is not None and record.sealed_totp is not None:
        place = store.totp_place(record.operator.name)
        secret, after = unseal(gateway.vault.master, record.sealed_totp, place=place), record.last_step
    step = find_step(secret, code, now=gateway.parts.clock.now(), after=after)
    active = record is not None and record.operator.state is OperatorState.ACTIVE
    return step if active else None


async def _open_session(transaction: Transaction, gateway: Gateway, name: str, step: int) -> Session:
    now = gateway.parts.clock.now()
    session = Session(token=f"ops_{secrets.token_urlsafe(32)}", expires_at=now + LONGEST)
    await store.set_last_step(transaction, name, step)
    await store.delete_ended_sessions(transaction, at=now)
    digest = digest_of(gateway, Kept.TOKEN, session.token)
    await store.insert_session(transaction, name, digest=digest, at=now, ends_at=session.expires_at)
    return session


async def identify(gateway: Gateway, token: str) -> Operator:
    """Return whose session a token is: read at each call, so that a disabled operator is out at once.

    Raises:
        TokenInvalid: nobody's, ended, idle too long, or its operator is not active any more.
    """
    now = gateway.parts.clock.now()
    async with gateway.parts.database.read() as transaction:
        digest, found = await store.find_session(transaction, digests_of(gateway, Kept.TOKEN, token))
    if digest is None or found is None or not found.is_live(now):
        raise TokenInvalid
    if now - found.used_at >= NOTED:
        async with gateway.parts.database.write() as transaction:
            await store.touch_session(transaction, digest, at=now)
    return found.operator


async def logout(gateway: Gateway, token: str, *, arrival: Arrival) -> None:
    """End the session of a token. Raises `TokenInvalid` where it is nobody's, or over."""
    operator = await identify(gateway, token)

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        for digest in digests_of(gateway, Kept.TOKEN, token):
            await store.delete_session(transaction, digest)
        return [_entry(gateway, arrival, Kind.OPERATOR, "signed_out", operator)]

    await gateway.parts.audit.commit(decide)


async def require_role(
    gateway: Gateway, operator: Operator, *roles: Role, arrival: Arrival | None = None
) -> None:
    """Let pass an operator of one of these roles; the refusal of another is recorded. Outside of any transaction.

    Raises:
        RoleMissing
    """
    if operator.role in roles:
        return
    entry = _entry(gateway, arrival or Arrival(), Kind.REFUSED, "role_missing", operator)
    await gateway.parts.refusals.record(entry)
    raise RoleMissing(tuple(role.value for role in roles))


def _entry(
    gateway: Gateway, arrival: Arrival, kind: Kind, outcome: str, who: Record | Operator | None
) -> AuditEntry:
    """Return an audit row; of a name that nobody has nothing is kept, since anything may have been typed there."""
    operator = who.operator if isinstance(who, Record) else who
    return AuditEntry(
        at=gateway.parts.clock.now(),
        kind=kind,
        profile=None,
        act=new_identifier("act"),
        request_id=arrival.request_id,
        correlation_id=arrival.correlation_id,
        outcome=outcome,
        actor=operator.name if operator else None,
    )
