"""The state of evidence: which tables the audit vouches for, and the digest that stands for one of their rows.

An audit row names each covered row that its act changed: `state: {"accounts/acc_…": [before, after]}`, a digest each,
null where there was, or is, no row. `before` shows an edit that a later act would else have taken over. Every table is
either in `COVERED` or, with the reason, in `NOT_COVERED`; a test compares both with the metadata. A column that a
later migration adds must be NULL in the rows that are there: a NULL is no part of the digest.
See docs/decisions/0074.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

BASELINE = "state_baseline"
"""The outcome of the rows that take over what an older version of the gateway left."""

State = Mapping[str, tuple[str | None, str | None]]
"""What an act changed: the digests of each row before and after, None where there is no row."""

_SWEPT = "data keys go at expiry, by a sweeper without an audit row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How the rows of a table are read: by default every column counts, and a row never goes without an audit row.

    `left_out`: columns that don't count, each with the reason. `alike`: values that count as another one.
    `may_go`: why a row may be deleted without an audit row. `as_made`: where rows are made without an audit row, says
    whether one that no audit row names is as it was made.
    """

    left_out: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    may_go: str | None = None
    as_made: Callable[[Mapping[str, object]], bool] | None = None


def _is_first_key(row: Mapping[str, object]) -> bool:
    """Say whether a key is as a first start makes it; it is sealed under the master key, so that nobody else makes one."""
    return row["serial"] == 1 and row["accepted_until"] is None and row["serves_from"] == row["created_at"]


COVERED: Mapping[str, Covered] = {
    "organisations": Covered(),
    "accounts": Covered(),
    "account_secrets": Covered(),
    "account_keys": Covered(),
    "account_officers": Covered(),
    "operators": Covered(left_out={"last_step": "a counter: the step of the last TOTP code"}),
    "operator_sessions": Covered(
        left_out={"used_at": "a counter: when the session was last used"},
        may_go="ended sessions are swept at the next login",
    ),
    "revisions": Covered(),
    "revision_secrets": Covered(),
    "profile_standings": Covered(),
    "changes": Covered(left_out={"returning_until": "a lease of seconds, renewed by the worker that has it"}),
    "applications": Covered(),
    "keys": Covered(as_made=_is_first_key),
    "verifications": Covered(
        left_out={"sealed_claim": _SWEPT, "wrapped_key": _SWEPT},
        # The sweeper marks what `expires_at` already says.
        alike={"state": {"expired": "live"}},
    ),
    "holdings": Covered(),
    "renamed_numbers": Covered(),
    "prefills": Covered(),
    "discrepancies": Covered(),
}
"""The tables whose rows decide about rights or evidence. A new one is a line here, and nothing else."""

NOT_COVERED: Mapping[str, str] = {
    "audit_rows": "the chain itself",
    "audit_entries": "the chain's content: `audit verify` compares every column with it",
    "deployment": "the epoch is a counter, the base an address for commands; `audit verify` checks audit_settled",
    "flights": "leases of questions under way, of minutes",
    "reservations": "places in budgets of questions under way, of minutes",
    "idempotent_requests": "kept answers of 24 hours at most, sealed under the caller's own key",
    "spent_ids": "single-use ids of minutes",
    "revoked_tokens": "tokens that live for 300 seconds",
    "watch_tallies": "counters of a switch that is being watched",
    "enquiry_counts": "counters of answered enquiries, of a day",
    "enquiry_alarms": "alarms of a day; the audit has the enquiries behind them",
    "preflight_runs": "counters of preflights and their questions, of an hour; each question has its audit rows",
}
"""The tables that the audit doesn't vouch for, each with the reason."""


_write = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def row_name(table: str, key: tuple[object, ...]) -> str:
    """Return what a row is called in evidence: its table and its primary key, which is never personal data."""
    return "/".join([table, *map(str, key)])


def row_digest(table: str, values: Mapping[str, object]) -> str:
    """Return the SHA-256 of a covered row's canonical JSON; its key is part of it, so that rows can't be swapped."""
    rules = COVERED[table]
    members = {
        name: value
        if type(value) is str
        else _plain(value)  # most are text, and each verification comes by here
        for name, value in values.items()
        if value is not None and name not in rules.left_out
    }
    for name, same in rules.alike.items():
        if name in members:
            members[name] = same.get(str(members[name]), members[name])
    return hashlib.sha256(_write([table, members]).encode()).hexdigest()


def _plain(value: object) -> object:
    """Return a column's value as JSON has it, the same from both databases."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    return ["bytes", value.hex()] if isinstance(value, bytes) else value  # a list: no text is taken for bytes
