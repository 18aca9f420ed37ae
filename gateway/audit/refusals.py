"""Refusals in a limited number of audit rows, for any number of refusals (threat 50, docs/decisions/0070).

Refusals of strangers are counted: one row a minute, profile, class of address, problem code and, if an existing one
was named, operator. No address is stored. The first `OWN_ROWS` refusals of an account or operator with one problem
code in a minute have rows of their own; the others are counted. Counts stay in memory until the next `flush`: a
process that is killed loses those of its last minute.
"""

from collections import Counter
from typing import NamedTuple

from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind
from gateway.clock import Clock
from gateway.edge.forwarded import class_of
from gateway.identifiers import Profile, new_identifier

OWN_ROWS = 5
"""Refusals with rows of their own, for each account or operator, problem code and minute."""

MAX_COUNTERS = 10_000
"""Limit of the counters in memory; the refusals of further accounts are counted together."""

MINUTE_S = 60


class _CounterKey(NamedTuple):
    """The key of a counter: what its refusals have in common."""

    minute: int
    profile: Profile | None
    outcome: str | None
    address_class: str | None = None
    client_id: str | None = None
    organisation: str | None = None
    actor: str | None = None


class Refusals:
    """The counts of one worker."""

    def __init__(self, audit: AuditLog, clock: Clock) -> None:
        self._audit = audit
        self._clock = clock
        self._counts: Counter[_CounterKey] = Counter()
        self._own: Counter[_CounterKey] = Counter()
        self._own_minute = 0

    def count(self, profile: Profile | None, outcome: str, *, address: str, actor: str | None = None) -> None:
        """Count a stranger's refusal in memory; `actor` is an existing operator whose name was used."""
        self._add(_CounterKey(self._minute(), profile, outcome, address_class=class_of(address), actor=actor))

    async def record(self, entry: AuditEntry) -> None:
        """Record or count the refusal of an account or operator. Raises `Overloaded`."""
        minute = self._minute()
        sort = _CounterKey(
            minute,
            entry.profile,
            entry.outcome,
            client_id=entry.client_id,
            organisation=entry.organisation,
            actor=entry.actor,
        )
        if minute != self._own_minute:
            self._own_minute = minute
            self._own.clear()
        if self._own[sort] < OWN_ROWS and len(self._own) < MAX_COUNTERS:
            self._own[sort] += 1
            await self._audit.record(entry)
        else:
            self._add(sort)

    async def flush(self, *, unfinished: bool = False) -> None:
        """Write the counts of past minutes, with `unfinished` also of the present one.

        Raises:
            Overloaded: nothing is written; the counts are kept.
        """
        minute = self._minute()
        due = Counter({sort: n for sort, n in self._counts.items() if unfinished or sort.minute != minute})
        if not due:
            return
        self._counts -= due
        try:
            await self._audit.record(*(self._entry(sort, n) for sort, n in sorted(due.items(), key=str)))
        except Exception:  # not CancelledError: a cancelled record is committed (`AuditLog`)
            self._counts += due
            raise

    def _add(self, sort: _CounterKey) -> None:
        if sort not in self._counts and len(self._counts) >= MAX_COUNTERS:
            sort = sort._replace(client_id=None, organisation=None, actor=None)
        self._counts[sort] += 1

    def _entry(self, sort: _CounterKey, count: int) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(),
            kind=Kind.REFUSED,
            profile=sort.profile,
            act=new_identifier("act"),
            client_id=sort.client_id,
            organisation=sort.organisation,
            outcome=sort.outcome,
            actor=sort.actor,
            address_class=sort.address_class,
            count=count,
        )

    def _minute(self) -> int:
        return int(self._clock.now().timestamp()) // MINUTE_S
