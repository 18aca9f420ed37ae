"""What a change may be about: each subject says its diff as things stand, checks itself, and happens.

A subject's three acts are its own file's; `SUBJECTS` is where they meet.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.changes import (
    account_subjects,
    operator_subject,
    policy_subject,
    promotion_subject,
    resume_subject,
    revision_subject,
)
from gateway.changes.model import Change, ChangeKind, DiffLine
from gateway.changes.trial import Trial
from gateway.database import Transaction
from gateway.operators.model import Operator
from gateway.profiles.model import Gateway
from gateway.profiles.preflight import Preflight

Diff = Callable[[Transaction, Gateway, Change], Awaitable[tuple[DiffLine, ...]]]
"""What would become what, if the change happened now."""

Check = Callable[[Gateway, Change, Trial], Awaitable[Preflight]]
"""Whether it would work, asked now."""

Happen = Callable[[Transaction, Gateway, Change, Operator], Awaitable[Mapping[str, str]]]
"""Do it, inside the caller's commit; what is returned (an id, a code) is shown to the operator this once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One kind's acts. `watched`: what it did is held under watch, and may be undone."""

    diff: Diff
    check: Check
    happen: Happen
    watched: bool = False


SUBJECTS: Mapping[ChangeKind, Subject] = {
    ChangeKind.ACTIVATE_REVISION: Subject(
        diff=revision_subject.diff,
        check=revision_subject.check,
        happen=revision_subject.happen,
        watched=True,
    ),
    ChangeKind.SET_POLICY: Subject(
        diff=policy_subject.diff, check=policy_subject.check, happen=policy_subject.happen
    ),
    ChangeKind.RESUME_PROFILE: Subject(
        diff=resume_subject.diff, check=resume_subject.check, happen=resume_subject.happen
    ),
    ChangeKind.OPERATOR: Subject(
        diff=operator_subject.diff, check=operator_subject.check, happen=operator_subject.happen
    ),
    ChangeKind.PROMOTE_ACCOUNT: Subject(
        diff=promotion_subject.diff, check=promotion_subject.check, happen=promotion_subject.happen
    ),
    ChangeKind.ROTATE_ACCOUNT: Subject(
        diff=account_subjects.diff_rotation,
        check=account_subjects.check_account,
        happen=account_subjects.rotate,
    ),
    ChangeKind.ACCOUNT_OFFICERS: Subject(
        diff=account_subjects.diff_officers,
        check=account_subjects.check_account,
        happen=account_subjects.add_officers,
    ),
    ChangeKind.RESUME_ACCOUNT: Subject(
        diff=account_subjects.diff_resumption,
        check=account_subjects.check_account,
        happen=account_subjects.resume,
    ),
}
