"""Looks for the one fault of a call, stage by stage as the call gets further, so that none is spent for nothing."""

from dataclasses import dataclass
from functools import partial

from mock_c06.runs.faults import Fault, Kind, Stage, Target
from mock_c06.runs.plan import Hit
from mock_c06.wire.answering import Answer
from mock_c06.wire.call import Call
from mock_c06.wire.misbehaviour import bend_answer, bend_reply, can_bend_answer, can_bend_reply, mark
from mock_c06.wire.reply import Reply


@dataclass(slots=True, kw_only=True)
class FaultWatch:
    """One call under the run's plan; `hit` is the fault that has met it, at most one."""

    call: Call
    operation: str | None
    account: str | None
    number: str | None = None
    hit: Hit | None = None

    def at_door(self) -> Fault | None:
        """Give the fault that stands before the registry."""
        return self._meet(Stage.DOOR)

    def once_admitted(self) -> Fault | None:
        """Give the fault that meets a call whose caller and request are right."""
        return self._meet(Stage.ADMITTED)

    def bend_answer(self, answer: Answer) -> Answer:
        """Let a fault change what is said."""
        if self._is_spared:
            return answer
        return bend_answer(answer, self._meet(Stage.ANSWERED, partial(can_bend_answer, answer)))

    def bend_reply(self, reply: Reply) -> Reply:
        """Let a fault change the bytes and their pace; whatever fault met the call is announced."""
        if self._is_spared:
            return reply
        return mark(bend_reply(reply, self._meet(Stage.REPLY, partial(can_bend_reply, reply))), self.hit)

    @property
    def _is_spared(self) -> bool:
        return self.hit is None and self.call.run.faults.is_empty

    def _meet(self, stage: Stage, can_hit: "partial[bool] | None" = None) -> Fault | None:
        if self.hit is not None or self._is_spared:
            return None
        target = Target(
            stage=stage,
            operation=self.operation,
            account=self.account,
            number=self.number,
            now=self.call.run.clock.now(),
            can_hit=can_hit or _always,
        )
        self.hit = self.call.run.faults.pick(target)
        return self.hit.fault if self.hit is not None else None


def _always(_kind: Kind) -> bool:
    return True
