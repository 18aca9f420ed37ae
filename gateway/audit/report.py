"""What a check of the audit found intact."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.audit.erasures import ErasedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """An intact audit: `rows` committed, of which `waiting` have no row number yet; the tree of the others and its root.

    `signed` is the size of the largest tree with a signed checkpoint: after a migration it is 0 until the first pass.
    `authenticated` is the number of entries whose MAC is right, None if there was no key to check it; `adopted` is the number
    of rows from before the first evidence key, which have none. `signatures` is whether there was a key to check them.
    `erased` is the rows without an entry.
    """

    rows: int
    waiting: int
    size: int
    root: str
    checkpoints: int
    signed: int
    authenticated: int | None
    adopted: int
    signatures: bool
    erased: ErasedRows


@dataclass(frozen=True, slots=True, kw_only=True)
class StateReport:
    """The number of compared rows of each covered table, and the audit rows of the baseline."""

    audit: AuditReport
    tables: Mapping[str, int]
    baselines: tuple[int, ...]
