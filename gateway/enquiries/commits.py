"""The commits of enquiries: a group of records at a time, with one statement per table (docs/decisions/0077).

Three kinds of records: an enquiry looks for a live verification, and else takes the question's lease and a reservation in
the budgets, before anything is asked; an answer stores the verification and ends both; a failure ends both. On PostgreSQL
a group locks its citizens and the accounts near a limit first, so that no other worker asks about, or reserves for, the
same ones meanwhile; other groups don't wait for it. A record that must change stored verifications runs alone instead
(`AuditLog.submit_alone`): after a rotation of look-up keys, or for a `not_confirmed` that ends former confirmed ones.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.audit.log import HotChange, HotRecord
from gateway.audit.model import AuditEntry, Kind, with_state
from gateway.clock import AHEAD
from gateway.enquiries import budget_store, budgets, store
from gateway.enquiries.authorise import AuthorisedEnquiry, lease_length, new_verification
from gateway.enquiries.budget_store import QuestionLease, Reservation
from gateway.enquiries.budgets import WantedReservation
from gateway.enquiries.checks import find_all_ended
from gateway.enquiries.claim import Number
from gateway.enquiries.model import Origin, Verdict, Verification
from gateway.enquiries.person_store import list_alike, note_numbers
from gateway.errors import GatewayError
from gateway.errors.requests import VerificationInvalidated
from gateway.profiles.model import Dependencies
from gateway.registry.model import Question
from gateway.storage.database import Transaction
from gateway.storage.driver import DriverTransaction, lock_key


class MustRunAlone(Exception):
    """The record changes stored verifications: commit it by `AuditLog.submit_alone`."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """An enquiry to commit before its question. `key` is the one of identical questions, `since` the enquiry's begin.

    `make_question` makes the question and the template of its rows, which are the record's result if it is to be asked.
    None: only a live verification is wanted. `not_before`: verifications before it don't count, for an enquiry that wants
    a fresh answer and shares another's question. `alike` are all pseudonyms of the citizen; None: not looked for yet.
    """

    deps: Dependencies
    enquiry: AuthorisedEnquiry
    key: str = ""
    since: datetime | None = None
    make_question: Callable[[], tuple[Question, AuditEntry]] | None = None
    not_before: datetime | None = None
    alike: frozenset[str] | None = None


@dataclass(slots=True, kw_only=True)
class Answered:
    """The answer to a question, or (`key` None) a share in another's: `verification` is stored if it `is_new`.

    `is_wrong`: the claim was not confirmed. `ended` is the number of former verifications that a `not_confirmed` has ended; None: not looked for yet.
    """

    deps: Dependencies
    enquiry: AuthorisedEnquiry
    entry: AuditEntry
    verification: Verification
    key: str | None = None
    is_new: bool = True
    ended: int | None = None
    is_wrong: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_wrong = self.verification.verdict is Verdict.NOT_CONFIRMED

    @property
    def may_end_former(self) -> bool:
        """Return whether it may end verifications of the claim that were confirmed before."""
        return self.is_wrong and self.is_new and self.ended is None

    async def end_former(self, transaction: Transaction) -> None:
        """End the verifications of the claim that were confirmed before."""
        claim = self.enquiry.claim_keys
        await budgets.rekey(transaction, claim)
        self.ended = await store.invalidate_claim(transaction, self.verification, claim.all)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A question without an answer: how its lease ends, and the rows of its failure."""

    enquiry: AuthorisedEnquiry
    lease: QuestionLease
    entries: Sequence[AuditEntry]


async def _apply_enquiries(transaction: DriverTransaction, records: Sequence[HotRecord[Asking]]) -> None:
    """Commit enquiries. The result of each is a live verification, the lease of the identical question, or None: ask.

    Fails with TokenInvalid, AccountSuspended, OfficerNotGranted, ProfileSuspended, EnquiryBudgetSpent.
    """
    deps = records[0].value.deps
    now = deps.clock.now()
    ended = await find_all_ended(transaction, [record.value.enquiry.rights for record in records], now)
    for record, error in zip(records, ended, strict=True):
        record.failed = error
    left = await _reuse(transaction, [record for record in records if record.failed is None], now)
    wanted = [record for record in left if record.value.make_question is not None]
    await _take_leases(transaction, deps, wanted, now)


async def _find_enquiry_locks(
    transaction: DriverTransaction, records: Sequence[HotRecord[Asking]]
) -> Iterable[int]:
    """Return the locks of the citizens, under each number that is known of them, and of the accounts near a limit."""
    values = [record.value for record in records]
    alike = await list_alike(transaction, [value.enquiry.number for value in values])
    keys: set[int] = set()
    for value, found in zip(values, alike, strict=True):
        value.alike = found
        keys.update(citizen_lock(value.enquiry.number, subject) for subject in found)
    asking = [value.enquiry for value in values if value.make_question is not None]
    accounts = {enquiry.account: enquiry.place for enquiry in asking}
    return keys | await budgets.find_account_locks(transaction, values[0].deps, accounts)


async def _find_citizen_locks(
    _: DriverTransaction, records: Sequence[HotRecord[Answered] | HotRecord[Failed]]
) -> Iterable[int]:
    numbers = {record.value.enquiry.number for record in records}
    return [citizen_lock(number, number.stable) for number in numbers]


def citizen_lock(number: Number, subject: str) -> int:
    """Return the key of the lock of a citizen, under one pseudonym."""
    return lock_key("citizen", number.profile.value, number.organisation, subject)


async def _reuse(
    transaction: DriverTransaction, records: Sequence[HotRecord[Asking]], now: datetime
) -> list[HotRecord[Asking]]:
    """Answer the enquiries that have a live verification; return the others, those that want a fresh answer first."""
    left: list[HotRecord[Asking]] = []
    asked: list[HotRecord[Asking]] = []
    for record in records:
        is_fresh = record.value.enquiry.fresh and record.value.make_question is not None
        (left if is_fresh else asked).append(record)
    if not asked:
        return left
    enquiries = [record.value.enquiry for record in asked]
    by_claim: defaultdict[tuple[str, str], list[Verification]] = defaultdict(list)
    for found in await store.list_reusable(
        transaction,
        claim_keys={key for each in enquiries for key in each.claim_keys.all},
        dossiers={each.request.dossier for each in enquiries},
        now=now,
    ):
        by_claim[found.client_id, found.claim_key].append(found)
    derived: list[HotRecord[Asking]] = []
    for record in asked:
        enquiry = record.value.enquiry
        best = _find_best(by_claim, enquiry, record.value.not_before)
        if best is None:
            left.append(record)
            continue
        if not _is_for(best, enquiry):
            best = new_verification(record.value.deps, enquiry, Verdict.CONFIRMED, source=best)
            by_claim[best.client_id, best.claim_key].append(best)
            derived.append(record)
        record.result = best
        record.entries = [_reused_entry(enquiry, best, now)]
    if derived:
        noted = await note_numbers(transaction, [record.value.enquiry.number for record in derived])
        added = await store.insert_verifications(transaction, [record.result for record in derived])
        for record, *states in zip(derived, noted, added, strict=True):
            record.entries = [with_state(record.entries[0].copy_with(promise=record.result.promise), *states)]
    return left


def _find_best(
    by_claim: defaultdict[tuple[str, str], list[Verification]],
    enquiry: AuthorisedEnquiry,
    not_before: datetime | None,
) -> Verification | None:
    """Return a live verification of the claim: the one for exactly this purpose, else the latest, a root before others."""
    place, client_id = enquiry.place, enquiry.caller.account.client_id
    candidates = [
        found
        for key in enquiry.claim_keys.all
        for found in by_claim[client_id, key]
        if found.profile is place.profile
        and (not_before is None or found.verified_at >= not_before)
        and (place.policy.reuse == "account" or found.dossier == enquiry.request.dossier)
    ]
    return max(
        candidates,
        key=lambda found: (_is_for(found, enquiry), found.verified_at, found.derived_from is None),
        default=None,
    )


def _is_for(verification: Verification, enquiry: AuthorisedEnquiry) -> bool:
    return verification.is_for(enquiry.procedure.slug, enquiry.request.dossier, enquiry.request.subject_role)


def _reused_entry(enquiry: AuthorisedEnquiry, found: Verification, now: datetime) -> AuditEntry:
    return enquiry.entry.copy_with(
        at=now,
        kind=Kind.REUSED,
        verification=found.id,
        origin=Origin.REUSE.value,
        outcome=found.verdict.value,
    )


async def _take_leases(
    transaction: DriverTransaction, deps: Dependencies, records: Sequence[HotRecord[Asking]], now: datetime
) -> None:
    """Take the leases and the reservations of questions, and record what will be asked."""
    if not records:
        return
    leases = await budget_store.find_leases(transaction, {record.value.key for record in records})
    first: dict[str, HotRecord[Asking]] = {}
    others: list[HotRecord[Asking]] = []
    for record in records:
        asking = record.value
        former = leases.get(asking.key)
        if former is not None and _is_shared(former, now=now, since=asking.since or now):
            record.result = former
        elif asking.key in first:
            others.append(record)
        else:
            first[asking.key] = record
    wanted = [_wanted(record.value, now) for record in first.values()]
    refused = await budgets.reserve(transaction, deps, wanted, now=now)
    asked: list[HotRecord[Asking]] = []
    taken: dict[str, QuestionLease] = {}
    for (key, record), want, error in zip(first.items(), wanted, refused, strict=True):
        record.failed = error
        if error is None and record.value.make_question is not None:
            reservation = want.reservation
            taken[key] = QuestionLease(key=key, act=reservation.act, lease_ends_at=reservation.ends_at)
            record.result = _, entry = record.value.make_question()
            record.entries = [entry.copy_with(at=now, kind=Kind.INTENDED)]
            asked.append(record)
    # Not those of a refusal, whose commit has no row that could be evidence of it.
    states = await note_numbers(transaction, [record.value.enquiry.number for record in asked])
    for record, state in zip(asked, states, strict=True):
        record.entries = [with_state(each, state) for each in record.entries]
    await budget_store.upsert_leases(transaction, list(taken.values()))
    for record in others:
        record.result, record.failed = taken.get(record.value.key), first[record.value.key].failed


def _is_shared(lease: QuestionLease, *, now: datetime, since: datetime) -> bool:
    """Return whether a question is under way, or has ended since `since`, the begin of the present enquiry.

    A time that is far ahead is of a clock that has been set back since.
    """
    if lease.landed_at is not None:
        return since < lease.landed_at <= now + AHEAD
    return now <= lease.lease_ends_at <= now + AHEAD


def _wanted(asking: Asking, now: datetime) -> WantedReservation:
    enquiry = asking.enquiry
    reservation = Reservation(
        act=enquiry.entry.act,
        profile=enquiry.place.profile.value,
        client_id=enquiry.caller.account.client_id,
        organisation=enquiry.caller.account.organisation,
        subject=enquiry.entry.citizen or "",
        claim_key=enquiry.claim_keys.current,
        ends_at=now + lease_length(enquiry),
        own_login=enquiry.has_own_login or None,
    )
    return WantedReservation(
        reservation=reservation, place=enquiry.place, number=enquiry.number, alike=asking.alike
    )


async def _apply_answers(transaction: DriverTransaction, records: Sequence[HotRecord[Answered]]) -> None:
    """Commit answers. The result of each is the right that ended meanwhile, so that nothing is delivered; else None.

    A `confirmed` is then not stored; a `not_confirmed` is, since it counts in the budgets.
    """
    deps = records[0].value.deps
    now = deps.clock.now()
    records = await _leave_out(transaction, records, now)
    ended = await find_all_ended(transaction, [record.value.enquiry.rights for record in records], now)
    keys = {record.value.key for record in records if record.value.key is not None}
    leases = await budget_store.find_leases(transaction, keys) if keys else {}
    ends: list[QuestionLease] = []
    stored: list[HotRecord[Answered]] = []
    answered: Counter[budget_store.Account] = Counter()
    for record, error in zip(records, ended, strict=True):
        value = record.value
        if value.key is not None:
            lease = leases.get(value.key)
            is_ours = lease is not None and lease.act == value.entry.act
            if is_ours:
                ends.append(_ended_lease(value, value.key, error, now))
            elif error is None and not value.is_wrong:
                # It was revoked, or its lease had ended, so that a revocation could no longer find it.
                error = VerificationInvalidated()  # noqa: PLW2901 - as said
            if not value.is_wrong:
                answered[value.enquiry.account] += 1
        is_kept = error is None or (value.is_wrong and value.key is not None)
        if is_kept and value.is_new:
            stored.append(record)
        record.entries = _answer_entries(value, error, now, is_kept=is_kept)
        record.result = error
    await budget_store.end_leases(transaction, ends)
    await budget_store.release(transaction, [each.value.entry.act for each in records if each.value.key])
    await budget_store.add_answered(transaction, deps, answered, now=now)
    added = await store.insert_verifications(transaction, [record.value.verification for record in stored])
    for record, state in zip(stored, added, strict=True):
        record.entries = [with_state(record.entries[0], state), *record.entries[1:]]


async def _leave_out(
    transaction: DriverTransaction, records: Sequence[HotRecord[Answered]], now: datetime
) -> list[HotRecord[Answered]]:
    """Fail each `not_confirmed` that ends former verifications, also of this group; return the other records."""
    wrong = [each.value.enquiry for each in records if each.value.may_end_former]
    if not wrong:
        return list(records)
    claim_keys = {key for enquiry in wrong for key in enquiry.claim_keys.all}
    confirmed = await store.list_confirmed(transaction, claim_keys=claim_keys, now=now) | {
        (each.value.verification.client_id, each.value.verification.claim_key)
        for each in records
        if each.value.is_new and not each.value.is_wrong
    }
    left = []
    for record in records:
        value = record.value
        claim, client_id = value.enquiry.claim_keys, value.verification.client_id
        if value.may_end_former and (claim.others or any((client_id, key) in confirmed for key in claim.all)):
            record.failed = MustRunAlone()
        else:
            left.append(record)
    return left


def _ended_lease(value: Answered, key: str, error: GatewayError | None, now: datetime) -> QuestionLease:
    is_lost = error is not None and not value.is_wrong
    return QuestionLease(
        key=key,
        act=value.entry.act,
        lease_ends_at=now,
        landed_at=now,
        verification=None if is_lost else value.verification.id,
        failure=error.code if error is not None and is_lost else None,
    )


def _answer_entries(
    value: Answered, error: GatewayError | None, now: datetime, *, is_kept: bool
) -> list[AuditEntry]:
    answered = value.entry.copy_with(
        at=now,
        kind=Kind.ANSWERED,
        outcome=value.verification.verdict.value,
        verification=value.verification.id if is_kept else None,
        promise=value.verification.promise if is_kept and value.is_new and not value.is_wrong else None,
    )
    rows = [] if value.key is None and error is not None else [answered]
    if value.ended and is_kept:
        rows.append(answered.copy_with(kind=Kind.ENDED, outcome="invalidated"))
    if error is not None and value.key is not None:
        rows.append(refused_entry(value.entry, error, now))
    return rows


def refused_entry(entry: AuditEntry, error: GatewayError, at: datetime) -> AuditEntry:
    """Return the row of a refusal, which belongs to the enquiry and not to the question."""
    return entry.copy_with(
        at=at, kind=Kind.REFUSED, outcome=error.code, operation=None, request_code=None, origin=None
    )


async def _apply_failures(transaction: DriverTransaction, records: Sequence[HotRecord[Failed]]) -> None:
    """Release the reservations of questions without an answer, and end their leases."""
    await budget_store.release(transaction, [record.value.lease.act for record in records])
    await budget_store.end_leases(transaction, [record.value.lease for record in records])
    for record in records:
        record.entries = record.value.entries


ENQUIRIES = HotChange(apply=_apply_enquiries, find_locks=_find_enquiry_locks)
ANSWERS = HotChange(apply=_apply_answers, find_locks=_find_citizen_locks)
FAILURES = HotChange(apply=_apply_failures, find_locks=_find_citizen_locks)
