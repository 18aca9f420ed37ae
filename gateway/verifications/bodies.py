"""What portals send about verifications and receipts: each member's form, before anything is asked of it."""

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gateway.edge.bodies import REPEATED, Body
from gateway.edge.context import DIGIT_RUN
from gateway.registry.model import Claim
from gateway.verifications.claims import (
    parse_birth_date,
    parse_birth_year,
    parse_citizen_id,
    parse_full_name,
    parse_id_card_number,
)
from gateway.verifications.model import InitiatedBy

_DOSSIER = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_OFFICER = re.compile(r"[A-Za-z0-9._@-]{1,20}")
_ASSERTED = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def parse_dossier(text: str) -> str:
    """Return a dossier's id. Raises `ValueError` for other characters or a run of nine digits."""
    if not _DOSSIER.fullmatch(text):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ / -")
    if DIGIT_RUN.search(text):
        raise ValueError("no run of nine or more digits: it could be a person's number")
    return text


def _parse_officer(text: str) -> str:
    if not _OFFICER.fullmatch(text):
        raise ValueError("1 to 20 of A-Z a-z 0-9 . _ @ -")
    return text


def _parse_asserted(text: str) -> str:
    if not _ASSERTED.fullmatch(text):
        raise ValueError("1 to 64 of A-Z a-z 0-9 . _ : / -")
    if DIGIT_RUN.search(text):
        raise ValueError("no run of nine or more digits: it could be a person's number")
    return text


def _parse_instant(text: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError("an instant written YYYY-MM-DDThh:mm:ssZ")
    return text


Word = Annotated[str, Field(min_length=1, max_length=64)]
Dossier = Annotated[str, AfterValidator(parse_dossier)]


def _distinct(names: list[str]) -> list[str]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise PydanticCustomError(REPEATED, "each field once", {"position": position})
    return names


Fields = Annotated[list[Word], Field(min_length=1, max_length=64), AfterValidator(_distinct)]


class AuthenticationBody(Body):
    """How the portal says the person was authenticated; recorded as asserted, never believed."""

    method: Annotated[str, AfterValidator(_parse_asserted)] | None = None
    acr: Annotated[str, AfterValidator(_parse_asserted)] | None = None
    auth_time: Annotated[str, AfterValidator(_parse_instant)] | None = None


class InitiatedByBody(Body):
    """Who at the portal started this."""

    kind: Literal["citizen", "officer"]
    id: Annotated[str, AfterValidator(_parse_officer)] | None = None
    authentication: AuthenticationBody | None = None

    @model_validator(mode="after")
    def _officer_has_id(self) -> Self:
        if (self.kind == "officer") != (self.id is not None):
            raise PydanticCustomError("officer_id", "an id for an officer, none for a citizen")
        return self

    def to_model(self) -> InitiatedBy:
        """Return the value that use cases take."""
        asserted = self.authentication.model_dump_json(exclude_none=True) if self.authentication else None
        return InitiatedBy(kind=self.kind, officer=self.id, authentication=asserted)


class ClaimBody(Body):
    """What a citizen claims: one number, a name, a birth date or year."""

    citizen_id: Annotated[str, AfterValidator(parse_citizen_id)] | None = Field(
        default=None, examples=["001090000123"]
    )
    id_card_number: Annotated[str, AfterValidator(parse_id_card_number)] | None = None
    full_name: Annotated[str, AfterValidator(parse_full_name)] = Field(examples=["Nguyễn Văn An"])
    birth_date: str | None = Field(default=None, examples=["1990-01-31"])
    birth_year: int | None = None

    @field_validator("birth_date")
    @classmethod
    def _possible_date(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else parse_birth_date(value, today=info.context["today"]).isoformat()  # type: ignore[index]  # StrictBody always gives one

    @field_validator("birth_year")
    @classmethod
    def _possible_year(cls, value: int | None, info: ValidationInfo) -> int | None:
        return None if value is None else parse_birth_year(value, today=info.context["today"])  # type: ignore[index]  # StrictBody always gives one

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.citizen_id is None) == (self.id_card_number is None):
            raise PydanticCustomError("one_number", "exactly one of citizen_id and id_card_number")
        if (self.birth_date is None) == (self.birth_year is None):
            raise PydanticCustomError("one_birth", "exactly one of birth_date and birth_year")
        return self

    def to_model(self) -> Claim:
        """Return the value that use cases take."""
        return Claim(
            citizen_id=self.citizen_id,
            id_card_number=self.id_card_number,
            full_name=self.full_name,
            birth_date=date.fromisoformat(self.birth_date) if self.birth_date else None,
            birth_year=self.birth_year,
        )


class FieldsBody(Body):
    """Fields of the form to fill in the same trip."""

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


class EvaluationBody(Body):
    """`POST /evaluations`: an act and fields, without a claim."""

    procedure: Word = Field(examples=["khai-sinh"])
    subject_role: Word = Field(examples=["father"])
    fields: Fields


class ReceiptBody(Body):
    """A receipt to check, or to show the ledger of."""

    receipt: Annotated[str, Field(min_length=1, max_length=8192)]
