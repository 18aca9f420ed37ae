"""Make the report card of a run: nine checks, each with a title and a remedy.

It judges only the calls that reached the registry, not the reasons of the client. A repeated question after a failure
counts as a retry, even if the client repeats it on purpose.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mock_c06.journal.journal import Query
from mock_c06.report.checks import (
    Bilingual,
    Card,
    Check,
    Finding,
    child_never_asked,
    logins_accepted,
    names_folded,
    one_number,
    request_ids,
    retries_back_off,
    retry_after_honoured,
    timestamps,
    verdict_before_record,
)
from mock_c06.runs.run import Run


@cache
def _load_texts() -> Mapping[str, Mapping[str, Bilingual]]:
    rows = tomllib.loads(Path(__file__).with_name("checks.toml").read_text(encoding="utf-8"))
    return {name: {part: Bilingual(**texts) for part, texts in row.items()} for name, row in rows.items()}


def make_card(run: Run, *, account: str | None = None) -> Card:
    """Judge the run's journal; of one account, if it is named."""
    entries = [
        entry for entry in run.journal.entries(Query(account=account)) if entry.observation is not None
    ]
    found: dict[str, Finding] = {
        "login_accepted": logins_accepted(entries),
        "name_folded": names_folded(entries),
        "request_id_unique": request_ids(entries),
        "one_number": one_number(entries),
        "timestamp_ms": timestamps(entries),
        "retry_backoff": retries_back_off(entries),
        "retry_after_honoured": retry_after_honoured(entries),
        "verdict_before_record": verdict_before_record(entries),
        "child_never_asked": child_never_asked(entries, run.clock.now()),
    }
    texts = _load_texts()
    checks = tuple(Check(id=name, **texts[name], found=one) for name, one in found.items())
    return Card(run=run.name, account=account, calls=len(entries), checks=checks)
