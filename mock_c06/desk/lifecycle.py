"""The life of an account: granted, then active; suspended and back; revoked for good.

Source: NĐ 47/2020 Đ35, Đ40 and Đ44 (created, used, ended by the provider); that it may be suspended for a while is
an inference from CV 2669 of 2023 (parity ledger).
"""

from dataclasses import replace

from mock_c06.desk.accounts import Account, Status
from mock_c06.desk.register import Register
from mock_c06.errors import StatusWrong

_NEXT = {
    Status.GRANTED: {Status.ACTIVE, Status.REVOKED},
    Status.ACTIVE: {Status.SUSPENDED, Status.REVOKED},
    Status.SUSPENDED: {Status.ACTIVE, Status.REVOKED},
    Status.REVOKED: set[Status](),
}


def change_status(account: Account, status: Status) -> Account:
    """Move an account on; raises `StatusWrong`. To the status it has already, nothing changes."""
    if status is account.status:
        return account
    if status not in _NEXT[account.status]:
        raise StatusWrong(account.status.value, status.value)
    return replace(account, status=status)


def note_login(register: Register, account: Account) -> Account:
    """Give the account as it is once it has logged in: one that was issued is active from then on."""
    if account.status is not Status.GRANTED or not account.activates_at_login:
        return account
    held = register.find(account.name)
    if held is not None:  # else it is a recording's own
        register.put(change_status(held, Status.ACTIVE))
    return change_status(account, Status.ACTIVE)
