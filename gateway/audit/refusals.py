"""Refusals that somebody can cause without end, as rows bounded in number (threat 50, docs/decisions/0070).

What strangers are refused is counted: one row a minute, place, class of address and kind (problem code), and operator
where one was named that there is. No address is kept. Of one account or operator the first `OWN_ROWS` of a kind in a
minute have rows of their own; the others are counted too. Counts wait in memory for the sweeper: a process that is
killed loses those of its last minute.
"""

from collections import Counter
from typing import NamedTuple

from gateway.audit.log import AuditLog
from gateway.audit.model import AuditEntry, Kind
from gateway.clock import Clock
from gateway.edge.forwarded import class_of
from gateway.identifiers import new_identifier
from gateway.places import Profile

OWN_ROWS = 5
"""Refusals of one kind that an account or operator has rows of its own for, each minute."""

KEPT = 10_000
"""Sorts of refusals that are told apart at most; further accounts are counted together."""

MINUTE_S = 60


class _Sort(NamedTuple):
    """What refusals have in common that are counted in one row."""

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
        self._counts: Counter[_Sort] = Counter()
        self._own: Counter[_Sort] = Counter()
        self._own_minute = 0

    def count(self, profile: Profile | None, outcome: str, *, address: str, actor: str | None = None) -> None:
        """Count what a stranger at an address was refused; `actor` is an operator whom there is. Writes nothing."""
        self._add(_Sort(self._minute(), profile, outcome, address_class=class_of(address), actor=actor))

    async def record(self, entry: AuditEntry) -> None:
        """Record what an account or operator was refused: as a row of its own, or counted.

        Raises:
            Overloaded
        """
        minute = self._minute()
        sort = _Sort(
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
        if self._own[sort] < OWN_ROWS and len(self._own) < KEPT:
            self._own[sort] += 1
            await self._audit.record(entry)
        else:
            self._add(sort)

    async def flush(self, *, unfinished: bool = False) -> None:
        """Write what was counted in the minutes that are over, and with `unfinished` in this one too.

        Raises:
            Overloaded: nothing was written, and nothing is forgotten.
        """
        minute = self._minute()
        due = Counter({sort: n for sort, n in self._counts.items() if unfinished or sort.minute != minute})
        if not due:
            return
        self._counts -= due
        try:
            await self._audit.record(*(self._entry(sort, n) for sort, n in sorted(due.items(), key=str)))
        except Exception:  # whatever it was; a cancelled record is committed all the same (`AuditLog`)
            self._counts += due
            raise

    def _add(self, sort: _Sort) -> None:
        if sort not in self._counts and len(self._counts) >= KEPT:
            sort = sort._replace(client_id=None, organisation=None, actor=None)
        self._counts[sort] += 1

    def _entry(self, sort: _Sort, count: int) -> AuditEntry:
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
