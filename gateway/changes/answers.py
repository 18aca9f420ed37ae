"""What operators are answered about changes and profiles; a secret is at most said to be sealed."""

from collections.abc import Sequence
from typing import Any, Literal

from gateway.changes.model import Change, ChangeKind, ChangeState
from gateway.changes.reading import ProfileView
from gateway.changes.use_cases import Activated
from gateway.clock import rfc3339
from gateway.edge.answers import Answer
from gateway.edge.forms import Instant
from gateway.profiles.preflight import Preflight
from gateway.profiles.revision_rows import masked
from gateway.profiles.revisions import Revision


class CheckAnswer(Answer):
    """One line of a preflight."""

    name: str
    passed: bool
    detail: str
    remedy: str
    ms: int
    title_vi: str


class PreflightAnswer(Answer):
    """A preflight, and how far its change has come with it."""

    passed: bool
    checks: list[CheckAnswer]
    state: ChangeState
    diff_hash: str


class ChangeAnswer(Answer):
    """A change. `diff_hash` is what an approval is given to. `shown_once` holds what is not told again."""

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
    """A change with the lines of its last preflight, null before one was run: what an approver looks at."""

    checks: list[CheckAnswer] | None


class ChangesAnswer(Answer):
    """Changes, the newest first."""

    changes: list[ChangeAnswer]


class RevisionAnswer(Answer):
    """A revision; `members` shows `(sealed)` where a secret is kept."""

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
    """Where a profile stands. `warning` is for people: what soon needs somebody."""

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


def shape_change(change: Change, activated: Activated | None = None) -> ChangeAnswer:
    """Return the contract's members and what people need beside them."""
    return ChangeAnswer(
        id=change.id,
        kind=change.kind,
        profile=change.profile.value if change.profile else None,
        state=change.state,
        revision=change.revision,
        application=change.document.get("application"),
        diff=[line.shown() for line in change.diff],
        diff_hash=change.diff_hash,
        proposed_by=change.proposed_by,
        proposed_at=rfc3339(change.proposed_at),
        expires_at=rfc3339(change.expires_at),
        preflight_passed=change.preflight.passed if change.preflight else None,
        preflighted_at=rfc3339(change.preflighted_at) if change.preflighted_at else None,
        approved_by=change.approved_by,
        approved_at=rfc3339(change.approved_at) if change.approved_at else None,
        activated_by=change.activated_by,
        activated_at=rfc3339(change.activated_at) if change.activated_at else None,
        watch_until=rfc3339(change.watch_until) if change.watch_until else None,
        ended_by=change.ended_by,
        ended_at=rfc3339(change.ended_at) if change.ended_at else None,
        reason=change.reason,
        **({"shown_once": dict(activated.shown_once)} if activated and activated.shown_once else {}),
    )


def shape_one(change: Change) -> OneChangeAnswer:
    """Return a change with the lines of its last preflight."""
    checks = _shape_checks(change.preflight) if change.preflight else None
    return OneChangeAnswer(**shape_change(change).model_dump(exclude_unset=True), checks=checks)


def shape_changes(changes: Sequence[Change]) -> ChangesAnswer:
    """Return them all."""
    return ChangesAnswer(changes=[shape_change(change) for change in changes])


def shape_preflight(change: Change, found: Preflight) -> PreflightAnswer:
    """Return every line."""
    return PreflightAnswer(
        passed=found.passed,
        checks=_shape_checks(found),
        state=change.state,
        diff_hash=change.diff_hash,
    )


def _shape_checks(found: Preflight) -> list[CheckAnswer]:
    return [
        CheckAnswer(
            name=check.name,
            passed=check.passed,
            detail=check.detail,
            remedy=check.remedy,
            ms=check.ms,
            title_vi=check.title_vi,
        )
        for check in found.checks
    ]


def shape_revision(revision: Revision, state: str, days_left: int | None) -> RevisionAnswer:
    """Return what any operator may see of a revision."""
    return RevisionAnswer(
        profile=revision.profile.value,
        number=revision.number,
        state=state,
        members=masked(revision.members),
        days_left=days_left,
        proposed_by=revision.proposed_by,
        proposed_at=rfc3339(revision.proposed_at),
    )


def shape_profile(view: ProfileView) -> ProfileAnswer:
    """Return where a profile stands."""
    suspension = view.suspension
    return ProfileAnswer(
        profile=view.profile.value,
        state=view.state.value,
        active=view.active,
        former=view.former,
        registry_url=view.registry_url,
        dialect=view.dialect,
        days_left=view.days_left,
        warning=view.warning,
        enquiry_alarms=[
            EnquiryAlarmAnswer.model_validate(
                {
                    "client_id": alarm.client_id,
                    "budget": alarm.budget,
                    "used": alarm.used,
                    "limit": alarm.most,
                    "raised_at": rfc3339(alarm.raised_at),
                }
            )
            for alarm in view.enquiry_alarms
        ],
        suspended_at=rfc3339(suspension.at) if suspension else None,
        suspended_by=suspension.by if suspension else None,
        reason=suspension.reason if suspension else None,
        policy=dict(view.policy),
        epoch=view.epoch,
    )
