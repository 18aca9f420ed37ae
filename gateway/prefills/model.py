"""A prefill: the registry's values for a form's fields, and what is left to declare. No value is ever stored.

What is kept of one is its trace: whose it was and which fields were asked, so that a discrepancy can be filed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.errors import GatewayError
from gateway.identifiers import VerificationId
from gateway.places import Profile
from gateway.registry.model import NobodyFound, Record
from gateway.verifications.model import InitiatedBy


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillRequest:
    """What a portal asks: these fields, for the act that a receipt or verification id stands for."""

    receipt: str | None = member(default=None, repr=False)
    verification: str | None = None
    procedure: str
    dossier: str
    subject_role: str
    fields: tuple[str, ...]
    initiated_by: InitiatedBy


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Brought:
    """What one operation brought of a person: the record, and the form's fields of it in the contract's shape."""

    record: Record
    values: Mapping[str, Any]
    as_of: datetime | None


Answer = Brought | NobodyFound | GatewayError
"""How one operation of a prefill ended."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Filled:
    """A value of the registry in the contract's shape, with its time. `as_of` is the registry's own."""

    value: Any
    as_of: datetime | None
    retrieved_at: datetime


@dataclass(frozen=True, slots=True)
class ToDeclare:
    """A field that the citizen must still fill."""

    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """The answer: each field asked, and everything of the role's form still to declare, in form order."""

    id: str
    profile: Profile
    verification: VerificationId
    fields: Mapping[str, Filled | ToDeclare] = member(repr=False)
    to_declare: Sequence[tuple[str, Reason]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is kept of a prefill: names of the registry's fields that were asked, no value."""

    id: str
    profile: Profile
    client_id: str
    verification: VerificationId
    fields: tuple[str, ...]
    made_at: datetime


class DiscrepancyState(StrEnum):
    """While open, the field is the citizen's to declare."""

    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What a portal files: the registry's value of this field is not the citizen's."""

    prefill: str
    field: str
    note: str = member(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """A request to correct one field of a citizen. The note is sealed: it may say anything of the person."""

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
