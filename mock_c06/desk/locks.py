"""An account is locked after wrong logins in a row: in its run, for a quarter of an hour or until the desk frees it.

Only a wrong secret of a known user counts; a stale timestamp or a replay doesn't, since the secret was right. A guess
(parity ledger): why a caller should stop after a refused login.
"""

from collections.abc import Callable
from datetime import datetime

from mock_c06.desk.accounts import Account
from mock_c06.desk.memory import DeskMemory
from mock_c06.errors import AccountLocked, Unauthorised

WRONG_SECRET = "login"  # noqa: S105 - the reason of a refusal, not a secret


def verify_unlocked(
    prove: Callable[[], Account], claimed: Account | None, memory: DeskMemory, *, now: datetime
) -> Account:
    """Prove a login that may lock its account; raises `Unauthorised`, `AccountLocked`."""
    if claimed is not None and memory.is_locked(account=claimed.name, now=now):
        raise AccountLocked("locked")
    try:
        account = prove()
    except Unauthorised as refusal:
        if claimed is not None and refusal.reason == WRONG_SECRET:
            memory.note_wrong_login(account=claimed.name, limit=claimed.lock_after, now=now)
        raise
    memory.unlock(account.name)
    return account
