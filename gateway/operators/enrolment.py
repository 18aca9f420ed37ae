"""Enrol: an invited operator trades the one-time code for a password and a TOTP secret, both their own.

A wrong, used or late code answers like the name of nobody. On the host only; there is no such call over HTTP.
"""

import hmac
from collections.abc import Sequence

from gateway.audit.model import AuditEntry, Kind
from gateway.database import Transaction
from gateway.errors.operators import LoginInvalid
from gateway.identifiers import OperatorName, new_identifier
from gateway.operators import store
from gateway.operators.digests import Kept, digests_of
from gateway.operators.model import Record
from gateway.operators.passwords import NewPassword, Passwords
from gateway.operators.totp import new_secret, to_base32
from gateway.operators.two_people import note_two_people
from gateway.profiles.model import Gateway


async def enrol(
    gateway: Gateway, passwords: Passwords, name: OperatorName, *, code: str, password: NewPassword
) -> str:
    """Make an invited operator active, and return the TOTP secret in base32, shown this once.

    Raises:
        LoginInvalid: not the code of an invited operator of this name, or its 24 hours are over.
        MasterKeyWrong: the master key was rotated meanwhile.
    """
    hashed = await passwords.hash(password)
    secret = new_secret()
    outcomes: list[bool] = []

    async def decide(transaction: Transaction) -> Sequence[AuditEntry]:
        outcomes.clear()
        record = await store.find_record(transaction, name)
        outcomes.append(_is_code_of(gateway, record, code))
        if not outcomes[0]:
            return [_entry(gateway, Kind.REFUSED, "login_invalid", record)]
        await gateway.vault.read(transaction)  # under a former master key it would be sealed for nobody
        master = gateway.vault.master
        await store.enrol(
            transaction,
            name,
            password_hash=hashed,
            totp_secret=secret,
            master=master,
            at=gateway.parts.clock.now(),
        )
        noted = await note_two_people(transaction, gateway, actor=name)
        return [_entry(gateway, Kind.OPERATOR, "operator_enrolled", record), *noted]

    await gateway.parts.audit.commit(decide)
    if not outcomes[0]:
        raise LoginInvalid
    return to_base32(secret)


def _is_code_of(gateway: Gateway, record: Record | None, code: str) -> bool:
    digests = digests_of(gateway, Kept.CODE, code)
    if record is None or not record.is_expected(gateway.parts.clock.now()):
        return False
    return any(hmac.compare_digest(digest, record.code_digest or "") for digest in digests)


def _entry(gateway: Gateway, kind: Kind, outcome: str, record: Record | None) -> AuditEntry:
    return AuditEntry(
        at=gateway.parts.clock.now(),
        kind=kind,
        profile=None,
        act=new_identifier("act"),
        outcome=outcome,
        actor=record.operator.name if record else None,
    )
