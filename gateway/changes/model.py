"""A change that an operator proposes, with its exact diff, and its states.

    proposed ─ preflighted ─ approved ─ active ─ confirmed ─ retired
        └────────┴────────────┴─ rejected, expired   └──┴─ rolled_back

On sandbox a preflighted change may be activated without approval. Only a change of a connection is watched after its
activation; other changes are confirmed at once. See docs/decisions/0057.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.audit.model import AuditEntry, Kind, act_entry
from gateway.audit.state import write_canonical
from gateway.identifiers import Profile
from gateway.preflight.report import Preflight

LIFETIME = timedelta(hours=24)
"""How long after its proposal a change may be activated."""

FRESH = timedelta(hours=1)
"""How old the preflight of an approval or activation may be."""


class ChangeKind(StrEnum):
    """The kind of a change: what it changes."""

    ACTIVATE_REVISION = "activate_revision"
    PROMOTE_ACCOUNT = "promote_account"
    SET_POLICY = "set_policy"
    RESUME_PROFILE = "resume_profile"
    OPERATOR = "operator"
    ROTATE_ACCOUNT = "rotate_account"
    ACCOUNT_OFFICERS = "account_officers"
    ACCOUNT_RIGHTS = "account_rights"
    RESUME_ACCOUNT = "resume_account"


class ChangeState(StrEnum):
    """The progress of a change, or how it ended."""

    PROPOSED = "proposed"
    PREFLIGHTED = "preflighted"
    APPROVED = "approved"
    ACTIVE = "active"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RETIRED = "retired"


OPEN = frozenset({ChangeState.PROPOSED, ChangeState.PREFLIGHTED, ChangeState.APPROVED})
"""States of a change that may still be activated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """A member before and after the change, None if absent. A new or unchanged secret is shown as `(sealed)`."""

    member: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposal and its outcome. `document` is the proposed content, without any secret; `reason` is why it ended.

    `profile` is None for an operator's role. `proposer_admitted_by` is who had admitted the proposer at the time of the
    proposal. `returning_until` is the end of the lease of the worker that rolls it back. `shown_once`, such as a one-time
    code, is set only in an activation's result, and is never stored.
    """

    id: str
    kind: ChangeKind
    profile: Profile | None
    state: ChangeState
    document: Mapping[str, Any]
    diff: tuple[DiffLine, ...]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    proposer_admitted_by: str | None = None
    preflight: Preflight | None = None
    preflighted_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    activated_by: str | None = None
    activated_at: datetime | None = None
    watch_until: datetime | None = None
    returning_until: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    shown_once: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def diff_hash(self) -> str:
        """Return the hash that an approval names: over the change's id, its profile and its diff."""
        return hash_diff(self.id, self.profile, self.diff)

    @property
    def needs_two_people(self) -> bool:
        """Return whether it needs a second person: all changes except sandbox's."""
        return self.profile is not Profile.SANDBOX

    @property
    def watched(self) -> bool:
        """Return whether the gateway may still roll it back; one that ended in an alarm stays active, unwatched."""
        return self.state is ChangeState.ACTIVE and self.watch_until is not None

    @property
    def required_profile(self) -> Profile:
        """Return the profile of the change. Raises `ValueError` if it has none."""
        if self.profile is None:
            raise ValueError(self.id)
        return self.profile

    @property
    def revision(self) -> int | None:
        """Return the number of the revision that it activates, None for another kind."""
        found = self.document.get("revision")
        return found if isinstance(found, int) else None


def hash_diff(change: str, profile: Profile | None, diff: Sequence[DiffLine]) -> str:
    """Return the SHA-256 over a change's id, profile and diff, as hexadecimal."""
    content = [change, profile.value if profile else None, [asdict(line) for line in diff]]
    return hashlib.sha256(write_canonical(content).encode()).hexdigest()


def change_entry(change: Change, outcome: str, *, at: datetime, actor: str) -> AuditEntry:
    """Return the audit row of a step of a change; `act` is the change's id, which joins its rows."""
    outcome = f"{outcome}:{change.kind.value}:{change.diff_hash[:16]}"
    return act_entry(outcome, at=at, actor=actor, profile=change.profile, kind=Kind.OPERATOR, act=change.id)


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[DiffLine, ...]:
    """Return a line for each member that differs, by name."""
    return tuple(
        DiffLine(member=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
