"""What every command and request shares, opened once by `app.py` and handed down."""

from dataclasses import dataclass

from gateway.audit.log import AuditLog
from gateway.clock import Clock
from gateway.database import Database
from gateway.procedures.catalogue import Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The store, its audit, the clock and the catalogue. `base` is the public address, without a path."""

    database: Database
    audit: AuditLog
    clock: Clock
    catalogue: Catalogue
    base: str
