"""How a question of a preflight failed, in words; nothing of the registry's own text is passed on."""

from gateway.errors.registry import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
)
from gateway.procedures.fields import Operation
from gateway.registry.probe_model import Asked

LINES = {
    Operation.AUTHENTICATE: "operation_003",
    Operation.LOOK_UP: "operation_037",
    Operation.MARITAL_STATUS: "operation_038",
    Operation.RELATIVES: "operation_039",
    Operation.HOUSEHOLD: "operation_040",
}
"""Named by the codes that are known or guessed, whatever code the connection sets."""


def code_of(asked: Asked) -> str | None:
    """Return the code of a refusal; None where there was none."""
    return asked.failure.registry_code if isinstance(asked.failure, RegistryRefused) else None


def why(asked: Asked) -> str:
    """Say how a question failed, with the status that came."""
    failure = asked.failure
    said = "" if asked.status is None else f" (HTTP {asked.status})"
    match failure:
        case RegistryCredentialsRejected():
            return f"refused{said}"
        case RegistryAnswerInvalid():
            return f"the answer can't be read: {failure.reason}{said}"
        case RegistryTimeout():
            return f"no answer within the deadline{said}"
        case RegistryRefused():
            return f"refused with {failure.registry_code}{said}"
    return f"the registry can't be reached or is out{said}"
