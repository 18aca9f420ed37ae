"""The bodies of discrepancies: what a portal files and reads, and what an operator reads and decides."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.discrepancies.use_cases import MAX_NOTE, MAX_REASON, Disputed, parse_note, parse_reason
from gateway.edge.requests import Body
from gateway.edge.responses import Answer, DiscrepancyId, Instant, PrefillId, VerificationId
from gateway.enquiries.model import MAX_PAGE, DiscrepancyPage, DiscrepancyState, Page


def _parse_limit(text: object) -> int:
    """Return a whole number that a query has as text."""
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= 3):
        raise ValueError(f"a whole number from 1 to {MAX_PAGE}")
    return int(text)


StateText = Literal["open", "corrected", "rejected"]
Reason = Annotated[
    str,
    AfterValidator(parse_reason),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_REASON}),
]


class DiscrepancyBody(Body):
    """`POST /discrepancies`: a field of a prefill whose value is wrong, and why."""

    prefill: Annotated[str, Field(min_length=1, max_length=64, description="The prefill's id.")]
    field: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            description="A registry field that this prefill was asked for.",
            examples=["permanent_residence"],
        ),
    ]
    note: Annotated[
        str,
        AfterValidator(parse_note),
        Field(
            description="What is wrong, for the operators; it is sealed, and no portal can read it.",
            examples=["Sai số nhà"],
            json_schema_extra={"minLength": 1, "maxLength": MAX_NOTE},
        ),
    ]


class DiscrepancyQuery(Body):
    """The query of `GET /discrepancies`."""

    state: Annotated[StateText | None, Field(description="Only those in this state.")] = None
    limit: Annotated[
        int, BeforeValidator(_parse_limit), Field(ge=1, le=MAX_PAGE, description="At most so many.")
    ] = 50
    after: Annotated[
        str | None,
        Field(pattern="^dis_[a-z2-7]{25}$", description="`next` of the page before; the newest come first."),
    ] = None

    def to_model(self) -> Page:
        """Return the value for use cases."""
        state = None if self.state is None else DiscrepancyState(self.state)
        return Page(state=state, limit=self.limit, after=self.after)


class OperatorsQuery(DiscrepancyQuery):
    """The query of `GET /ops/v1/discrepancies`."""

    profile: Annotated[
        Literal["sandbox", "official"] | None, Field(description="Only those of this profile.")
    ] = None


class ResolutionBody(Body):
    """`POST /ops/v1/discrepancies/{discrepancy_id}/resolve`: how it ends, and why, for the citizen."""

    outcome: Annotated[
        Literal["corrected", "rejected"],
        Field(alias="as", description="Whether the registry's value was corrected, or is right."),
    ]
    reason_vi: Annotated[Reason, Field(description="The reason in Vietnamese; no person's number.")]
    reason: Annotated[Reason, Field(description="The same in English.")]


class FiledAnswer(Answer):
    """A discrepancy as it was filed; the note is not repeated."""

    id: DiscrepancyId
    prefill: PrefillId
    field: str = Field(description="The field that the citizen declares until the discrepancy is resolved.")
    state: DiscrepancyState = Field(description="`open`.")
    filed_at: Instant


class DiscrepancyAnswer(FiledAnswer):
    """A discrepancy and how it ended."""

    state: DiscrepancyState = Field(description="`open`, or how an operator resolved it.")
    resolved_at: Instant | None = Field(description="Null while it is open.")
    reason_vi: str | None = Field(description="The operator's reason in Vietnamese, for the citizen.")
    reason: str | None = Field(description="The same in English.")


class DiscrepanciesAnswer(Answer):
    """One page of the account's discrepancies, the newest first."""

    discrepancies: list[DiscrepancyAnswer]
    next: DiscrepancyId | None = Field(description="The `after` of the next page; null on the last one.")


class DisputedAnswer(DiscrepancyAnswer):
    """A discrepancy as an operator sees it."""

    profile: Literal["sandbox", "official"]
    client_id: str = Field(description="The account that filed it.")
    resolved_by: str | None = Field(description="The operator who resolved it.")


class DisputedPageAnswer(Answer):
    """One page of the discrepancies of all accounts, the newest first, without notes."""

    discrepancies: list[DisputedAnswer]
    next: DiscrepancyId | None = Field(description="The `after` of the next page; null on the last one.")


class DisputedWithNoteAnswer(DisputedAnswer):
    """A discrepancy with the enquiry that it is about, and the portal's note while it is open."""

    verification: VerificationId
    organisation: str = Field(description="The agency's e-id.")
    procedure: str = Field(description="The service's slug.")
    dossier: str = Field(description="The portal's own id of the dossier.")
    subject_role: str = Field(description="The role of the citizen in the form.")
    note: str | None = Field(description="The portal's note; deleted, so null, once it is resolved.")


def shape_disputed_page(page: DiscrepancyPage) -> DisputedPageAnswer:
    """Return the body of a page for operators."""
    return DisputedPageAnswer.of(page, discrepancies=[DisputedAnswer.of(each) for each in page.found])


def shape_disputed(disputed: Disputed) -> DisputedWithNoteAnswer:
    """Return the body of one for an operator."""
    verification = disputed.verification
    return DisputedWithNoteAnswer.of(
        disputed.discrepancy,
        verification=verification.id,
        organisation=verification.organisation,
        procedure=verification.procedure,
        dossier=verification.dossier,
        subject_role=verification.subject_role,
        note=disputed.note,
    )
