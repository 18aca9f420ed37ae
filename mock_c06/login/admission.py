"""Admit a call: the account is not locked, is active, within its rate, and has the permission.

`CallMemory` is what one run keeps for this: packets, request codes, tokens, calls per second, wrong logins.
Consecutive wrong secrets lock an account in its run, for a quarter of an hour or until an officer unlocks it. A stale
timestamp or a replay does not count, because the secret was right. The lock is a guess (parity ledger). Codes 004 and
005 were seen at portals; 006 and 007 are guesses.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mock_c06.accounts.model import PROCEDURES, Account, Status
from mock_c06.errors import AccountLocked, AccountNotActive, RequestRefused, Throttled, Unauthorised
from mock_c06.login.reasons import LoginFailure
from mock_c06.operations import Operation

WINDOW_SECONDS = 300
LOCKED_SECONDS = 900
MAX_TOKENS = 10_000
MAX_REQUEST_CODES = 200_000
"""Of one run. For a newer one the oldest is forgotten: its token is unknown, its MaYeuCau may be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A platform's access token: its account, and when it expires by the run's clock."""

    account: str
    expires_at: datetime


@dataclass(slots=True)
class _WrongLogins:
    """An account's consecutive wrong logins, and until when they lock it."""

    count: int = 0
    locked_until: datetime | None = None


@dataclass(slots=True)
class CallMemory:
    """Mutable; it belongs to one run, on one event loop."""

    tokens: dict[str, IssuedToken] = field(default_factory=dict)
    answers: dict[tuple[str, str], object] = field(default_factory=dict)
    _packets: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _logins: dict[str, _WrongLogins] = field(default_factory=lambda: defaultdict(_WrongLogins))

    def keep_token(self, token: str, issued: IssuedToken) -> None:
        """Keep a token; the oldest goes where there are too many."""
        if len(self.tokens) >= MAX_TOKENS:
            del self.tokens[next(iter(self.tokens))]
        self.tokens[token] = issued

    def keep_answer(self, key: tuple[str, str], answer: object) -> None:
        """Keep a used request code with its answer, if that is stored; the oldest goes where there are too many."""
        if len(self.answers) >= MAX_REQUEST_CODES:
            del self.answers[next(iter(self.answers))]
        self.answers[key] = answer

    def is_replay(self, *, account: str, timestamp: str, body_sha256: str, monotonic: float) -> bool:
        """Return whether the same packet came within the window; if not, remember it."""
        # Packets are in the order of arrival, so the oldest are dropped first.
        while self._packets and monotonic - next(iter(self._packets.values())) > WINDOW_SECONDS:
            del self._packets[next(iter(self._packets))]
        packet = (account, timestamp, body_sha256)
        if packet in self._packets:
            return True
        self._packets[packet] = monotonic
        return False

    def is_over_rate(self, *, account: str, per_second: int, monotonic: float) -> bool:
        """Return whether the account has used up its calls of this second; if not, count one."""
        calls = self._calls[account]
        while calls and monotonic - calls[0] >= 1.0:
            calls.popleft()
        if len(calls) >= per_second:
            return True
        calls.append(monotonic)
        return False

    def note_wrong_login(self, *, account: str, limit: int | None, now: datetime) -> None:
        """Count a wrong login; the one that reaches the limit locks the account."""
        logins = self._logins[account]
        logins.count += 1
        if limit is not None and logins.count >= limit:
            logins.locked_until = now + timedelta(seconds=LOCKED_SECONDS)
            logins.count = 0

    def is_locked(self, *, account: str, now: datetime) -> bool:
        """Return whether the account is locked at this instant."""
        logins = self._logins.get(account)
        return logins is not None and logins.locked_until is not None and now < logins.locked_until

    def unlock(self, account: str) -> None:
        """Clear the account's wrong logins: after a right login, or by the control face."""
        self._logins.pop(account, None)


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
