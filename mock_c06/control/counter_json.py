"""An officer's decision as the control face takes it, and a case at the counter as it gives it."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from mock_c06.clock import rfc3339
from mock_c06.control.values import Day
from mock_c06.desk.counter import Case, Counter
from mock_c06.desk.issuing import Reason
from mock_c06.desk.ready_made import OFFICERS
from mock_c06.desk.sealing import Terms


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReasonBody(_Body):
    """Why, or what more is asked for."""

    field: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=400)


class DecisionBody(_Body):
    """An officer's decision. `issue` may say how; the others say why."""

    decision: Literal["issue", "refuse", "ask_more"]
    reasons: list[ReasonBody] = []
    name: str | None = Field(default=None, min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")
    registry_url: str = Field(default="http://127.0.0.1:8110", description="Where the official face listens.")
    officers: list[str] = Field(default=list(OFFICERS), description="Their ids, handed over apart.")
    service_officer: str = Field(default=OFFICERS[-1], min_length=1, max_length=20)
    expires_on: Day | None = Field(default=None, description="A year from now, unless named.")
    contact: str = Field(default="Tổ hỗ trợ kết nối (giả lập)", max_length=200)

    def given(self) -> tuple[Reason, ...]:
        """Give the officer's reasons."""
        return tuple(Reason(field=each.field, reason=each.reason) for each in self.reasons)

    def terms(self, *, otherwise: date) -> Terms:
        """Give what is added when an account is issued."""
        return Terms(
            name=self.name,
            registry_url=self.registry_url,
            officers=tuple(self.officers),
            service_officer=self.service_officer,
            expires_on=self.expires_on or otherwise,
            contact=self.contact,
        )


def case_json(counter: Counter, case: Case) -> dict[str, Any]:
    """Write a case; the issued account's credentials only as they are sealed."""
    return {
        "id": case.id,
        "state": counter.state_of(case).value,
        "sha256": case.bundle.sha256,
        "thumbprint": case.bundle.thumbprint,
        "agency": case.bundle.stated.agency,
        "received_at": rfc3339(case.received_at),
        "due_by": case.due_by.isoformat(),
        "overdue": counter.is_overdue(case),
        "findings": [{"field": each.field, "reason": each.reason} for each in case.findings],
        "reasons": [{"field": each.field, "reason": each.reason} for each in case.reasons],
        "decided_at": rfc3339(case.decided_at) if case.decided_at else None,
        "account": case.account,
        "issued": case.issued,
    }
