"""What a proven account may do: active, within its rate, and licensed for operation, procedure and officer.

Codes 004 and 005 were seen at portals; 006 and 007 are guesses (parity ledger).
"""

from mock_c06.desk.accounts import Account, Status
from mock_c06.desk.memory import DeskMemory
from mock_c06.desk.procedures import PROCEDURES
from mock_c06.errors import AccountNotActive, RequestRefused, Throttled
from mock_c06.operations import Operation


def admit(account: Account, memory: DeskMemory, *, monotonic: float) -> None:
    """Let an active account within its rate pass; raises `AccountNotActive`, `Throttled`."""
    if account.status is not Status.ACTIVE:
        raise AccountNotActive(account.status.value)
    limit = account.rate_per_second
    if limit is not None and memory.is_over_rate(account=account.name, per_second=limit, monotonic=monotonic):
        raise Throttled(retry_after=1)


def license_enquiry(
    account: Account, *, operation: Operation, service_code: str, officer: str, agency: str | None
) -> None:
    """Refuse an operation (006), procedure (004) or officer (005) that the account doesn't have.

    An officer belongs to the account's agency: an enquiry in another agency's name is his no more. Whether C06
    itself or a portal before it says 004 and 005 isn't known: under `checks_no_licence` nobody does.
    """
    if operation not in account.operations:
        raise RequestRefused("006", "Tài khoản không được cấp quyền sử dụng dịch vụ này")
    if account.switches.checks_no_licence:
        return
    if PROCEDURES.get(service_code) not in account.procedures:
        raise RequestRefused("004", "Thủ tục chưa được cấp phép khai thác CSDL dân cư")
    if officer not in account.officers or agency not in {None, account.agency}:
        raise RequestRefused("005", "Tài khoản cán bộ không có quyền thao tác")
