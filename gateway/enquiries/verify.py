"""One enquiry: authorise, reuse a live verification or ask the registry, answer; then fill the form if fields are wanted.

Reuse returns the same live verification, or a new one derived from its root with the root's times; never across accounts
(docs/decisions/0004). Identical enquiries at the same time are asked once, in any workers: within a worker the others wait
for the first one's task, across workers for its lease (docs/decisions/0031). The `intended` row, the lease and a
reservation in the budgets are one durable commit before the question is sent; the `answered` row, the end of the lease and
the verification are one commit before the answer is sent. A failure is shared too, so that waiting callers don't ask a
failing registry again. The prefill writes its own rows.
"""

import asyncio
import hashlib
from dataclasses import replace
from functools import partial

from gateway.accounts.model import Caller
from gateway.audit.model import AuditEntry, Kind
from gateway.background import retrieve_failure, start_task
from gateway.enquiries import budget_store, budgets, store
from gateway.enquiries.authorise import AuthorisedEnquiry, authorise_enquiry, new_verification
from gateway.enquiries.budget_store import QuestionLease
from gateway.enquiries.checks import ENDED_RIGHTS, Recheck, raise_alarm, refusals_recorded
from gateway.enquiries.commits import ENQUIRIES, Asking
from gateway.enquiries.model import Enquiry, Origin, Outcome, Prefill, PrefillRequest, Verdict, Verification
from gateway.enquiries.prefill import prefill_form
from gateway.enquiries.question_log import (
    new_question,
    record_answer,
    record_failure,
    record_share,
    released_on_outage,
)
from gateway.errors import GatewayError
from gateway.errors.requests import (
    Overloaded,
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryError,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.procedures.model import Operation
from gateway.profiles.model import Dependencies, Place
from gateway.registry.http_sender import unforeseen
from gateway.registry.model import Question
from gateway.storage.database import Transaction


async def verify_and_prefill(
    deps: Dependencies, place: Place, singleflight: "Singleflight", caller: Caller, enquiry: Enquiry
) -> tuple[Outcome, Prefill | None]:
    """Return a verification of the claim, and if it is confirmed the values of the enquiry's fields.

    Raises:
        FieldsError, GrantError, ProfileError: before anything was asked.
        RegistryError: the registry gave no usable answer.
        What `prefill_form` raises after the verification.
    """
    authorised = await authorise_enquiry(deps, place, caller, enquiry)
    outcome = await reuse_or_ask(deps, singleflight, authorised)
    verification = outcome.verification
    if not enquiry.fields or verification.verdict is not Verdict.CONFIRMED:
        return outcome, None
    form = PrefillRequest(
        verification=verification.id,
        procedure=verification.procedure,
        dossier=verification.dossier,
        subject_role=verification.subject_role,
        fields=enquiry.fields,
        initiated_by=enquiry.initiated_by,
    )
    return outcome, await prefill_form(deps, place, caller, form)


POLL_S = 0.025
"""Seconds between two checks whether another worker's question has ended."""

_OWN_FAILURES = frozenset(each.code for each in ENDED_RIGHTS)
"""Failures of one caller's own rights, which other callers of the same question don't share."""


class Singleflight:
    """The questions that this worker is asking, by the key of identical questions."""

    def __init__(self) -> None:
        self.tasks: dict[str, asyncio.Task[Outcome]] = {}
        self.fresh: set[str] = set()
        self._watched: dict[str, asyncio.Future[QuestionLease | None]] = {}
        self._watching: asyncio.Task[None] | None = None

    def begin(self, key: str, *, fresh: bool) -> None:
        """Note that the current task asks a question; of a `fresh` one a live verification may exist."""
        task = asyncio.current_task()
        assert task is not None  # it is called by the task
        self.tasks[key] = task
        (self.fresh.add if fresh else self.fresh.discard)(key)

    def find(self, key: str, *, fresh: bool) -> asyncio.Task[Outcome] | None:
        """Return the task of the identical question; None if this enquiry should first look for a live verification."""
        return None if key in self.fresh and not fresh else self.tasks.get(key)

    def end(self, key: str, task: asyncio.Task[Outcome]) -> None:
        """Remove a finished task: a caller that waited may run before the task's callback."""
        if self.tasks.get(key) is task:
            del self.tasks[key]
            self.fresh.discard(key)
        retrieve_failure(task)

    async def look_again(self, deps: Dependencies, key: str) -> QuestionLease | None:
        """Return the lease of another worker's question as it is after `POLL_S`; one statement reads it for all who wait.

        Raises:
            Overloaded: the store can't be read.
        """
        seen = self._watched.setdefault(key, asyncio.get_running_loop().create_future())
        if self._watching is None or self._watching.done():
            self._watching = start_task(self._watch(deps), kept_in=deps.tasks)
        return await asyncio.shield(seen)

    async def _watch(self, deps: Dependencies) -> None:
        while self._watched:
            await asyncio.sleep(POLL_S)
            watched, self._watched = self._watched, {}
            try:
                leases = await budget_store.find_leases(deps.database, watched.keys())
            except BaseException as error:  # also if it is cancelled, each who waits gets a result
                for seen in watched.values():
                    seen.set_exception(error if isinstance(error, Exception) else Overloaded())
                    seen.exception()  # retrieved, so that asyncio doesn't warn if all who waited are gone
                if not isinstance(error, Exception):
                    raise
            else:
                for key, seen in watched.items():
                    seen.set_result(leases.get(key))


async def reuse_or_ask(deps: Dependencies, singleflight: Singleflight, enquiry: AuthorisedEnquiry) -> Outcome:
    """Return a live verification of the claim; else ask, or wait for the identical question and share its verdict.

    Raises:
        EnquiryBudgetSpent, Overloaded: before anything was asked.
        TokenInvalid, AccountSuspended, ProfileSuspended: a right of the call ended; nothing is delivered.
        RegistryError: the registry gave no usable answer.
    """
    key = _singleflight_key(enquiry)
    while task := singleflight.find(key, fresh=enquiry.fresh):
        shared = await _share_task(deps, enquiry, task)
        if shared is not None:
            return shared
        singleflight.end(key, task)
    # It continues if the caller is cancelled, since a question must be recorded.
    task = asyncio.create_task(_reuse_or_ask(deps, singleflight, enquiry, key))
    task.add_done_callback(partial(singleflight.end, key))
    return await asyncio.shield(task)


def _singleflight_key(enquiry: AuthorisedEnquiry) -> str:
    """Return the key of identical questions. The keys of its pseudonyms don't change before the answer arrives."""
    place, account = enquiry.place, enquiry.caller.account
    claim = place.keys.pseudonyms("claim in flight", account.organisation, enquiry.folded)[0]
    scope = enquiry.request.dossier if place.policy.reuse == "dossier" else ""
    # A stranger's refusal is not shared with a person who has signed in, since their budgets differ.
    whose = "own" if enquiry.has_own_login else ""
    return hashlib.sha256(f"{place.profile}|{account.client_id}|{claim}|{scope}|{whose}".encode()).hexdigest()


async def _share_task(
    deps: Dependencies, enquiry: AuthorisedEnquiry, task: asyncio.Task[Outcome]
) -> Outcome | None:
    """Wait for the identical question of this worker and share its result; a failure is recorded for this enquiry too.

    None if there is nothing to share: a right of that caller ended, or the verification has ended meanwhile.
    """
    try:
        outcome = await asyncio.shield(task)
    except ENDED_RIGHTS:
        return None
    except GatewayError as error:
        await _record_shared_failure(deps, enquiry, error)
        raise
    return await _share(deps, enquiry, outcome.verification)


async def _record_shared_failure(deps: Dependencies, enquiry: AuthorisedEnquiry, error: GatewayError) -> None:
    kind = Kind.ANSWERED if isinstance(error, RegistryError) else Kind.REFUSED
    entry = enquiry.entry.copy_with(at=deps.clock.now(), kind=kind, outcome=error.code)
    await deps.audit.record(entry, mandatory=True)


async def _share(deps: Dependencies, enquiry: AuthorisedEnquiry, asked: Verification) -> Outcome | None:
    """Share a `confirmed` by reuse, if it is still live; a `not_confirmed` itself, for another purpose as a new one."""
    if asked.verdict is Verdict.CONFIRMED:
        not_before = asked.verified_at if enquiry.fresh else None
        found = await _commit(deps, enquiry, Asking(deps=deps, enquiry=enquiry, not_before=not_before))
        return await _reused(deps, found) if isinstance(found, Verification) else None
    request = enquiry.request
    is_same = asked.is_for(enquiry.procedure.slug, request.dossier, request.subject_role)
    verification = asked if is_same else new_verification(deps, enquiry, asked.verdict)
    entry = enquiry.entry.copy_with(origin="registry")
    await record_share(deps, enquiry, entry, verification, is_new=not is_same)
    return Outcome(verification=verification, origin=Origin.REGISTRY)


async def _reuse_or_ask(
    deps: Dependencies, singleflight: Singleflight, enquiry: AuthorisedEnquiry, key: str
) -> Outcome:
    """Commit the enquiry, then answer by reuse, by the question, or by an identical question's answer."""
    since = enquiry.entry.at
    while True:
        make = partial(new_question, enquiry, Operation.AUTHENTICATE, begun=deps.clock.monotonic())
        asking = Asking(deps=deps, enquiry=enquiry, key=key, since=since, make_question=make)
        found = await _commit(deps, enquiry, asking)
        if isinstance(found, tuple):
            question, entry = found
            singleflight.begin(key, fresh=enquiry.fresh)
            asked = _put_question(deps, enquiry, question, entry, key)
            verification = await released_on_outage(deps, key, entry.act, asked)
            return Outcome(verification=verification, origin=Origin.REGISTRY)
        if isinstance(found, Verification):
            return await _reused(deps, found)
        task = singleflight.tasks.get(key)
        if task is not None:
            shared = await _share_task(deps, enquiry, task)
            singleflight.end(key, task) if task.done() else None
        else:
            ended = await _await_end(deps, singleflight, found)
            if ended is None or ended.landed_at is None:
                continue  # its worker died: its lease has ended, and another enquiry may ask
            shared, since = await _share_ended(deps, enquiry, ended), ended.landed_at
        if shared is not None:
            return shared


async def _reused(deps: Dependencies, found: Verification) -> Outcome:
    """Return a live verification with its promise.

    If one group commits an answer and an enquiry that reuses it, the enquiry is applied before the answer's promise is written.
    """
    if found.promise.leaf is None:
        own = await store.find_verification(
            deps.database, found.id, profile=found.profile, client_id=found.client_id
        )
        found.promise.leaf = own.promise.leaf if own is not None else None
    return Outcome(verification=found, origin=Origin.REUSE)


async def _commit(
    deps: Dependencies, enquiry: AuthorisedEnquiry, asking: Asking
) -> Verification | QuestionLease | tuple[Question, AuditEntry]:
    """Commit an enquiry with its group; a question alone while look-up keys rotate, since its rows are rekeyed first.

    Raises:
        TokenInvalid, AccountSuspended, OfficerNotGranted, ProfileSuspended, EnquiryBudgetSpent, Overloaded
    """
    found: Verification | QuestionLease | tuple[Question, AuditEntry]
    async with refusals_recorded(deps, enquiry.entry):
        if not enquiry.claim_keys.others or asking.make_question is None:
            found = await deps.audit.submit(ENQUIRIES, asking)
            return found
        if not enquiry.fresh:
            live: Verification | None = await deps.audit.submit(
                ENQUIRIES, replace(asking, make_question=None)
            )
            if live is not None:
                return live

        async def rekey(transaction: Transaction) -> None:
            await budgets.rekey(transaction, enquiry.claim_keys)

        found = await deps.audit.submit_alone(ENQUIRIES, asking, before=rekey)
        return found


async def _await_end(
    deps: Dependencies, singleflight: Singleflight, other: QuestionLease
) -> QuestionLease | None:
    """Wait for another worker's question and return its ended lease; None if the lease has expired or was replaced."""
    seen: QuestionLease | None = other
    while seen is not None and seen.act == other.act:
        if seen.landed_at is not None:
            return seen
        if seen.lease_ends_at < deps.clock.now():
            return None
        seen = await singleflight.look_again(deps, other.key)
    return None


async def _share_ended(
    deps: Dependencies, enquiry: AuthorisedEnquiry, ended: QuestionLease
) -> Outcome | None:
    """Share the result of another worker's question; None if there is nothing to share.

    Raises:
        RegistryError: that question failed, so this enquiry fails too.
    """
    if ended.failure in _OWN_FAILURES:
        return None
    if ended.failure is not None:
        error = _rebuild(ended)
        await _record_shared_failure(deps, enquiry, error)
        raise error
    found = await store.find_verification(
        deps.database,
        ended.verification or "",
        profile=enquiry.place.profile,
        client_id=enquiry.caller.account.client_id,
    )
    return None if found is None else await _share(deps, enquiry, found)


def _rebuild(ended: QuestionLease) -> RegistryError:
    """Return the failure that another worker stored."""
    match ended.failure:
        case "registry_refused":
            return RegistryRefused(ended.registry_code or "")
        case "registry_answer_invalid":
            return RegistryAnswerInvalid("found by the worker that asked")
        case "registry_credentials_rejected":
            return RegistryCredentialsRejected()
        case "registry_timeout":
            return RegistryTimeout()
    return RegistryUnavailable()


async def _put_question(
    deps: Dependencies, enquiry: AuthorisedEnquiry, question: Question, entry: AuditEntry, key: str
) -> Verification:
    """Ask the question; its answer or failure is durable before it is returned or raised.

    Raises:
        RegistryError: also for an unforeseen error while an answer is read.
        TokenInvalid, AccountSuspended, ProfileSuspended: a right ended before the question was sent, or before its answer.
    """
    try:
        confirmed = await enquiry.client.confirm(
            replace(question, before_sending=Recheck(deps, enquiry.rights))
        )
        verdict = Verdict.CONFIRMED if confirmed else Verdict.NOT_CONFIRMED
        verification = new_verification(deps, enquiry, verdict)
    except GatewayError as error:
        raise_alarm(error, question.operation)
        await record_failure(deps, enquiry, entry, error, key)
        raise
    except Exception as exc:  # every intended question must get an answer's row
        surprise = unforeseen(exc, "verification")
        await record_failure(deps, enquiry, entry, surprise, key)
        raise surprise from exc
    await record_answer(deps, enquiry, entry, verification, key)
    return verification
