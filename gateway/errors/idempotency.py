"""An `Idempotency-Key` that was used before."""

from dataclasses import dataclass, field

from gateway.errors import FieldError, GatewayError


class IdempotencyError(GatewayError):
    """This request's `Idempotency-Key` was used before, and nothing can be answered under it now."""


@dataclass(eq=False)
class IdempotencyConflict(IdempotencyError):
    """The key came first with another body."""

    errors: tuple[FieldError, ...]


@dataclass(eq=False)
class IdempotencyInProgress(IdempotencyError):
    """The same request is being answered; `retry_after` in seconds."""

    retry_after: int = 1


@dataclass(eq=False)
class IdempotencyAnswerGone(IdempotencyError):
    """The request was answered, and the answer is kept no longer."""

    verification: str | None = field(default=None, kw_only=True)
