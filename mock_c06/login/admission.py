"""Admit a call: the account is not locked, is active, within its rate, and has the permission.

Consecutive wrong secrets lock an account in its run, for a quarter of an hour or until an officer unlocks it. A stale
timestamp or a replay does not count, because the secret was right. The lock is a guess (parity ledger). Codes 004 and
005 were seen at portals; 006 and 007 are guesses.
"""

from collections.abc import Callable
from datetime import datetime

from mock_c06.accounts.model import PROCEDURES, Account, Status
from mock_c06.errors import AccountLocked, AccountNotActive, RequestRefused, Throttled, Unauthorised
from mock_c06.login.memory import CallMemory
from mock_c06.login.reasons import LoginFailure
from mock_c06.operations import Operation


def admit(account: Account, memory: CallMemory, *, monotonic: float) -> None:
    """Accept an active account within its rate; raises `AccountNotActive`, `Throttled`."""
    if account.status is not Status.ACTIVE:
        raise inactive(account)
    limit = account.rate_per_second
    if limit is not None and memory.is_over_rate(account=account.name, per_second=limit, monotonic=monotonic):
        raise Throttled(retry_after=1)


def inactive(account: Account) -> AccountNotActive:
    """Make the refusal of an account by its status."""
    return AccountNotActive(_BY_STATUS.get(account.status, LoginFailure.NOT_ACTIVE))


_BY_STATUS = {Status.SUSPENDED: LoginFailure.SUSPENDED, Status.REVOKED: LoginFailure.REVOKED}


def license_enquiry(
    account: Account, *, operation: Operation, service_code: str, officer: str, agency: str | None
) -> None:
    """Refuse an operation (006), procedure (004) or officer (005) that the account doesn't have.

    An officer belongs to the account's agency: an enquiry in another agency's name is refused. Whether C06 itself or
    a portal before it answers 004 and 005 is not known: `checks_no_licence` turns both off.
    """
    if operation not in account.operations:
        raise RequestRefused("006", "Tài khoản không được cấp quyền sử dụng dịch vụ này")
    if account.switches.checks_no_licence:
        return
    if PROCEDURES.get(service_code) not in account.procedures:
        raise RequestRefused("004", "Thủ tục chưa được cấp phép khai thác CSDL dân cư")
    if officer not in account.officers or agency not in {None, account.agency}:
        raise RequestRefused("005", "Tài khoản cán bộ không có quyền thao tác")


def verify_unlocked(
    prove: Callable[[], Account], claimed: Account | None, memory: CallMemory, *, now: datetime
) -> Account:
    """Verify a login, and count wrong secrets; raises `Unauthorised`, `AccountLocked`."""
    if claimed is not None and memory.is_locked(account=claimed.name, now=now):
        raise AccountLocked(LoginFailure.LOCKED)
    try:
        account = prove()
    except Unauthorised as refusal:
        if claimed is not None and refusal.is_guess:
            memory.note_wrong_login(account=claimed.name, limit=claimed.lock_after, now=now)
        raise
    memory.unlock(account.name)
    return account
