"""A change: one thing that an operator wants otherwise, its exact diff, and how far it has come.

    proposed ─ preflighted ─ approved ─ active ─ confirmed ─ retired
        └────────┴────────────┴─ rejected, expired   └──┴─ rolled_back

On sandbox a preflighted change may be activated without approval. Only a change of the connection is watched after
its activation; every other one is confirmed at once. See docs/decisions/0057.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.places import Profile
from gateway.profiles.preflight import Preflight

LIFETIME = timedelta(hours=24)
"""How long a proposal may wait for its activation."""

FRESH = timedelta(hours=1)
"""How old the preflight may be that an approval or activation rests on."""


class ChangeKind(StrEnum):
    """What a change is about."""

    ACTIVATE_REVISION = "activate_revision"
    PROMOTE_ACCOUNT = "promote_account"
    SET_POLICY = "set_policy"
    RESUME_PROFILE = "resume_profile"
    OPERATOR = "operator"
    ROTATE_ACCOUNT = "rotate_account"
    ACCOUNT_OFFICERS = "account_officers"
    RESUME_ACCOUNT = "resume_account"


class ChangeState(StrEnum):
    """How far a change has come."""

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
"""States in which a change hasn't happened yet and still may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One member that becomes another; None for absent. A secret stands here as `(sealed)`, new or kept."""

    member: str
    before: Any
    after: Any

    def shown(self) -> dict[str, Any]:
        """Return the line as people and programs see it."""
        return {"member": self.member, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A proposal and what became of it. `document` is what is wanted, without any secret.

    `reason` says why it ended as it did. `returning_until` is the lease of the worker that is about to return from it.
    `profile` is None where the change is of no profile (an operator's role). `proposer_admitted_by` is who admitted the
    proposer as whom they proposed it; an admission after that says nothing of it.
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

    @property
    def diff_hash(self) -> str:
        """Return what an approval is given to: this change of this profile, with exactly this diff."""
        return hash_diff(self.id, self.profile, self.diff)

    @property
    def guarded(self) -> bool:
        """Say whether it needs a second person: everything on official, and whoever may act there."""
        return self.profile is not Profile.SANDBOX

    @property
    def watched(self) -> bool:
        """Say whether it may still be returned from by itself; one that ended in an alarm stays active, unwatched."""
        return self.state is ChangeState.ACTIVE and self.watch_until is not None

    @property
    def place(self) -> Profile:
        """Return the profile that it is of. Raises `ValueError` where it is of none."""
        if self.profile is None:
            raise ValueError(self.id)
        return self.profile

    @property
    def revision(self) -> int | None:
        """Return the number of the revision that it activates."""
        found = self.document.get("revision")
        return found if isinstance(found, int) else None


def hash_diff(change: str, profile: Profile | None, diff: Sequence[DiffLine]) -> str:
    """Return the SHA-256 over a change's id, profile and diff, as hexadecimal."""
    content = [change, profile.value if profile else None, [asdict(line) for line in diff]]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[DiffLine, ...]:
    """Return a line for each member that differs, by name."""
    return tuple(
        DiffLine(member=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
