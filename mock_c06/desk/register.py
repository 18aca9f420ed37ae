"""All accounts, found only within their environment: at the other door they don't exist."""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace

from mock_c06.desk.accounts import Account, Environment
from mock_c06.desk.switches import flip
from mock_c06.errors import AccountInvalid, AccountUnknown


class Register:
    """Accounts by name, by C06 user and by platform key."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._accounts: MutableMapping[str, Account] = {}
        self._changes: Mapping[str, bool] = {}
        for account in accounts:
            self.put(account)

    def under(
        self, changes: Mapping[str, bool], own: MutableMapping[str, Account] | None = None
    ) -> "Register":
        """Give the same accounts as a run sees them: with its own over them, and its switches over theirs.

        What is put there goes into the run's own.
        """
        if not changes and own is None:
            return self
        seen = Register(())
        seen._accounts = self._accounts if own is None else ChainMap(own, self._accounts)
        seen._changes = changes
        return seen

    def put(self, account: Account) -> None:
        """Add the account, or take the place of the one with the same name; its user and key must be nobody else's."""
        holder = self.find_by_user(account.environment, account.user)
        if holder is not None and holder.name != account.name:
            raise AccountInvalid("user", "another account of this environment has this user")
        holder = self.find_by_key(account.environment, account.ngsp_key) if account.ngsp_key else None
        if holder is not None and holder.name != account.name:
            raise AccountInvalid("ngsp_key", "another account of this environment has this key")
        self._accounts[account.name] = account

    def find(self, name: str) -> Account | None:
        """Give the account of that name."""
        account = self._accounts.get(name)
        return None if account is None else self._seen(account)

    def get(self, name: str) -> Account:
        """Give the account of that name; raises `AccountUnknown`."""
        account = self.find(name)
        if account is None:
            raise AccountUnknown
        return account

    def find_by_user(self, environment: Environment, user: str) -> Account | None:
        """Give the account whose C06 login this is, here."""
        return self._first(environment, lambda account: account.user == user)

    def find_by_key(self, environment: Environment, key: str) -> Account | None:
        """Give the account whose platform key this is, here."""
        return self._first(environment, lambda account: account.ngsp_key == key)

    def _first(self, environment: Environment, test: Callable[[Account], bool]) -> Account | None:
        for account in self._accounts.values():
            if account.environment is environment and test(account):
                return self._seen(account)
        return None

    def _seen(self, account: Account) -> Account:
        if not self._changes:
            return account
        return replace(account, switches=flip(account.switches, self._changes))

    def everybody(self) -> tuple[Account, ...]:
        """Give all accounts, oldest first."""
        return tuple(self._accounts.values())
