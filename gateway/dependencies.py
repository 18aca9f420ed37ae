"""The dependencies of every command and request; `app.py` opens them once."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.accounts.kept_store import Kept
from gateway.audit.log import AuditLog
from gateway.audit.refusals import Refusals
from gateway.clock import Clock
from gateway.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.procedures.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """Store, audit, clock and catalogue; `base` is the public address, without a path; `kept` is this worker's.

    `alarms` counts this worker's budget alarms by profile and budget, for the metrics. `spending` has what this worker last
    read of each account's budgets, `alarms_raised` when it last stored an alarm, `slot` the microseconds that mark its own
    counts (`enquiries/budget_store.py`), `tasks` the ones that outlive their request.
    """

    database: Database
    audit: AuditLog
    refusals: Refusals
    clock: Clock
    load_catalogue: Callable[[], Catalogue]
    base: str
    kept: Kept
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
    spending: dict[tuple[str, str], Any] = field(default_factory=dict)
    alarms_raised: dict[tuple[str, str, str, int], datetime] = field(default_factory=dict)
    slot: timedelta = field(default_factory=lambda: timedelta(microseconds=secrets.randbelow(1_000_000)))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def catalogue(self) -> Catalogue:
        """Return the catalogue, read at the first use. Raises `CatalogueInvalid`."""
        return self.load_catalogue()
