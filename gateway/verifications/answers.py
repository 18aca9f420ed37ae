"""What portals get about verifications, receipts and the ledger: the contract's members, as the document shows them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from gateway.clock import rfc3339
from gateway.edge.answers import Answer
from gateway.edge.forms import Instant, Jws, VerificationId
from gateway.prefills.answers import PrefillAnswer, shape_prefill
from gateway.prefills.model import Prefill
from gateway.procedures.fields import Operation
from gateway.profiles.model import Place
from gateway.verifications.evaluate import Evaluation
from gateway.verifications.model import Origin, Verdict, Verification, VerificationState
from gateway.verifications.receipts import issue_receipt
from gateway.verifications.use_cases import ReceiptCheck


class VerificationAnswer(Answer):
    """A verification. `receipt` is a JWS while it can be used, else null."""

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
    """What the token lacks: for a field by its name, or for all of `fields`, the procedure or the role."""

    field: str
    code: Literal["scope_missing", "procedure_not_granted", "subject_role_not_granted", "field_not_granted"]


class EvaluationAnswer(Answer):
    """Whether a prefill would pass scopes and grants, and the registry's operations that it would then take."""

    allowed: bool
    refusals: list[Refusal]
    operations: list[Operation]


class ReceiptCheckAnswer(Answer):
    """Whether a receipt of this account still stands."""

    valid: bool
    reason: VerificationState | None
    verification: VerificationId
    procedure: str
    dossier: str
    subject_role: str
    verified_at: Instant
    expires_at: Instant | None


class LedgerInitiator(Answer):
    """Who started an enquiry; an officer as a pseudonym."""

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
    """The organisation's own enquiries, oldest first: the latest 500. Only where there are more it says so."""

    entries: list[LedgerEntry]
    earlier_left_out: bool = False


def shape_verification(
    place: Place, found: Verification, origin: Origin, now: datetime, prefill: Prefill | None = None
) -> VerificationAnswer:
    """Return the contract's members; the receipt only while the verification can be used."""
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
    """Return the contract's members."""
    return EvaluationAnswer.model_construct(
        allowed=not evaluation.refusals,
        refusals=[
            Refusal.model_construct(field=found.field, code=found.code)  # type: ignore[arg-type]  # the guards' own codes
            for found in evaluation.refusals
        ],
        operations=list(evaluation.operations),
    )


def shape_check(check: ReceiptCheck) -> ReceiptCheckAnswer:
    """Return whether the receipt stands, and if not, the state that ended it."""
    found, valid = check.verification, check.state is VerificationState.LIVE
    return ReceiptCheckAnswer.model_construct(
        valid=valid,
        reason=None if valid else check.state,
        verification=found.id,
        procedure=found.procedure,
        dossier=found.dossier,
        subject_role=found.subject_role,
        verified_at=rfc3339(found.verified_at),
        expires_at=rfc3339(found.expires_at) if found.expires_at else None,
    )


def shape_ledger(rows: Sequence[Mapping[str, Any]], *, has_earlier: bool) -> LedgerAnswer:
    """Return an organisation's ledger on one citizen."""
    entries = [shape_entry(row) for row in rows]
    if has_earlier:
        return LedgerAnswer(entries=entries, earlier_left_out=True)
    return LedgerAnswer(entries=entries)


def shape_entry(row: Mapping[str, Any]) -> LedgerEntry:
    """Return one audit row as its organisation may see it."""
    initiated_by = LedgerInitiator.model_construct(kind=row.get("initiated_by"))
    if "officer" in row:
        initiated_by = LedgerInitiator.model_construct(kind=row.get("initiated_by"), officer=row["officer"])
    return LedgerEntry.model_construct(
        at=row["at"].replace("+00:00", "Z"),
        kind=row["kind"],
        procedure=row.get("procedure"),
        dossier=row.get("dossier"),
        subject_role=row.get("subject_role"),
        fields=row.get("fields", []),
        origin=row.get("origin"),
        outcome=row.get("outcome"),
        legal_basis=row.get("legal_basis", []),
        initiated_by=initiated_by,
    )
