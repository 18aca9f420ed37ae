"""Compare our questions with the provider's log, call by call: by request code (`MaYeuCau`), content and time.

A question of ours is a pair of rows, `intended` and `answered`. A call of the log is joined to the question with its
code, if its time is between the two, give or take the clocks' difference. Four kinds of difference are named:

- asked but not logged: our answer shows that the provider got the call, and its log has none;
- logged but not asked: a call that no question of ours explains, also one at another time, or a second one for a question;
- different content: another body, operation or environment than ours;
- answered differently: the provider logged another answer than the one that we got.

A question that failed may never have been sent, or its answer may have been lost: it is joined if the log has it, and
nothing is missing without it. Content is compared by keyed HMACs: a copy of the audit alone doesn't allow to test guesses.
Source: NĐ 47/2020 Đ45.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.audit.model import CONTENT, AuditEntry, Kind, find_entry
from gateway.cleanup import PATIENCE
from gateway.clock import TOLERANCE, Period, rfc3339
from gateway.identifiers import Profile, has_long_number
from gateway.inspection.journal import LoggedCall
from gateway.inspection.store import stream_questions
from gateway.keys.model import PlaceKeys
from gateway.storage.database import Database

ENVIRONMENTS = {Profile.SANDBOX: "test", Profile.OFFICIAL: "official"}
"""The name of a profile's environment in the provider's log."""

_TITLES = {
    "asked_not_logged": ("Đã hỏi nhưng không có trong nhật ký của C06", "asked but not logged"),
    "logged_not_asked": ("Có trong nhật ký của C06 nhưng không do ta hỏi", "logged but not asked"),
    "different_content": ("Nội dung gói tin khác nhau", "different content"),
    "answered_differently": ("Kết quả trả lời khác nhau", "answered but differently"),
}
KINDS = tuple(_TITLES)

_NOT_ACCEPTED = frozenset({"unauthorised", "throttled"})
"""Outcomes of calls that the provider did not accept: our side may send the question once more."""

_ANSWERS: Mapping[str, frozenset[str]] = {
    "confirmed": frozenset({"found"}),
    "found": frozenset({"found"}),
    "not_confirmed": frozenset({"not_found"}),
    "nobody_found": frozenset({"not_found"}),
    "answered": frozenset({"found", "not_found"}),  # a preflight's
    "registry_refused": frozenset({"refused", "fault"}),
}
"""The outcomes in the log that agree with our outcome; any other outcome of ours agrees with all."""

_PROVES_SENDING = frozenset({*_ANSWERS, "registry_answer_invalid"})

Difference = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The differences by kind (`KINDS`), and how many questions and calls were compared.

    `content_not_compared`: questions whose rows have no content, such as those of older versions.
    """

    differences: Mapping[str, Sequence[Difference]]
    questions: int
    calls: int
    joined: int
    content_not_compared: int

    @property
    def agrees(self) -> bool:
        """Return whether there is no difference."""
        return not any(self.differences.values())

    def counts(self) -> dict[str, int]:
        """Return the number of differences of each kind, and of what was compared."""
        found = {kind: len(self.differences[kind]) for kind in KINDS}
        compared = {"questions": self.questions, "calls": self.calls, "joined": self.joined}
        return found | compared | {"content_not_compared": self.content_not_compared}


@dataclass(slots=True)
class _Asked:
    """A question of ours and the calls that are joined to it; `outcome` is None without an answer's row."""

    intended: AuditEntry
    outcome: str | None = None
    ends: datetime | None = None
    calls: list[LoggedCall] = field(default_factory=list)


async def reconcile(
    database: Database,
    calls: Iterable[LoggedCall],
    *,
    keys: Mapping[Profile, PlaceKeys],
    period: Period,
    profiles: Sequence[Profile] = tuple(Profile),
    tolerance: timedelta = TOLERANCE,
) -> Reconciliation:
    """Compare the questions of a period and of some profiles with calls of the provider's log.

    A call outside of the period is only used where a question in it has its code, and the other way round, so that
    nothing differs for being asked before and logged after midnight.
    """
    by_code: dict[str | None, list[LoggedCall]] = defaultdict(list)
    environments = {ENVIRONMENTS[each] for each in Profile if each not in profiles}
    for call in calls:
        if call.environment not in environments:
            by_code[call.request_code].append(call)
    asked = await _read_questions(database, set(by_code), period, profiles)
    differences: dict[str, list[Difference]] = {kind: [] for kind in KINDS}
    unexplained: list[tuple[LoggedCall, str]] = []
    for code, found in by_code.items():
        unexplained += _join(asked.get(code or ""), found, tolerance)
    for each in asked.values():
        _compare(each, period, keys, differences)
    differences["logged_not_asked"] = [
        _shown(call) | {"reason": reason}
        for call, reason in sorted(unexplained, key=lambda pair: pair[0].n)
        if call.at in period
    ]
    in_period = [each for each in asked.values() if each.intended.at in period]
    return Reconciliation(
        differences=differences,
        questions=len(in_period),
        calls=sum(call.at in period for each in by_code.values() for call in each),
        joined=sum(bool(each.calls) for each in in_period),
        content_not_compared=sum(bool(each.calls) and each.intended.content is None for each in in_period),
    )


async def _read_questions(
    database: Database, codes: set[str | None], period: Period, profiles: Sequence[Profile]
) -> dict[str, _Asked]:
    """Return the questions of the period, and those that the log names."""
    asked: dict[str, _Asked] = {}
    async with database.walk() as connection:
        async for body in stream_questions(connection, months=period.months(around=timedelta(days=1))):
            entry = find_entry(body)
            if entry is None or entry.profile not in profiles:  # `audit verify` names what is no entry
                continue
            code = entry.request_code or ""
            if entry.kind is Kind.INTENDED and (entry.at in period or code in codes):
                asked[code] = _Asked(entry)
            elif entry.kind is Kind.ANSWERED and code in asked:
                asked[code].outcome, asked[code].ends = entry.outcome, entry.at
    return asked


def _join(
    asked: _Asked | None, calls: Sequence[LoggedCall], tolerance: timedelta
) -> list[tuple[LoggedCall, str]]:
    """Join calls to the question with their code; return the others, each with the reason."""
    if asked is None:
        return [(each, "unknown_code" if each.request_code else "no_code") for each in calls]
    begins = asked.intended.at - tolerance
    ends = (asked.ends or asked.intended.at + PATIENCE) + tolerance
    others, accepted = list[tuple[LoggedCall, str]](), 0
    for call in sorted(calls, key=lambda each: each.n):
        accepts = call.outcome not in _NOT_ACCEPTED
        if not begins <= call.at <= ends:
            others.append((call, "another_time"))
        elif accepts and accepted:
            others.append((call, "repeated"))
        else:
            accepted += accepts
            asked.calls.append(call)
    return others


def _compare(
    asked: _Asked,
    period: Period,
    keys: Mapping[Profile, PlaceKeys],
    differences: Mapping[str, list[Difference]],
) -> None:
    """Add the differences of a question and its calls."""
    intended = asked.intended
    if intended.at not in period:
        return
    if not asked.calls:
        if asked.outcome in _PROVES_SENDING:
            differences["asked_not_logged"].append(_ours(asked))
        return
    for call in asked.calls:
        differs = _differing(intended, call, keys)
        if differs:
            differences["different_content"].append(_ours(asked) | {"n": call.n, "differs": differs})
    last = asked.calls[-1]
    agreeing = _ANSWERS.get(asked.outcome or "")
    if agreeing is not None and last.outcome not in agreeing:
        differences["answered_differently"].append(_ours(asked) | {"n": last.n, "logged": last.outcome})


def _differing(intended: AuditEntry, call: LoggedCall, keys: Mapping[Profile, PlaceKeys]) -> list[str]:
    """Return what of a call differs from our question; what the log or the row doesn't have is not compared."""
    profile, found = intended.profile, list[str]()
    assert profile is not None  # only questions of the wanted profiles are read
    if intended.content is not None:
        ours = keys[profile].pseudonyms(CONTENT, intended.organisation or "", call.body_sha256)
        found += ["body"] if intended.content not in ours else []
    found += ["operation"] if call.operation not in {None, intended.operation} else []
    found += ["environment"] if call.environment not in {None, ENVIRONMENTS[profile]} else []
    return found


def _ours(asked: _Asked) -> dict[str, object]:
    intended = asked.intended
    return {
        "request_code": intended.request_code,
        "at": rfc3339(intended.at),
        "profile": intended.profile.value if intended.profile else None,
        "operation": intended.operation,
        "client_id": intended.client_id,
        "organisation": intended.organisation,
        "procedure": intended.procedure,
        "request_id": intended.request_id,
        "outcome": asked.outcome,
    }


def _shown(call: LoggedCall) -> dict[str, object]:
    code = call.request_code
    return {
        "n": call.n,
        "at": rfc3339(call.at),
        "environment": call.environment,
        "operation": call.operation,
        "account": call.account,
        # Of another client: its codes may contain the number of a person.
        "request_code": "(could contain a person's number)" if code and has_long_number(code) else code,
        "outcome": call.outcome,
    }


def reconciliation_json(found: Reconciliation) -> dict[str, object]:
    """Return the members of the contract."""
    return {kind: list(found.differences[kind]) for kind in KINDS} | {"counts": found.counts()}


def reconciliation_text(found: Reconciliation) -> str:
    """Return the counts, then one line for each difference."""
    counts = found.counts()
    lines = [
        f"questions: {counts['questions']}, calls in the log: {counts['calls']}, joined: {counts['joined']}"
    ]
    if not found.questions and not found.calls:
        lines.append("nothing was compared: the period has no question and no call")
    for kind in KINDS:
        lines.append(f"{_TITLES[kind][1]}: {counts[kind]}")
        lines += [_line(each) for each in found.differences[kind]]
    if found.content_not_compared:
        lines.append(f"without a content to compare: {found.content_not_compared}")
    numbers = "/".join(str(counts[kind]) for kind in KINDS)
    lines.append(f"{'ok' if found.agrees else 'differences'}: {numbers}")
    return "\n".join(lines)


def _line(difference: Difference) -> str:
    shown = [f"{name}={_plain(value)}" for name, value in difference.items() if value is not None]
    return "  " + " ".join(shown)


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def reconciliation_page(found: Reconciliation) -> str:
    """Return a page of its own, without script, in Vietnamese and English."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only this page needs it

    templates = Environment(
        loader=PackageLoader("gateway.inspection", "templates"), autoescape=True, undefined=StrictUndefined
    )
    sections = [
        (_TITLES[kind], *_table(found.differences[kind])) for kind in KINDS if found.differences[kind]
    ]
    page = templates.get_template("reconciliation.html")
    return page.render(counts=found.counts(), titles=_TITLES, sections=sections)


def _table(differences: Sequence[Difference]) -> tuple[list[str], list[list[str]]]:
    """Return the names of the members that any of the differences has, and a row of texts for each."""
    names = [name for name in differences[0] if any(each.get(name) is not None for each in differences)]
    rows = [["" if each.get(name) is None else _plain(each[name]) for name in names] for each in differences]
    return names, rows
