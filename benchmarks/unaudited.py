"""`python -m benchmarks.unaudited serve …`: the gateway's commands, assembled with a log that appends no row.

Only for the benchmark "audit on and off": everything else that a record changes is still committed. The product has no
such setting.
"""

from collections.abc import Sequence

from gateway.__main__ import main
from gateway.audit import store
from gateway.audit.model import AuditEntry, EntryMacs
from gateway.storage.driver import DriverTransaction


async def append_nothing(
    transaction: DriverTransaction, entries: Sequence[AuditEntry], macs: EntryMacs | None, *, after: int = 0
) -> list[tuple[int, str]]:
    """Take the place of `store.append`."""
    del transaction, entries, macs, after
    return []


if __name__ == "__main__":
    store.append = append_nothing
    main()
