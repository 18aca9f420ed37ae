"""Budgets of an account: wrong claims and answered enquiries; both are checked before a question is sent; all their SQL.

Wrong claims are counted per account and hour, and per person asked about, organisation and day. A claim that was
not confirmed before costs nothing again. Nine and twelve digits count as one person once a record has had both
(`person_store.py`). Whether the number exists makes no difference, nor does a key rotation in between.

A person who has signed in themselves (`Citizen-Token` with the claimed number) has a budget of their own: strangers' wrong
claims do not spend it, and it spends no other. A spent budget of wrong claims lets one further claim through after each wait
of `BACK_OFF`; the times are those of the stored wrong claims.

Answered enquiries are counted per account, hour and day: each confirmed verification, and each prefill that the
registry answered. Reuse and replays cost nothing. They are stored per account and five minutes, so that a window is the
sum of 289 rows at most. At four fifths of a limit an alarm is stored for the operators and logged, once a window.

A reservation is made in the commit of the `intended` row, so that concurrent claims can't exceed a budget together.
It is released with the answer or the failure. Source: the contract's budgets, docs/decisions/0073.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.accounts.model import Caller
from gateway.enquiries import person_store
from gateway.enquiries.budget_store import (
    DAY,
    HOUR,
    RESERVE,
    SPENT,
    SPENT_COLUMNS,
    Account,
    Counted,
    Reservation,
    Subject,
    Volume,
    count_claim,
    members_of,
    read_claims_of_account,
    read_claims_of_subjects,
    read_volumes,
    rekey_claim,
    to_volumes,
    volume_windows,
)
from gateway.enquiries.claim import ClaimKeys, Number
from gateway.errors.requests import EnquiryBudgetSpent
from gateway.profiles.model import Dependencies, Place
from gateway.profiles.store import WINDOWS, EnquiryAlarm, replace_alarm
from gateway.storage.database import Transaction
from gateway.storage.driver import DriverTransaction, Reader, lock_key

ALARM_AT = 0.8
"""The part of a limit that raises the alarm."""

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8, 16, 32, 60))
"""The waits after the last wrong claim while their budget is spent, before each further one; the last wait repeats."""

_RETRY_IN_FLIGHT_S = 5
"""`Retry-After` while questions under way reserve the rest of a budget."""

log = structlog.get_logger("gateway.verifications")


FAR = 5_000
"""An account whose limits all leave more than this is *far* from them: its counts may be a second old, and need no lock.

No more questions than this start in a second before their reservations are seen: 1,024 wait in a worker (`audit/log.py`).
"""

_FRESH_S = 1.0


@dataclass(slots=True, kw_only=True)
class Spent:
    """What an account has used of its budgets, with questions under way, when it was read."""

    wrong: int
    volumes: dict[str, Volume]
    read_at: float

    def add(self, is_new_claim: bool) -> None:
        """Count an accepted reservation."""
        self.wrong += is_new_claim
        for volume in self.volumes.values():
            volume.used += 1

    def is_far(self, place: Place, client_id: str) -> bool:
        """Return whether every budget of answered enquiries, and of wrong claims, has more than `FAR` left."""
        has_few_wrong = place.policy.budget_account_hour - self.wrong > FAR
        return has_few_wrong and self.has_left(place, client_id, FAR)

    def has_left(self, place: Place, client_id: str, more: int, *, of_part: float = 1.0) -> bool:
        """Return whether every budget of answered enquiries has more than `more` left of a part of its limit."""
        limits = place.policy.limits_of(client_id)
        return all(limit * of_part - self.volumes[name].used > more for name, limit in limits.items())


async def read_spent(reader: Reader, deps: Dependencies, account: Account, *, now: datetime) -> Spent:
    """Return what an account has used."""
    profile, client_id = account
    members = {"profile": profile, "client_id": client_id, "hour": now - HOUR}
    (row,) = await reader.fetch(SPENT, members | volume_windows(now))
    named = dict(zip(SPENT_COLUMNS, row, strict=True))
    return Spent(wrong=named["wrong"], volumes=to_volumes(named), read_at=deps.clock.monotonic())


async def _read_and_keep(
    transaction: DriverTransaction, deps: Dependencies, account: Account, *, now: datetime
) -> Spent:
    """Return what an account has used, and keep it for a second, with what this worker reserves meanwhile.

    It is read in a group's transaction: beside one, it would lack the reservations of a group that is being committed.
    """
    spent = deps.spending[account] = await read_spent(transaction, deps, account, now=now)
    return spent


def _find_fresh(deps: Dependencies, account: Account) -> Spent | None:
    spent: Spent | None = deps.spending.get(account)
    return spent if spent is not None and deps.clock.monotonic() - spent.read_at < _FRESH_S else None


def _find_spent_volumes(
    spent: Spent, place: Place, client_id: str, *, now: datetime
) -> Iterator[EnquiryBudgetSpent]:
    for budget, limit in place.policy.limits_of(client_id).items():
        if spent.volumes[budget].used >= limit:
            yield EnquiryBudgetSpent(budget, _wait(spent.volumes[budget], limit, now))


async def raise_alarms(deps: Dependencies, place: Place, client_id: str) -> None:
    """Store and log an alarm for each budget of answered enquiries that is used by four fifths, once a window.

    To be called after each answer. It skips the store for a second after a question's read, as long as no budget can have
    reached four fifths. Where other workers ask too, it skips the store only if every budget is far from that.
    """
    account, now = (place.profile.value, client_id), deps.clock.now()
    spent, more = _find_fresh(deps, account), 0 if deps.database.embedded else FAR
    if spent is not None and spent.has_left(place, client_id, more, of_part=ALARM_AT):
        return
    spent = await read_spent(deps.database, deps, account, now=now)
    for budget, limit in place.policy.limits_of(client_id).items():
        used = spent.volumes[budget].answered
        raised = deps.alarms_raised.get((*account, budget, limit))
        if used < math.ceil(limit * ALARM_AT) or (raised is not None and now - raised < WINDOWS[budget]):
            continue
        alarm = EnquiryAlarm(
            profile=place.profile, client_id=client_id, budget=budget, raised_at=now, used=used, most=limit
        )
        async with deps.database.write() as transaction:
            is_new = await replace_alarm(transaction, alarm)
        deps.alarms_raised[*account, budget, limit] = now
        if is_new:
            deps.alarms[place.profile.value, budget] += 1
            log.warning(
                "enquiry_budget_alarm",
                profile=place.profile.value,
                client_id=client_id,
                budget=budget,
                used=used,
                limit=limit,
            )


async def read_budgets(deps: Dependencies, place: Place, caller: Caller) -> Mapping[str, int]:
    """Return how much of each budget the account has used, with questions under way."""
    client_id, now = caller.account.client_id, deps.clock.now()
    wrong = await read_claims_of_account(deps.database, (place.profile.value, client_id), now=now)
    async with deps.database.read() as connection:
        volumes = await read_volumes(connection, profile=place.profile, client_id=client_id, now=now)
    used = {budget: volume.used for budget, volume in volumes.items()}
    return {"account_hour": sum(at is not None for at in wrong.values()), **used}


def _wait(volume: Volume, limit: int, now: datetime) -> int:
    """Return the seconds until one more enquiry is allowed, if nothing is asked meanwhile."""
    if volume.answered < limit or volume.frees_at is None:
        return _RETRY_IN_FLIGHT_S
    return _seconds_until(volume.frees_at, now)


def _seconds_until(at: datetime, now: datetime) -> int:
    return max(1, math.ceil((at - now) / timedelta(seconds=1)))


@dataclass(slots=True, kw_only=True)
class WantedReservation:
    """A reservation that is wanted, with its account, place and citizen's number; a prefill has no number.

    `alike` are all pseudonyms of the citizen; None: not looked for yet.
    """

    reservation: Reservation
    place: Place
    number: Number | None = None
    alike: frozenset[str] | None = None
    account: Account = field(init=False)

    def __post_init__(self) -> None:
        self.account = self.reservation.profile, self.reservation.client_id


async def reserve(
    transaction: DriverTransaction, deps: Dependencies, wanted: Sequence[WantedReservation], *, now: datetime
) -> list[EnquiryBudgetSpent | None]:
    """Reserve in every budget, in order; return for each why it is refused, or None.

    The caller has the locks of the citizens, and those of `find_account_locks`, or runs alone, so that no worker overspends.
    A wrong claim that is counted already is not counted again.
    """
    spent = await _read_all_spent(transaction, deps, wanted, now)
    claims = await _read_claims(transaction, wanted, spent, now)
    refused: list[EnquiryBudgetSpent | None] = []
    accepted: list[dict[str, Any]] = []
    for each in wanted:
        error = _find_refusal(each, spent[each.account], claims, now)
        refused.append(error)
        if error is None:
            accepted.append(members_of(each.reservation))
            spent[each.account].add(claims.add(each))
    await transaction.run(RESERVE, accepted)
    return refused


async def find_account_locks(
    transaction: DriverTransaction, deps: Dependencies, places: Mapping[Account, Place]
) -> set[int]:
    """Return the locks of the accounts near a limit, which a group takes before it reserves."""
    near, now = set(), deps.clock.now()
    for account, place in places.items():
        spent = _find_fresh(deps, account)
        if spent is None:
            spent = await _read_and_keep(transaction, deps, account, now=now)
        if not spent.is_far(place, account[1]):
            near.add(lock_key("account", *account))
    return near


async def _read_all_spent(
    transaction: DriverTransaction, deps: Dependencies, wanted: Sequence[WantedReservation], now: datetime
) -> dict[Account, Spent]:
    found: dict[Account, Spent] = {}
    for account, place in {each.account: each.place for each in wanted}.items():
        spent = _find_fresh(deps, account)
        if spent is None or not spent.is_far(place, account[1]):
            spent = await _read_and_keep(transaction, deps, account, now=now)
        found[account] = spent
    return found


def _find_refusal(
    wanted: WantedReservation, spent: Spent, claims: "_Claims", now: datetime
) -> EnquiryBudgetSpent | None:
    """Return the spent budget with the longest wait, after which all of them allow the enquiry; None if they do now."""
    refusals = [
        *(_find_spent_claims(wanted, claims, now) if wanted.number is not None else ()),
        *_find_spent_volumes(spent, wanted.place, wanted.reservation.client_id, now=now),
    ]
    return max(refusals, key=lambda refusal: refusal.retry_after, default=None)


def _find_spent_claims(
    wanted: WantedReservation, claims: "_Claims", now: datetime
) -> Iterator[EnquiryBudgetSpent]:
    policy, of_person = wanted.place.policy, claims.of_person(wanted)
    if wanted.reservation.own_login:
        budgets = [("own_login_day", policy.budget_subject_day, DAY, of_person)]
    else:
        of_account = claims.of_account.get(wanted.account, {})
        budgets = [
            ("account_hour", policy.budget_account_hour, HOUR, of_account),
            ("subject_day", policy.budget_subject_day, DAY, of_person),
        ]
    for budget, limit, window, counted in budgets:
        if wanted.reservation.claim_key in counted:
            continue
        at = next_claim_at(sorted(at for at in counted.values() if at is not None), limit, window)
        if at is not None and at > now:
            yield EnquiryBudgetSpent(budget, _seconds_until(at, now))


def next_claim_at(times: Sequence[datetime], limit: int, window: timedelta) -> datetime | None:
    """Return from when a budget of wrong claims allows one more, if no other comes before; None if it is not spent.

    `times` are when its claims were made, in order. Each of them counts for the length of the window.
    """
    further = len(times) - limit
    if further < 0:
        return None
    allowed = times[further] + window  # from then on, fewer than the limit count
    for gone in range(further + 1):
        waited = times[-1] + BACK_OFF[min(further - gone, len(BACK_OFF) - 1)]
        allowed = min(allowed, max(waited, times[gone - 1] + window) if gone else waited)
    return allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claims:
    """The claims that were wrong or are under way: of accounts that may reach their limit, and of citizens.

    `alike` are the pseudonyms that count as one citizen's, by the act of the reservation.
    """

    of_account: Mapping[Account, Counted]
    of_subject: defaultdict[Subject, Counted]
    alike: Mapping[str, frozenset[str]]

    def of_person(self, wanted: WantedReservation) -> Counted:
        """Return the claims that count in the budget of a reservation's citizen."""
        reservation, found = wanted.reservation, Counted()
        for subject in self.alike.get(reservation.act, frozenset()):
            whose = (reservation.profile, reservation.organisation, subject, bool(reservation.own_login))
            for claim_key, at in self.of_subject.get(whose, {}).items():
                count_claim(found, claim_key, at)
        return found

    def add(self, wanted: WantedReservation) -> bool:
        """Count an accepted reservation; return whether its claim is new."""
        if wanted.number is None:
            return False
        reservation = wanted.reservation
        subject, own_login = reservation.subject, bool(reservation.own_login)
        is_new = reservation.claim_key not in self.of_person(wanted)
        of_subject = self.of_subject[reservation.profile, reservation.organisation, subject, own_login]
        count_claim(of_subject, reservation.claim_key, reservation.ends_at)
        if wanted.account in self.of_account and not reservation.own_login:
            count_claim(self.of_account[wanted.account], reservation.claim_key, reservation.ends_at)
        return is_new


async def _read_claims(
    transaction: DriverTransaction,
    wanted: Sequence[WantedReservation],
    spent: Mapping[Account, Spent],
    now: datetime,
) -> _Claims:
    numbers = [each.number for each in wanted if each.number is not None]
    if not numbers:
        return _Claims(of_account={}, of_subject=defaultdict(dict), alike={})
    of_account = {}
    for account, place in {each.account: each.place for each in wanted}.items():
        if spent[account].wrong + len(numbers) > place.policy.budget_account_hour:
            of_account[account] = await read_claims_of_account(transaction, account, now=now)
    alike = {each.reservation.act: each.alike for each in wanted if each.alike is not None}
    unknown = [each for each in wanted if each.alike is None and each.number is not None]
    if unknown:
        found = await person_store.list_alike(transaction, [each.number for each in unknown if each.number])
        alike |= {each.reservation.act: more for each, more in zip(unknown, found, strict=True)}
    of_subject = await read_claims_of_subjects(
        transaction,
        profiles={number.profile.value for number in numbers},
        organisations={number.organisation for number in numbers},
        subjects={subject for subjects in alike.values() for subject in subjects},
        now=now,
    )
    return _Claims(of_account=of_account, of_subject=of_subject, alike=alike)


async def rekey(transaction: Transaction, claim: ClaimKeys) -> None:
    """Rekey the rows of a claim from other look-up keys to the serving one, before it is counted or stored."""
    if claim.others:
        await rekey_claim(transaction, claim)
