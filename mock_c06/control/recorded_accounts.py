"""A run's own accounts in a recording, whole and back: what they may do and how they are answered. Secrets are synthetic."""

from dataclasses import asdict
from typing import Any

from mock_c06.desk.accounts import Account, Adapter, Dialect, Environment, Status
from mock_c06.desk.switches import Switches
from mock_c06.operations import Operation

_LISTS = ("officers", "procedures", "fields")


def recorded_account(account: Account) -> dict[str, Any]:
    """Write an account."""
    return asdict(account)


def parse_account(written: dict[str, Any]) -> Account:
    """Read an account; raises `TypeError` or `ValueError` where it isn't one."""
    adapter = written["adapter"]
    values = written | {name: tuple(written[name]) for name in _LISTS}
    values |= {
        "environment": Environment(written["environment"]),
        "status": Status(written["status"]),
        "dialect": Dialect(written["dialect"]),
        "operations": tuple(Operation(each) for each in written["operations"]),
        "adapter": Adapter(**adapter) if adapter is not None else None,
        "switches": Switches(**written["switches"]),
    }
    return Account(**values)
