"""Look for the one fault of a call, effect by effect, so that a fault is used up only by a call that it can change."""

from dataclasses import dataclass, replace
from typing import TypeVar

from mock_c06.errors import RequestRefused
from mock_c06.faces.call import Call
from mock_c06.faults.fault import FaultBody
from mock_c06.faults.model import (
    AnswerChange,
    CallFacts,
    Effect,
    InsteadOfRegistry,
    Refusal,
    ReplyChange,
    TokenLifetime,
)
from mock_c06.faults.plan import FaultHit
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import Reply

_FAULT_HEADER = "X-Mock-Fault"
_Effect = TypeVar("_Effect", bound=Effect)


@dataclass(slots=True, kw_only=True)
class FaultWatch:
    """One call and the run's plan; `hit` is the fault that hits the call, at most one."""

    call: Call
    operation: str | None
    account: str | None
    number: str | None = None
    hit: FaultHit | None = None

    def reply_before_login(self) -> Reply | None:
        """Return the reply of a fault that answers in place of the registry; None: the registry answers."""
        found = self._find(InsteadOfRegistry)
        return self.change_reply(found[0].reply(found[1])) if found is not None else None

    def token_seconds(self, otherwise: float) -> float:
        """Return for how many seconds a token is valid: as a fault says, else `otherwise`.

        Call it only for a token that is issued.
        """
        found = self._find(TokenLifetime)
        return found[0].seconds(found[1]) if found is not None else otherwise

    def refusal(self) -> RequestRefused | None:
        """Return the refusal of a fault, for a call whose caller and request are accepted."""
        found = self._find(Refusal)
        return found[0].refusal() if found is not None else None

    def change_answer(self, answer: Answer) -> Answer:
        """Return the answer as a fault changes it."""
        found = self._find(AnswerChange, answer)
        return found[0].change(answer) if found is not None else answer

    def change_reply(self, reply: Reply) -> Reply:
        """Return the reply as a fault changes it, with the header that names the fault of the call."""
        if (found := self._find(ReplyChange, reply)) is not None:
            reply = found[0].change(reply, found[1])
        return reply if self.hit is None else _announce(reply, self.hit)

    def _find(self, effect: type[_Effect], subject: object = None) -> tuple[_Effect, FaultBody] | None:
        if self.hit is not None or self.call.run.faults.is_empty:
            return None
        self.hit = self.call.run.faults.pick(
            CallFacts(
                effect=effect,
                operation=self.operation,
                account=self.account,
                number=self.number,
                now=self.call.run.clock.now(),
                subject=subject,
            )
        )
        if self.hit is None:
            return None
        found = self.hit.fault.row.effect
        assert isinstance(found, effect)
        return found, self.hit.fault


def _announce(reply: Reply, hit: FaultHit) -> Reply:
    """Add the header, and the delay that the kind does not use itself."""
    named = f"{hit.fault_id};kind={hit.fault.kind};call={hit.n}"
    delay_s = reply.delay_s
    if hit.fault.delay_ms is not None:
        named += f";delay_ms={hit.fault.delay_ms}"
        delay_s = delay_s if hit.fault.row.uses_delay else hit.fault.delay_ms / 1000
    return replace(reply, delay_s=delay_s, headers={**reply.headers, _FAULT_HEADER: named})
