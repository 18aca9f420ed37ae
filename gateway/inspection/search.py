"""Search the audit by account, procedure, outcome, request id and time, newest first, a page at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.inspection.period import Period
from gateway.inspection.store import list_found
from gateway.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """A page of rows, newest first; `before` is where the next page begins, None after the last."""

    rows: tuple[Mapping[str, Any], ...]
    before: int | None


async def search(
    database: Database,
    equals: Mapping[str, str],
    *,
    period: Period,
    before: int | None = None,
    most: int = 100,
) -> FoundRows:
    """Return the latest rows whose members have these values.

    Each has its row number (None until it is merged) and its entry's id; the digests of changed state are left out.
    """
    async with database.read() as connection:
        found = await list_found(connection, equals, period, before=before, most=most + 1)
    rows = tuple(
        {"row": row, "entry": number}
        | {name: value for name, value in json.loads(body).items() if name != "state"}
        for number, row, body in found[:most]
    )
    return FoundRows(rows=rows, before=rows[-1]["entry"] if len(found) > most else None)
