"""The requests of a portal about a citizen, and their results: verifications, prefills and discrepancies.

A verification is the registry's verdict on a claim, for one procedure, dossier and role. A prefill
has the registry's values for the fields of a form; only a trace with the names of the fields is stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.audit.model import Promise
from gateway.errors import GatewayError
from gateway.identifiers import Profile, VerificationId
from gateway.procedures.model import FormField
from gateway.registry.model import Claim, NobodyFound, Record


class Verdict(StrEnum):
    """The registry's answer; `not_confirmed` never says what differed."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"


class VerificationState(StrEnum):
    """`invalidated` and `revoked` end a root and all derived from it. They expire at the same time."""

    LIVE = "live"
    EXPIRED = "expired"
    INVALIDATED = "invalidated"
    REVOKED = "revoked"


class Origin(StrEnum):
    """Whether the registry was asked, or a live verification was reused."""

    REGISTRY = "registry"
    REUSE = "reuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitiatedBy:
    """Who started this at the portal: the citizen, or an officer by id. `authentication` is the portal's assertion."""

    kind: str
    officer: str | None = member(default=None, repr=False)
    authentication: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalRequest:
    """What a portal asks for: the procedure, the dossier, the citizen's role in it and the fields of the form."""

    procedure: str
    dossier: str
    subject_role: str
    initiated_by: InitiatedBy
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enquiry(PortalRequest):
    """A claim to verify. `fields` are to be filled in the same call; `fresh` asks the registry even if reuse is possible."""

    claim: Claim
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillRequest(PortalRequest):
    """A form to fill, by a receipt or by a verification's id: exactly one is set."""

    receipt: str | None = member(default=None, repr=False)
    verification: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A stored verification. The claim is sealed under its own data key, which is deleted when the verification ends.

    `subject` is the pseudonym of the citizen's number for the organisation; `claim_key` the keyed MAC of the folded claim;
    `holder`, of a confirmed claim, identifies the person among those who may have that number. `own_login`: True if the claim
    came with the person's own login, else None.
    `origin` says how it was created; reuse of the same verification does not change it. `promise` has the leaf hash of the
    audit entry that records it, which its receipts name; None of one that was not confirmed.
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
    own_login: bool | None = None
    sealed_claim: bytes | None = member(default=None, repr=False)
    wrapped_key: bytes | None = member(default=None, repr=False)
    promise: Promise = member(default_factory=Promise, repr=False, compare=False)

    @property
    def root(self) -> VerificationId:
        """Return the id of the verification from which this one derives, its own if the registry was asked for it."""
        return self.derived_from or self.id

    def state_at(self, now: datetime) -> VerificationState:
        """Return the state; past its end a verification is expired, even if the store doesn't say so yet."""
        expired = self.expires_at is not None and self.expires_at <= now
        return VerificationState.EXPIRED if expired and self.state is VerificationState.LIVE else self.state

    def is_for(self, procedure: str, dossier: str, subject_role: str) -> bool:
        """Return whether it is for exactly this procedure, dossier and role."""
        return (self.procedure, self.dossier, self.subject_role) == (procedure, dossier, subject_role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verification, and whether this call asked the registry for it or reused it."""

    verification: Verification
    origin: Origin


class Reason(StrEnum):
    """Why a field is left to declare."""

    REGISTRY_HAS_NONE = "registry_has_none"
    REGISTRY_UNAVAILABLE = "registry_unavailable"
    REGISTRY_REFUSED = "registry_refused"
    REGISTRY_ANSWER_INVALID = "registry_answer_invalid"
    NOT_GRANTED = "not_granted"
    NOT_FROM_REGISTRY = "not_from_registry"
    NOT_ASKED = "not_asked"
    UNDER_CORRECTION = "under_correction"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Brought:
    """The result of one operation: the record, and the form's fields from it in the contract's form."""

    record: Record
    values: Mapping[str, Any]
    as_of: datetime | None


Answer = Brought | NobodyFound | GatewayError
"""The result of one operation of a prefill."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Filled:
    """A value of the registry in the contract's form. `as_of` is the registry's time of the value."""

    value: Any
    as_of: datetime | None
    retrieved_at: datetime


@dataclass(frozen=True, slots=True)
class ToDeclare:
    """A field that the citizen must still fill."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """The answer to a prefill: each requested field, and all fields of the role's form to declare, in form order."""

    id: str
    profile: Profile
    verification: VerificationId
    fields: Mapping[str, Filled | ToDeclare] = member(repr=False)
    to_declare: Sequence[tuple[FormField, Reason]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The stored trace of a prefill: the names of the registry's fields that were asked, without values."""

    id: str
    profile: Profile
    client_id: str
    verification: VerificationId
    fields: tuple[str, ...]
    made_at: datetime


class DiscrepancyState(StrEnum):
    """While a discrepancy is open, the citizen declares the field.

    An operator ends it: the registry's value was corrected, or is right.
    """

    OPEN = "open"
    CORRECTED = "corrected"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A request to correct one field of a citizen.

    The note is sealed, since it may contain personal data; it is deleted when the discrepancy is resolved. `reason_vi`
    and `reason` are an operator's, for the citizen; `resolved_by` is the operator.
    """

    id: str
    prefill: str
    profile: Profile
    client_id: str
    subject: str
    subject_key: str
    field: str
    state: DiscrepancyState
    filed_at: datetime
    sealed_note: bytes = member(repr=False)
    wrapped_key: bytes = member(repr=False)
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    reason_vi: str | None = None
    reason: str | None = None


MAX_PAGE = 100
"""Discrepancies on one page at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which discrepancies are wanted: in a state, at most `limit`, older than the one with the id `after`."""

    state: DiscrepancyState | None = None
    limit: int = 50
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscrepancyPage:
    """One page of discrepancies, the newest first; `next` is the `after` of the next page, None at the end."""

    found: tuple[Discrepancy, ...]
    next: str | None
