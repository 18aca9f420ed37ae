"""The answers to operators about changes and profiles; a secret is shown only as `(sealed)`."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from gateway.changes.model import Change, ChangeKind, ChangeState
from gateway.clock import rfc3339
from gateway.edge.responses import Answer, Instant
from gateway.preflight.report import Preflight
from gateway.profiles.revisions import Revision, masked


class CheckAnswer(Answer):
    """One line of a preflight."""

    name: str
    passed: bool
    detail: str
    remedy: str
    ms: int
    title_vi: str


class PreflightAnswer(Answer):
    """A preflight, and the state of the change after it."""

    passed: bool
    checks: list[CheckAnswer]
    state: ChangeState
    diff_hash: str


class ChangeAnswer(Answer):
    """A change. An approval names `diff_hash`. `shown_once`, such as a one-time code, is in one answer only."""

    id: str
    kind: ChangeKind
    profile: str | None
    state: ChangeState
    revision: int | None
    application: str | None
    diff: list[dict[str, Any]]
    diff_hash: str
    proposed_by: str
    proposed_at: Instant
    expires_at: Instant
    preflight_passed: bool | None
    preflighted_at: Instant | None
    approved_by: str | None
    approved_at: Instant | None
    activated_by: str | None
    activated_at: Instant | None
    watch_until: Instant | None
    ended_by: str | None
    ended_at: Instant | None
    reason: str | None
    shown_once: dict[str, str] | None = None


class OneChangeAnswer(ChangeAnswer):
    """A change with the lines of its last preflight, for an approver; null before the first preflight."""

    checks: list[CheckAnswer] | None


class ChangesAnswer(Answer):
    """Changes, the newest first."""

    changes: list[ChangeAnswer]


class RevisionAnswer(Answer):
    """A revision; `members` shows `(sealed)` for each secret."""

    profile: str
    number: int
    state: str
    members: dict[str, Any]
    days_left: int | None
    proposed_by: str
    proposed_at: Instant


class RevisionsAnswer(Answer):
    """A profile's revisions, the oldest first."""

    revisions: list[RevisionAnswer]


class EnquiryAlarmAnswer(Answer):
    """An account that had used four fifths of a budget when the alarm was raised."""

    client_id: str
    budget: Literal["confirmed_hour", "confirmed_day"]
    used: int
    limit: int
    raised_at: Instant


class ProfileAnswer(Answer):
    """The state of a profile. `warning` tells operators what to do soon."""

    profile: str
    state: str
    active: int | None
    former: int | None
    registry_url: str | None
    dialect: str | None
    days_left: int | None
    warning: str | None
    enquiry_alarms: list[EnquiryAlarmAnswer]
    suspended_at: Instant | None
    suspended_by: str | None
    reason: str | None
    policy: dict[str, Any]
    epoch: int


class ProfilesAnswer(Answer):
    """Both profiles."""

    profiles: list[ProfileAnswer]


def shape_change(change: Change) -> ChangeAnswer:
    """Return a change as the body of the contract."""
    members = {
        "profile": change.profile.value if change.profile else None,
        "application": change.document.get("application"),
        "diff": [{"member": each.member, "from": each.before, "to": each.after} for each in change.diff],
        "preflight_passed": change.preflight.passed if change.preflight else None,
    }
    for name in ChangeAnswer.model_fields.keys() - members.keys():
        value = getattr(change, name)
        members[name] = rfc3339(value) if isinstance(value, datetime) else value
    if not change.shown_once:
        del members["shown_once"]
    return ChangeAnswer.model_validate(members)


def shape_one(change: Change) -> OneChangeAnswer:
    """Return a change with the lines of its last preflight."""
    checks = [CheckAnswer.of(each) for each in change.preflight.checks] if change.preflight else None
    return OneChangeAnswer(**shape_change(change).model_dump(exclude_unset=True), checks=checks)


def shape_preflight(change: Change, found: Preflight) -> PreflightAnswer:
    """Return every line of a preflight."""
    checks = [CheckAnswer.of(each) for each in found.checks]
    return PreflightAnswer.of(change, passed=found.passed, checks=checks)


def shape_revision(revision: Revision, state: str, *, on: date) -> RevisionAnswer:
    """Return a revision without its secrets."""
    days_left = revision.days_left(on)
    return RevisionAnswer.of(revision, state=state, members=masked(revision.members), days_left=days_left)


def summarise_preflight(change: Mapping[str, Any], now: datetime) -> list[str]:
    """Return what an approver must know of the last preflight: a summary with its age, then failures and warnings, then the rest.

    A warning is a line that passed and has a remedy, such as a code that is only guessed.
    """
    checks = change.get("checks")
    if not checks or change["preflighted_at"] is None:
        return []
    seconds = round((now - datetime.fromisoformat(change["preflighted_at"])).total_seconds())
    age = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
    failed = [each for each in checks if not each["passed"]]
    warned = [each for each in checks if each["passed"] and each["remedy"]]
    passed = [each["name"] for each in checks if each["passed"] and not each["remedy"]]
    summary = f"preflight: {'failed' if failed else 'passed'} {age} ago; {len(checks)} lines"
    return [
        f"{summary}, failed: {len(failed)}, warnings: {len(warned)}",
        *(f"FAIL  {each['name']}: {each['detail']}; {each['remedy']}" for each in failed),
        *(f"warning: {each['name']}: {each['detail']}; {each['remedy']}" for each in warned),
        f"passed: {', '.join(passed)}",
    ]
