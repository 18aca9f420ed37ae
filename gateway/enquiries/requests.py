"""The request bodies of enquiries. Checks the form of each member, not whether it refers to something."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from gateway.accounts.model import OFFICER, parse_officer
from gateway.edge.requests import REPEATED, Body, exactly_one, validate_whole
from gateway.enquiries.claim import (
    CITIZEN_ID,
    EARLIEST_YEAR,
    ID_CARD,
    MAX_NAME,
    SHOWN_NAME,
    parse_birth_date,
    parse_birth_year,
    parse_citizen_id,
    parse_full_name,
    parse_id_card_number,
)
from gateway.enquiries.model import InitiatedBy
from gateway.identifiers import NO_LONG_NUMBER, refuse_long_number
from gateway.registry.model import Claim

_DOSSIER = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_ASSERTED = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _today(info: ValidationInfo) -> date:
    """Return the day in Vietnam; `StrictBody` gives it to every model."""
    day: date = (info.context or {})["today"]
    return day


def parse_dossier(text: str) -> str:
    """Return a dossier's id. Raises `ValueError` for other characters or a run of nine digits."""
    if not _DOSSIER.fullmatch(text):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ / -")
    refuse_long_number(text)
    return text


def _parse_asserted(text: str) -> str:
    if not _ASSERTED.fullmatch(text):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ : / -")
    refuse_long_number(text)
    return text


def _parse_instant(text: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError("an instant written YYYY-MM-DDThh:mm:ssZ")
    return text


def _shown(form: re.Pattern[str], condition: str = "") -> object:
    """Return the metadata that shows a pattern in the OpenAPI document."""
    return Field(json_schema_extra={"pattern": f"^{condition}{form.pattern}$"})


Word = Annotated[str, Field(min_length=1, max_length=64)]
Asserted = Annotated[str, AfterValidator(_parse_asserted), _shown(_ASSERTED, NO_LONG_NUMBER)]
Dossier = Annotated[str, AfterValidator(parse_dossier), _shown(_DOSSIER, NO_LONG_NUMBER)]


def _distinct(names: list[str]) -> list[str]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise PydanticCustomError(REPEATED, "each field once", {"position": position})
    return names


Fields = Annotated[
    list[Word],
    Field(min_length=1, max_length=64, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]


_CLAIM_PAIRS = (("citizen_id", "id_card_number"), ("birth_date", "birth_year"))
_REFERENCES = ("receipt", "verification")


def _find_pair_errors(members: Any, *pairs: tuple[str, str]) -> Iterator[PydanticCustomError]:
    """Yield an error for each pair of which not exactly one member is given; null is not given."""
    if not isinstance(members, dict):
        return
    for one, other in pairs:
        if (members.get(one) is None) == (members.get(other) is None):
            yield PydanticCustomError(
                "one_of_two", "exactly one of {one} and {other}", {"one": one, "other": other}
            )


def _find_officer_error(members: Any) -> Iterator[PydanticCustomError]:
    """Yield an error for an officer without an id, and for a citizen with one."""
    if not isinstance(members, dict):
        return
    if members.get("kind") in ("officer", "citizen") and (
        (members["kind"] == "officer") != (members.get("id") is not None)
    ):
        yield PydanticCustomError("officer_id", "an id for an officer, none for a citizen")


class AuthenticationBody(Body):
    """How the portal authenticated the person: recorded as the portal asserts it, and used for no decision."""

    method: Asserted | None = None
    acr: Asserted | None = None
    auth_time: Annotated[str, AfterValidator(_parse_instant), _shown(_INSTANT)] | None = None


class InitiatedByBody(Body):
    """Who started the enquiry at the portal."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {
                    "title": "InitiatedByCitizen",
                    "properties": {"kind": {"const": "citizen"}, "id": {"type": "null"}},
                },
                {
                    "title": "InitiatedByOfficer",
                    "required": ["id"],
                    "properties": {"kind": {"const": "officer"}, "id": {"type": "string"}},
                },
            ]
        }
    )

    kind: Literal["citizen", "officer"]
    id: Annotated[str, AfterValidator(parse_officer), _shown(OFFICER)] | None = None
    authentication: AuthenticationBody | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _officer_has_id(cls, members: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        return validate_whole(read, members, _find_officer_error(members))

    def to_model(self) -> InitiatedBy:
        """Return the value for use cases."""
        asserted = self.authentication.model_dump_json(exclude_none=True) if self.authentication else None
        return InitiatedBy(kind=self.kind, officer=self.id, authentication=asserted)


class ClaimBody(Body):
    """What a citizen claims: one number, a name, and a birth date or year."""

    model_config = exactly_one(*_CLAIM_PAIRS)

    citizen_id: Annotated[str, AfterValidator(parse_citizen_id), _shown(CITIZEN_ID)] | None = Field(
        default=None, examples=["001090000123"]
    )
    id_card_number: Annotated[str, AfterValidator(parse_id_card_number), _shown(ID_CARD)] | None = None
    full_name: Annotated[
        str,
        AfterValidator(parse_full_name),
        Field(json_schema_extra={"minLength": 1, "maxLength": MAX_NAME, "pattern": SHOWN_NAME}),
    ] = Field(
        description="Latin letters with or without marks, and digits; at least one letter, at most 100 characters in NFC. No control or bidirectional characters.",
        examples=["Nguyễn Văn An"],
    )
    birth_date: Annotated[str, Field(json_schema_extra={"format": "date"})] | None = Field(
        default=None,
        description="A day from 1875 on, not in the future (Asia/Ho_Chi_Minh).",
        examples=["1990-01-31"],
    )
    birth_year: Annotated[int, Field(json_schema_extra={"minimum": EARLIEST_YEAR})] | None = None

    @field_validator("birth_date")
    @classmethod
    def _possible_date(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else parse_birth_date(value, today=_today(info)).isoformat()

    @field_validator("birth_year")
    @classmethod
    def _possible_year(cls, value: int | None, info: ValidationInfo) -> int | None:
        return None if value is None else parse_birth_year(value, today=_today(info))

    @model_validator(mode="wrap")
    @classmethod
    def _one_of_each(cls, members: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        return validate_whole(read, members, _find_pair_errors(members, *_CLAIM_PAIRS))

    def to_model(self) -> Claim:
        """Return the value for use cases."""
        return Claim(
            citizen_id=self.citizen_id,
            id_card_number=self.id_card_number,
            full_name=self.full_name,
            birth_date=date.fromisoformat(self.birth_date) if self.birth_date else None,
            birth_year=self.birth_year,
        )


class FieldsBody(Body):
    """Fields of the form to fill in the same call."""

    fields: Fields


class VerificationBody(Body):
    """`POST /verifications`."""

    procedure: Word = Field(examples=["khai-sinh"])
    dossier: Dossier = Field(examples=["HN-2022-000123"])
    subject_role: Word = Field(examples=["father"])
    claim: ClaimBody
    initiated_by: InitiatedByBody
    fresh: bool = False
    prefill: FieldsBody | None = None


class PrefillBody(Body):
    """`POST /prefills`: a receipt or a verification's id, and the fields wanted."""

    model_config = exactly_one(_REFERENCES)

    receipt: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    verification: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    procedure: Word = Field(examples=["khai-sinh"])
    dossier: Dossier
    subject_role: Word = Field(examples=["requester"])
    fields: Fields
    initiated_by: InitiatedByBody

    @model_validator(mode="wrap")
    @classmethod
    def _one_reference(cls, members: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        return validate_whole(read, members, _find_pair_errors(members, _REFERENCES))


class EvaluationBody(Body):
    """`POST /evaluations`: a procedure, a role and fields, without a claim; an officer, to see whether they may ask."""

    procedure: Word = Field(examples=["khai-sinh"])
    subject_role: Word = Field(examples=["father"])
    fields: Fields
    initiated_by: InitiatedByBody | None = None


class ReceiptBody(Body):
    """A receipt, to check it or to get the ledger of its citizen."""

    receipt: Annotated[str, Field(min_length=1, max_length=8192)]
