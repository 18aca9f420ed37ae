"""Look for the one fault of a call, stage by stage, so that a fault is used up only by a call that it can change."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mock_c06.errors import RequestRefused
from mock_c06.faces.call import Call
from mock_c06.faults.model import (
    AnswerChange,
    CallFacts,
    Fault,
    FaultKind,
    InsteadOfRegistry,
    Refusal,
    ReplyChange,
    Stage,
    TokenLifetime,
)
from mock_c06.faults.plan import FaultHit
from mock_c06.wire.record import Answer
from mock_c06.wire.reply import Reply

FAULT_HEADER = "X-Mock-Fault"


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
        fault = self._find(Stage.BEFORE_LOGIN)
        if fault is None or not isinstance(fault.kind.effect, InsteadOfRegistry):
            return None
        return self.change_reply(fault.kind.effect.reply(fault))

    def token_seconds(self, otherwise: float) -> float:
        """Return for how long a token is valid: as long as a fault says, or else the given time. Asked only for a token
        that is issued."""
        fault = self._find(Stage.ADMITTED)
        if fault is None or not isinstance(fault.kind.effect, TokenLifetime):
            return otherwise
        return fault.kind.effect.seconds(fault)

    def refusal(self) -> RequestRefused | None:
        """Return the refusal of a fault, for a call whose caller and request are accepted."""
        fault = self._find(Stage.ADMITTED)
        if fault is None or not isinstance(fault.kind.effect, Refusal):
            return None
        return fault.kind.effect.refusal()

    def change_answer(self, answer: Answer) -> Answer:
        """Return the answer as a fault changes it."""
        fault = self._find(
            Stage.ANSWERED,
            lambda kind: isinstance(kind.effect, AnswerChange) and kind.effect.can_change(answer),
        )
        if fault is None or not isinstance(fault.kind.effect, AnswerChange):
            return answer
        return fault.kind.effect.change(answer)

    def change_reply(self, reply: Reply) -> Reply:
        """Return the reply as a fault changes it, with the header that names the fault of the call."""
        fault = self._find(
            Stage.REPLY, lambda kind: isinstance(kind.effect, ReplyChange) and kind.effect.can_change(reply)
        )
        if fault is not None and isinstance(fault.kind.effect, ReplyChange):
            reply = fault.kind.effect.change(reply, fault)
        return reply if self.hit is None else _announce(reply, self.hit)

    def _find(self, stage: Stage, can_hit: Callable[[FaultKind], bool] = lambda _kind: True) -> Fault | None:
        if self.hit is not None or self.call.run.faults.is_empty:
            return None
        self.hit = self.call.run.faults.pick(
            CallFacts(
                stage=stage,
                operation=self.operation,
                account=self.account,
                number=self.number,
                now=self.call.run.clock.now(),
                can_hit=can_hit,
            )
        )
        return self.hit.fault if self.hit is not None else None


def _announce(reply: Reply, hit: FaultHit) -> Reply:
    """Add the header, and the delay that the kind does not use itself."""
    named = f"{hit.fault_id};kind={hit.fault.kind.name};call={hit.n}"
    delay_s = reply.delay_s
    if hit.fault.delay_ms is not None:
        named += f";delay_ms={hit.fault.delay_ms}"
        delay_s = delay_s if hit.fault.kind.uses_delay else hit.fault.delay_ms / 1000
    return replace(reply, delay_s=delay_s, headers={**reply.headers, FAULT_HEADER: named})
