"""The answers about verifications, prefills, receipts and the ledger: exactly the contract's members."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field, SerializeAsAny

from gateway.clock import in_z, rfc3339
from gateway.edge.responses import Answer, Instant, Jws, PrefillId, VerificationId
from gateway.enquiries.checks import Evaluation
from gateway.enquiries.model import (
    Filled,
    Origin,
    Prefill,
    Reason,
    ToDeclare,
    Verdict,
    Verification,
    VerificationState,
)
from gateway.enquiries.receipts import issue_receipt
from gateway.procedures.model import FieldType, Operation
from gateway.profiles.model import Place

SOURCE: Final = "csdlqgdc"


class AddressValue(Answer):
    """An address. Absent parts are null; `code_list` is null if `detail` contradicts the codes."""

    province_code: str | None
    district_code: str | None
    ward_code: str | None
    code_list: str | None
    detail: str | None
    country: str | None


class CodeValue(Answer):
    """A code of a list, with its label; null if the code is not in the list."""

    code: str
    label: str | None
    code_list: str


class RelativeValue(Answer):
    """A relative; the year is null if the registry gives none."""

    full_name: str
    birth_year: int | None


class MemberValue(Answer):
    """A member of the household, and the relation to its head."""

    full_name: str
    birth_year: int | None
    relation: CodeValue | None


Value = str | int | AddressValue | CodeValue | RelativeValue | MemberValue | list[MemberValue]


class FilledField(Answer):
    """A value from the registry; the citizen can't change it in the form."""

    state: Literal["filled"]
    value: SerializeAsAny[Value]  # `field_values.py` makes plain objects; they are not validated again
    locked: Literal[True]
    source: Literal["csdlqgdc"]
    as_of: Instant | None
    retrieved_at: Instant


class UnfilledField(Answer):
    """A requested field that the citizen must declare."""

    state: Literal["to_declare"]
    reason: Reason


class FieldToDeclare(Answer):
    """A field of the form that the citizen must still fill, and why."""

    field: str
    reason: Reason
    type: FieldType = Field(description="How the form takes the value.")
    required: bool
    code_list: str | None = Field(description="The list of a coded value; null for free text and addresses.")


class PrefillAnswer(Answer):
    """`fields` has exactly the requested fields; `to_declare` lists every field that the citizen must declare."""

    id: PrefillId
    profile: Literal["sandbox", "official"]
    test_data: bool
    verification: VerificationId
    fields: dict[str, FilledField | UnfilledField]
    to_declare: list[FieldToDeclare]


def shape_prefill(place: Place, prefill: Prefill) -> PrefillAnswer:
    """Return the body."""
    return PrefillAnswer.model_construct(
        id=prefill.id,
        profile=prefill.profile.value,
        test_data=place.test_data,
        verification=prefill.verification,
        fields={name: _shape_field(field) for name, field in prefill.fields.items()},
        to_declare=[
            FieldToDeclare.model_construct(
                field=field.name,
                reason=reason,
                type=field.type,
                required=field.required,
                code_list=field.code_list,
            )
            for field, reason in prefill.to_declare
        ],
    )


def _shape_field(field: Filled | ToDeclare) -> FilledField | UnfilledField:
    if isinstance(field, ToDeclare):
        return UnfilledField.model_construct(state="to_declare", reason=field.reason)
    return FilledField.model_construct(
        state="filled",
        value=field.value,
        locked=True,
        source=SOURCE,
        as_of=rfc3339(field.as_of) if field.as_of else None,
        retrieved_at=rfc3339(field.retrieved_at),
    )


class VerificationAnswer(Answer):
    """A verification. `receipt` is a JWS while the verification is confirmed and live, else null."""

    id: VerificationId
    state: Literal["live", "expired", "invalidated", "revoked"]
    verdict: Literal["confirmed", "not_confirmed"]
    origin: Literal["registry", "reuse"]
    derived_from: VerificationId | None
    profile: Literal["sandbox", "official"]
    test_data: bool
    procedure: str
    procedure_code: str | None
    dossier: str
    subject_role: str
    verified_at: Instant
    expires_at: Instant | None
    receipt: Jws | None
    prefill: PrefillAnswer | None


class Refusal(Answer):
    """What is not allowed: one field by its name, all `fields`, the procedure, the role or the officer."""

    field: str
    code: Literal[
        "scope_missing",
        "procedure_not_granted",
        "subject_role_not_granted",
        "field_not_granted",
        "officer_not_granted",
    ]


class EvaluationAnswer(Answer):
    """Whether scopes and grants allow a prefill, and the registry operations that it would take."""

    allowed: bool
    refusals: list[Refusal]
    operations: list[Operation]


class ReceiptCheckAnswer(Answer):
    """Whether a receipt of this account is still valid."""

    valid: bool
    reason: VerificationState | None
    verification: VerificationId
    procedure: str
    dossier: str
    subject_role: str
    verified_at: Instant
    expires_at: Instant | None


class LedgerInitiator(Answer):
    """Who started an enquiry; `officer` is a pseudonym."""

    kind: str | None
    officer: str | None = None


class LedgerEntry(Answer):
    """One enquiry of the organisation on the citizen."""

    at: Instant
    kind: str
    procedure: str | None
    dossier: str | None
    subject_role: str | None
    fields: list[str]
    origin: str | None
    outcome: str | None
    legal_basis: list[str]
    initiated_by: LedgerInitiator


class LedgerAnswer(Answer):
    """The organisation's latest 500 enquiries, oldest first; `earlier_left_out` is there only if there are more."""

    entries: list[LedgerEntry]
    earlier_left_out: bool = False


def shape_verification(
    place: Place, found: Verification, origin: Origin, now: datetime, prefill: Prefill | None = None
) -> VerificationAnswer:
    """Return the body; the receipt only while the verification is confirmed and live."""
    state = found.state_at(now)
    usable = found.verdict is Verdict.CONFIRMED and state is VerificationState.LIVE
    return VerificationAnswer.model_construct(
        id=found.id,
        state=state.value,
        verdict=found.verdict.value,
        origin=origin.value,
        derived_from=found.derived_from,
        profile=found.profile.value,
        test_data=place.test_data,
        procedure=found.procedure,
        procedure_code=found.procedure_code,
        dossier=found.dossier,
        subject_role=found.subject_role,
        verified_at=rfc3339(found.verified_at),
        expires_at=rfc3339(found.expires_at) if found.expires_at else None,
        receipt=issue_receipt(place, found, now=now) if usable else None,
        prefill=shape_prefill(place, prefill) if prefill else None,
    )


def shape_evaluation(evaluation: Evaluation) -> EvaluationAnswer:
    """Return the body."""
    return EvaluationAnswer.model_construct(
        allowed=not evaluation.refusals,
        refusals=[
            Refusal.model_construct(field=found.field, code=found.code)  # type: ignore[arg-type]  # the codes of `authorise.py`
            for found in evaluation.refusals
        ],
        operations=list(evaluation.operations),
    )


def shape_check(found: Verification, now: datetime) -> ReceiptCheckAnswer:
    """Return whether the receipt of this verification is valid, or the state that ended it."""
    state = found.state_at(now)
    valid = state is VerificationState.LIVE
    return ReceiptCheckAnswer.model_construct(
        valid=valid,
        reason=None if valid else state,
        verification=found.id,
        procedure=found.procedure,
        dossier=found.dossier,
        subject_role=found.subject_role,
        verified_at=rfc3339(found.verified_at),
        expires_at=rfc3339(found.expires_at) if found.expires_at else None,
    )


def shape_ledger(rows: Sequence[Mapping[str, Any]], *, has_earlier: bool) -> LedgerAnswer:
    """Return an organisation's ledger on one citizen; members that a row doesn't have are left out or null."""
    marked = {"earlier_left_out": True} if has_earlier else {}
    return LedgerAnswer(
        entries=[LedgerEntry.model_construct(**ledger_members(row)) for row in rows], **marked
    )


def ledger_members(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a ledger's entry."""
    officer = {"officer": row["officer"]} if "officer" in row else {}
    return {
        "at": in_z(row["at"]),
        "kind": row["kind"],
        **{name: row.get(name) for name in ("procedure", "dossier", "subject_role", "origin", "outcome")},
        **{name: row.get(name, []) for name in ("fields", "legal_basis")},
        "initiated_by": LedgerInitiator.model_construct(kind=row.get("initiated_by"), **officer),
    }
