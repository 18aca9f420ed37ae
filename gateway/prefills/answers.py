"""What portals get of a prefill: the contract's members, as the document shows them."""

from typing import Final, Literal

from pydantic import SerializeAsAny

from gateway.clock import rfc3339
from gateway.edge.answers import Answer
from gateway.edge.forms import DiscrepancyId, Instant, PrefillId, VerificationId
from gateway.prefills.model import Discrepancy, DiscrepancyState, Filled, Prefill, Reason, ToDeclare
from gateway.profiles.model import Place

SOURCE: Final = "csdlqgdc"


class AddressValue(Answer):
    """An address: absent parts are null, `code_list` too where `detail` disagrees with the codes."""

    province_code: str | None
    district_code: str | None
    ward_code: str | None
    code_list: str | None
    detail: str | None
    country: str | None


class CodeValue(Answer):
    """A code of a list, with its label."""

    code: str
    label: str | None
    code_list: str


class RelativeValue(Answer):
    """A relative: the year is null where the registry gives none."""

    full_name: str
    birth_year: int | None


class MemberValue(Answer):
    """A member of the household, and how related to its head."""

    full_name: str
    birth_year: int | None
    relation: CodeValue | None


Value = str | int | AddressValue | CodeValue | RelativeValue | MemberValue | list[MemberValue]


class FilledField(Answer):
    """A value of the registry, locked."""

    state: Literal["filled"]
    value: SerializeAsAny[Value]  # already in shape: not read a second time on its way out
    locked: Literal[True]
    source: Literal["csdlqgdc"]
    as_of: Instant | None
    retrieved_at: Instant


class UnfilledField(Answer):
    """A field asked for that the citizen must declare."""

    state: Literal["to_declare"]
    reason: Reason


class FieldToDeclare(Answer):
    """A field of the form that the citizen must still fill, and why."""

    field: str
    reason: Reason


class PrefillAnswer(Answer):
    """`fields` holds exactly what was asked; `to_declare` is authoritative for the form."""

    id: PrefillId
    profile: Literal["sandbox", "official"]
    test_data: bool
    verification: VerificationId
    fields: dict[str, FilledField | UnfilledField]
    to_declare: list[FieldToDeclare]


class DiscrepancyAnswer(Answer):
    """A discrepancy as filed; the note is not repeated."""

    id: DiscrepancyId
    prefill: PrefillId
    field: str
    state: DiscrepancyState
    filed_at: Instant


def shape_discrepancy(found: Discrepancy) -> DiscrepancyAnswer:
    """Return the contract's members."""
    return DiscrepancyAnswer.model_construct(
        id=found.id,
        prefill=found.prefill,
        field=found.field,
        state=found.state,
        filed_at=rfc3339(found.filed_at),
    )


def shape_prefill(place: Place, prefill: Prefill) -> PrefillAnswer:
    """Return the contract's members."""
    return PrefillAnswer.model_construct(
        id=prefill.id,
        profile=prefill.profile.value,
        test_data=place.test_data,
        verification=prefill.verification,
        fields={name: _shape_field(field) for name, field in prefill.fields.items()},
        to_declare=[
            FieldToDeclare.model_construct(field=name, reason=reason) for name, reason in prefill.to_declare
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
