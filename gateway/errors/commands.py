"""A command refused: each carries one line for the person at the terminal."""

from dataclasses import dataclass

from gateway.errors import GatewayError


@dataclass(eq=False)
class OperationError(GatewayError):
    """A command was refused. `reason` is one line for the person at the terminal, with the remedy."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class AlreadyExists(OperationError):
    """The thing to be made is there."""


class Unknown(OperationError):
    """The thing named does not exist."""


class StateWrong(OperationError):
    """The thing named is in a state that forbids this."""


class SettingInvalid(OperationError):
    """A setting is unknown or malformed; names it and what is expected."""


class MasterKeyWrong(OperationError):
    """The master key does not open this database's keys."""


class SchemaOld(OperationError):
    """The database needs `gateway migrate`."""


class AuditBroken(OperationError):
    """The audit's chain does not hold; names the first bad row."""
