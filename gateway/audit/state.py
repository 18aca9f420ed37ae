"""The state in evidence: which tables the audit covers, and the digest of one of their rows.

An audit row names each covered row that it changed: `state: {"accounts/acc_…": [before, after]}`, two digests, null
if there is no row. `before` shows an earlier edit without an audit row. Every table is either in `COVERED` or, with
the reason, in `NOT_COVERED`; a test compares both with the metadata. A column that a later migration adds must be
NULL in existing rows, since the digest leaves NULL out. See docs/decisions/0074.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

BASELINE = "state_baseline"
"""The outcome of baseline rows, which name what an older version of the gateway left."""

ADOPTED = "audit_adopted"
"""The outcome of the row of the first start that knows MACs."""

State = Mapping[str, tuple[str | None, str | None]]
"""The digests of each changed row before and after, None if there is no row."""

_CLEANED = "the cleanup deletes data keys at expiry, without an audit row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The rules of a covered table. By default every column counts, and each change has an audit row.

    `left_out`: columns that don't count, with the reason. `alike`: values that count as another one. `may_be_deleted`: why a
    row may be deleted without an audit row. `as_made`: whether a row that no audit row names is as the gateway
    inserts it without one.
    """

    left_out: Mapping[str, str] = field(default_factory=dict)
    alike: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    may_be_deleted: str | None = None
    as_made: Callable[[Mapping[str, object]], bool] | None = None


def _is_first_key(row: Mapping[str, object]) -> bool:
    """Return whether a key is as a first start makes it; its seal shows that the gateway made it."""
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
        may_be_deleted="ended sessions are deleted at the next login",
    ),
    "revisions": Covered(),
    "revision_secrets": Covered(),
    "profile_standings": Covered(),
    "changes": Covered(left_out={"returning_until": "a lease of seconds, renewed by the worker that has it"}),
    "applications": Covered(),
    "keys": Covered(as_made=_is_first_key),
    "verifications": Covered(
        left_out={
            "sealed_claim": _CLEANED,
            "wrapped_key": _CLEANED,
            "own_login": "it decides only which budget a wrong claim counts in; a program before schema 0028 doesn't know it",
        },
        # The cleanup marks what `expires_at` already says.
        alike={"state": {"expired": "live"}},
    ),
    "holdings": Covered(),
    "renamed_numbers": Covered(),
    "prefills": Covered(),
    "discrepancies": Covered(),
}
"""The tables whose rows decide about rights or evidence. A new table needs one line here."""

NOT_COVERED: Mapping[str, str] = {
    "audit_rows": "the rows themselves: `audit verify` computes every leaf and the signed roots over them",
    "audit_entries": "the rows' content: `audit verify` compares every column with it",
    "audit_waiting": "entries of seconds without a row yet: `audit verify` checks each",
    "audit_promises": "which entry a receipt names by its leaf: `audit verify` compares each with the entry, and wants one for each verification",
    "audit_checkpoints": "signed: `audit verify` checks every signature and root",
    "audit_subtrees": "inner hashes of the tree: `audit verify` compares each",
    "deployment": "the epoch is a counter, the base an address for commands; `audit verify` checks audit_settled",
    "callers_version": "a counter: what workers keep about callers is read again when it has changed",
    "flights": "leases of questions under way, of minutes",
    "reservations": "budget reservations of questions under way, of minutes",
    "idempotent_requests": "kept answers of 24 hours at most, sealed under the caller's own key",
    "spent_ids": "single-use ids of minutes",
    "revoked_tokens": "tokens that live for 300 seconds",
    "watch_tallies": "counters of a watched switch",
    "enquiry_counts": "counters of answered enquiries, of a day",
    "enquiry_alarms": "alarms of a day; the audit has the enquiries behind them",
    "preflight_runs": "counters of preflights and their questions, of an hour; each question has its audit rows",
}
"""The tables that the audit doesn't cover, each with the reason."""


write_canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
"""Returns the JSON that is hashed: names in order, no spaces, no escapes that JSON doesn't need."""


def row_name(table: str, key: tuple[object, ...]) -> str:
    """Return the name of a row in evidence: its table and primary key, which is never personal data."""
    return "/".join([table, *map(str, key)])


def row_digest(table: str, values: Mapping[str, object]) -> str:
    """Return the SHA-256 of a covered row's canonical JSON; its key is part of it, so that rows can't be swapped."""
    rules = COVERED[table]
    members = {
        name: value if type(value) is str else _plain(value)
        for name, value in values.items()
        if value is not None and name not in rules.left_out
    }
    for name, same in rules.alike.items():
        if name in members:
            members[name] = same.get(str(members[name]), members[name])
    # A lone surrogate, which no gateway writes, has a digest too.
    return hashlib.sha256(write_canonical([table, members]).encode(errors="surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    """Return a column's value as JSON has it, the same from both databases."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    return ["bytes", value.hex()] if isinstance(value, bytes) else value  # a list, so that no text equals it
