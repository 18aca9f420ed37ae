"""A verification: that the registry agreed, or not, with a claim, for one procedure, dossier and role."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.identifiers import VerificationId
from gateway.places import Profile
from gateway.registry.model import Claim


class Verdict(StrEnum):
    """The registry's word; `not_confirmed` never says what differed."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"


class VerificationState(StrEnum):
    """`invalidated` and `revoked` end a root and all derived from it; they expire together."""

    LIVE = "live"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    REVOKED = "revoked"


class Origin(StrEnum):
    """Whether the registry was asked, or a live verification served again."""

    REGISTRY = "registry"
    REUSE = "reuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitiatedBy:
    """Who at the portal started this: the citizen, or an officer by id. `authentication` is as asserted."""

    kind: str
    officer: str | None = field(default=None, repr=False)
    authentication: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enquiry:
    """What a portal asks: this claim, for this procedure, dossier and role.

    `fields` are those of the form that it wants filled in the same trip; they are guarded before the question.
    """

    procedure: str
    dossier: str
    subject_role: str
    claim: Claim
    initiated_by: InitiatedBy
    fresh: bool = False
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What is kept. The claim is sealed under a data key of its own, which goes when the verification ends.

    `subject` is the pseudonym of the citizen's number for the organisation; `claim_key` the keyed fold of the claim;
    `holder`, of a confirmed claim, what stands for the person among those who may have that number.
    `origin` says how it came to be; reuse of the same one doesn't change it.
    """

    id: VerificationId
    profile: Profile
    client_id: str
    organisation: str
    procedure: str
    procedure_code: str | None
    dossier: str
    subject_role: str
    verdict: Verdict
    origin: Origin
    derived_from: VerificationId | None
    verified_at: datetime
    expires_at: datetime | None
    state: VerificationState
    subject: str
    subject_key: str
    claim_key: str
    claim_key_id: str
    holder: str | None = None
    sealed_claim: bytes | None = field(default=None, repr=False)
    wrapped_key: bytes | None = field(default=None, repr=False)

    @property
    def root(self) -> VerificationId:
        """Return the verification that the registry was asked for."""
        return self.derived_from or self.id

    def state_at(self, now: datetime) -> VerificationState:
        """Return the state, with expiry seen at once."""
        expired = self.expires_at is not None and self.expires_at <= now
        return VerificationState.EXPIRED if expired and self.state is VerificationState.LIVE else self.state

    def is_for(self, procedure: str, dossier: str, subject_role: str) -> bool:
        """Say whether it stands for exactly this act."""
        return (self.procedure, self.dossier, self.subject_role) == (procedure, dossier, subject_role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verification and how this call came by it."""

    verification: Verification
    origin: Origin
