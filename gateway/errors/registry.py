"""The registry's side: it refused, or gave no usable answer."""

from dataclasses import dataclass

from gateway.errors import GatewayError


class RegistryError(GatewayError):
    """The registry gave no usable answer."""


@dataclass(eq=False)
class RegistryRefused(RegistryError):
    """The registry refused with a code of its own (004 procedure, 005 officer, 006 field, 01 request)."""

    registry_code: str

    def __str__(self) -> str:
        return f"registry code {self.registry_code}"


@dataclass(eq=False)
class RegistryAnswerInvalid(RegistryError):
    """The answer is not what was asked for. `reason` names the check that failed, never a value."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class RegistryCredentialsRejected(RegistryError):
    """The registry refused our login, at any of its layers."""


@dataclass(eq=False)
class RegistryUnavailable(RegistryError):
    """The registry can't be reached or is in maintenance; `retry_after` in seconds."""

    retry_after: int = 5


class RegistryTimeout(RegistryError):
    """The deadline of this request passed before the registry answered."""
