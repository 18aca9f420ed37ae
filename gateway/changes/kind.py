"""What every kind of change has: how it is drafted, compared, checked and applied."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gateway.changes.model import Change, DiffLine
from gateway.changes.requests import ProposalBody
from gateway.operators.model import Operator
from gateway.preflight.report import Preflight, PreflightCheck
from gateway.profiles.model import Gateway
from gateway.storage.database import Transaction

if TYPE_CHECKING:
    from gateway.preflight.recorder import PreflightNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightOptions:
    """`login_only` asks one question, with the impossible number; `run` is the id that counts a preflight's questions."""

    preflight_network: "PreflightNetwork"
    actor: str
    login_only: bool = False
    run: str | None = None


class KindOfChange(ABC):
    """One kind of change.

    `watched`: the gateway may roll it back. `official`: it is of official, and its body names no profile.
    """

    watched = False
    official = False

    async def draft(
        self, _transaction: Transaction, _gateway: Gateway, _body: ProposalBody, /
    ) -> Mapping[str, Any]:
        """Check a proposal and return its document, without any secret; empty if its profile says everything."""
        return {}

    @abstractmethod
    async def diff(
        self, transaction: Transaction, gateway: Gateway, change: Change, /
    ) -> tuple[DiffLine, ...]:
        """Return what the change would change now; no lines if nothing."""

    @abstractmethod
    async def check(self, gateway: Gateway, change: Change, options: PreflightOptions, /) -> Preflight:
        """Run the preflight of the change."""

    @abstractmethod
    async def apply(
        self, transaction: Transaction, gateway: Gateway, change: Change, by: Operator, /
    ) -> Mapping[str, str] | None:
        """Apply the change inside the caller's commit; the result (an id, a code) is shown to the operator only once."""


def one_check(name: str, detail: str, title_vi: str, *, passed: bool = True, remedy: str = "") -> Preflight:
    """Return the preflight of a change that sends nothing: one line."""
    line = PreflightCheck(name=name, passed=passed, detail=detail, remedy=remedy, ms=0, title_vi=title_vi)
    return Preflight(passed=passed, checks=(line,))
