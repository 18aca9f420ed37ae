"""What every command and request shares, opened once by `app.py` and handed down."""

from collections import Counter
from dataclasses import dataclass, field

from gateway.audit.log import AuditLog
from gateway.audit.refusals import Refusals
from gateway.clock import Clock
from gateway.database import Database
from gateway.procedures.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The store, its audit, the clock and the catalogue. `base` is the public address, without a path.

    `alarms` counts this worker's alarms of budgets, by profile and budget, for the metrics.
    """

    database: Database
    audit: AuditLog
    refusals: Refusals
    clock: Clock
    catalogue: Catalogue
    base: str
    alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
