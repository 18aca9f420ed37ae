"""What was observed of a call beside its journal entry, for the report card. No value of a person is in it."""

from enum import StrEnum

from mock_c06.light import light_value


class Numbers(StrEnum):
    """Which of the two numbers a request carried."""

    ONE = "one"
    BOTH = "both"
    NONE = "none"
    WRONG_LENGTH = "wrong_length"


class Unit(StrEnum):
    """What a login's timestamp counts, judged by its size."""

    MILLISECONDS = "ms"
    SECONDS = "s"
    OTHER = "other"


@light_value
class Seen:
    """`arrived_s` only means something as a difference. A member is None where the call had nothing to see there."""

    arrived_s: float
    status: int
    retry_after_s: float | None = None
    is_cut: bool = False
    is_name_folded: bool | None = None
    numbers: Numbers | None = None
    timestamp: Unit | None = None
    wants_seconds: bool = False
    service_code: str | None = None
