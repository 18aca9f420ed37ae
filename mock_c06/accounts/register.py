"""All accounts, each found only in its own environment, the changes of an account's status, and the ready-made ones.

An account is granted, then active; it can be suspended and resumed; a revoked one stays revoked. Source: NĐ 47/2020
Đ35, Đ40 and Đ44 (created, used, ended by the provider); suspension is an inference from CV 2669 of 2023 (parity ledger).
Accounts that exist from the start have secrets derived from the seed, so they are the same in every process.
"""

import hashlib
import hmac
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace

from mock_c06.accounts.model import (
    FIELDS,
    SERVICE_CODES,
    Account,
    Adapter,
    Dialect,
    Environment,
    Status,
    flip,
)
from mock_c06.errors import AccountInvalid, AccountUnknown, StatusWrong
from mock_c06.operations import Operation


class Register:
    """Accounts by name, by C06 user and by platform key."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts: MutableMapping[str, Account] = {}
        self._changes: Mapping[str, bool] = {}
        for account in accounts:
            self.put(account)

    def for_run(
        self, changes: Mapping[str, bool], own: MutableMapping[str, Account] | None = None
    ) -> "Register":
        """Return the register of a run: its own accounts hide others with the same name, its switches replace theirs.

        An account that is put there is the run's own.
        """
        if not changes and own is None:
            return self
        view = Register(())
        view._accounts = self._accounts if own is None else ChainMap(own, self._accounts)
        view._changes = changes
        return view

    def put(self, account: Account) -> None:
        """Add the account, or replace the one with the same name; raises `AccountInvalid` for another account's user
        or key."""
        holder = self.find_by_user(account.environment, account.user)
        if holder is not None and holder.name != account.name:
            raise AccountInvalid("user", "another account of this environment has this user")
        holder = self.find_by_key(account.environment, account.ngsp_key) if account.ngsp_key else None
        if holder is not None and holder.name != account.name:
            raise AccountInvalid("ngsp_key", "another account of this environment has this key")
        self._accounts[account.name] = account

    def find(self, name: str) -> Account | None:
        """Return the account of that name."""
        account = self._accounts.get(name)
        return None if account is None else self._changed(account)

    def get(self, name: str) -> Account:
        """Return the account of that name; raises `AccountUnknown`."""
        account = self.find(name)
        if account is None:
            raise AccountUnknown
        return account

    def find_by_user(self, environment: Environment, user: str) -> Account | None:
        """Return the account with this C06 user in the environment."""
        return self._first(environment, lambda account: account.user == user)

    def find_by_key(self, environment: Environment, key: str) -> Account | None:
        """Return the account with this platform key in the environment."""
        return self._first(environment, lambda account: account.ngsp_key == key)

    def knows_user(self, user: str) -> bool:
        """Return whether an account of any environment has this C06 user."""
        return any(account.user == user for account in self._accounts.values())

    def knows_key(self, key: str) -> bool:
        """Return whether an account of any environment has this platform key."""
        return any(account.ngsp_key == key for account in self._accounts.values())

    def _first(self, environment: Environment, test: Callable[[Account], bool]) -> Account | None:
        for account in self._accounts.values():
            if account.environment is environment and test(account):
                return self._changed(account)
        return None

    def _changed(self, account: Account) -> Account:
        if not self._changes:
            return account
        return replace(account, switches=flip(account.switches, self._changes))

    def everybody(self) -> tuple[Account, ...]:
        """Return all accounts, oldest first."""
        return tuple(self._accounts.values())


_NEXT = {
    Status.GRANTED: {Status.ACTIVE, Status.REVOKED},
    Status.ACTIVE: {Status.SUSPENDED, Status.REVOKED},
    Status.SUSPENDED: {Status.ACTIVE, Status.REVOKED},
    Status.REVOKED: set[Status](),
}


def change_status(account: Account, status: Status) -> Account:
    """Return the account with another status; raises `StatusWrong`. The status that it has already is accepted."""
    if status is account.status:
        return account
    if status not in _NEXT[account.status]:
        raise StatusWrong(account.status.value, status.value)
    return replace(account, status=status)


def note_login(register: Register, account: Account) -> Account:
    """Return the account after a login: an issued account becomes active by its first."""
    if account.status is not Status.GRANTED or not account.activates_at_login:
        return account
    issued = register.find(account.name)
    if issued is not None:  # otherwise the account comes from a recording
        register.put(change_status(issued, Status.ACTIVE))
    return change_status(account, Status.ACTIVE)


DEFAULT_SEED = "1"
"""The seed of secrets, unless a command or MOCK_C06_SECRET_SEED names another."""

AGENCY = "000.00.01.H26"
OFFICERS = ("can.bo.01", "can.bo.02", "dvctt.dichvu")


def derive_secret(seed: str, account: str, purpose: str) -> str:
    """Derive one synthetic secret of an account."""
    return hmac.new(seed.encode(), f"{account}\n{purpose}".encode(), hashlib.sha256).hexdigest()


def make_account(seed: str, name: str, environment: Environment, dialect: Dialect = Dialect.SOAP) -> Account:
    """Make an account with derived secrets and all permissions."""
    account = Account(
        name=name,
        environment=environment,
        user=name,
        secret=derive_secret(seed, name, "secret"),
        dialect=dialect,
        agency=AGENCY,
        officers=OFFICERS,
        procedures=tuple(SERVICE_CODES),
        operations=tuple(Operation),
        fields=FIELDS,
    )
    return account if dialect is Dialect.SOAP else _with_platform(account, seed)


def _with_platform(account: Account, seed: str) -> Account:
    """Add what a provincial platform requires besides C06's own login."""
    return replace(
        account,
        ngsp_key=derive_secret(seed, account.name, "ngsp_key")[:32],
        ngsp_secret=derive_secret(seed, account.name, "ngsp_secret"),
        adapter=Adapter(
            access_key=derive_secret(seed, account.name, "access_key")[:32],
            secret_key=derive_secret(seed, account.name, "secret_key"),
            app_name="DVCTT",
            partner_code=account.agency,
            partner_code_cus=account.agency,
        ),
    )


def ready_made_accounts(seed: str) -> tuple[Account, ...]:
    """Return the accounts that every mock starts with."""
    test, official = Environment.TEST, Environment.OFFICIAL
    limited = replace(
        make_account(seed, "limited", test),
        procedures=("khai-sinh",),
        operations=(Operation.AUTHENTICATE,),
        fields=(),
    )
    return (
        replace(make_account(seed, "dvctt-hanoi", test), change_feed=True),
        make_account(seed, "dvctt-lgsp-passthrough", test, Dialect.LGSP_PASSTHROUGH),
        make_account(seed, "dvctt-lgsp-camel", test, Dialect.LGSP_CAMEL),
        make_account(seed, "dvctt-lgsp-pascal", test, Dialect.LGSP_PASCAL),
        replace(make_account(seed, "dvctt-hanoi-official", official), change_feed=True),
        limited,
        replace(make_account(seed, "suspended", test), status=Status.SUSPENDED),
    )
