"""Accounts that a fault or a claim names: misspelt, the fault would hit nothing, and every `never` would hold."""

from collections.abc import Iterable
from dataclasses import dataclass

from mock_c06.desk.register import Register
from mock_c06.errors import AccountUnknown
from mock_c06.runs.journal import Query
from mock_c06.runs.run import Run


@dataclass(frozen=True, slots=True)
class NamedAccounts:
    """What names are known: all accounts, a run's own, and whoever has asked in it (a replay knows some from there alone)."""

    _register: Register

    def verify(self, run: Run, names: Iterable[tuple[str, str | None]]) -> None:
        """Take pairs of a member's place and the name in it; raises `AccountUnknown` for the first that isn't known."""
        for field, name in names:
            if name is not None and not self._is_known(run, name):
                raise AccountUnknown(field)

    def _is_known(self, run: Run, name: str) -> bool:
        known = self._register.under({}, run.accounts or None).find(name) is not None
        return known or bool(run.journal.entries(Query(account=name)))
