"""Put a question into C06's words: which members, in which order, with the name folded as it expects.

Refuses a value that C06's lengths or plain text don't allow, before anything leaves. The form of the message
is `soap.py`'s and `lgsp_json.py`'s. Source: specification of the NDXP services §4.3, public clients.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date

from gateway.errors import FieldError
from gateway.errors.requests import ClaimInvalid, RequestInvalid
from gateway.normal_forms import MOST_PARTS, normalise
from gateway.registry import wire_names as names
from gateway.registry.connection import DEFAULT_INTEGRATION_CODES, Connection, DateForm
from gateway.registry.model import Question

_BARRED_D = frozenset("Đ\u00d0\u0189")
# Apostrophes that Unicode counts as letters; the others fall away as punctuation.
_LETTER_APOSTROPHES = frozenset(
    "\u02b9\u02ba\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u02ee\ua78b\ua78c"
)
# Latin letters and their marks come before it; what is behind it is not kept, so that the table stays small.
_LAST_OF_NAMES = 0x2000
_NAME_LIMIT = 100
_MOST_CAPITALS = 12
"""Code points that one character may become: four parts, each with three capitals at most."""

_LIMITS = {
    names.REQUEST_CODE: ("request_code", 40),
    names.SERVICE_CODE: ("procedure", 20),
    names.INTEGRATION_CODE: ("operation", 20),
    names.OFFICER: ("initiated_by.id", 20),
    names.AGENCY: ("organisation", 35),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """A question in C06's words: plain members in order, then the date of birth or the year."""

    members: tuple[tuple[str, str], ...]
    birth_date: date | None
    birth_year: int | None
    date_form: DateForm | None = None

    def birth(self, usual: DateForm) -> str:
        """Return the date in the connection's form, else in the dialect's usual one; or the year."""
        if self.birth_date is None:
            return f"{self.birth_year:04d}"
        written = self.birth_date.isoformat()
        return written.replace("-", "") if (self.date_form or usual) is DateForm.COMPACT else written


def message_of(question: Question, connection: Connection) -> Message:
    """Return the question in C06's words; the connection may have its own codes and is the agency."""
    operation = question.operation
    claim = question.claim
    integration = connection.integration_codes.get(operation, DEFAULT_INTEGRATION_CODES[operation])
    plain = (
        (names.REQUEST_CODE, question.request_code),
        (names.SERVICE_CODE, connection.service_codes.get(question.procedure, question.service_code)),
        (names.INTEGRATION_CODE, integration),
        (names.OFFICER, question.officer),
        (names.AGENCY, connection.agency),
    )
    for name, value in plain:
        _check_plain(name, value)
    number = (
        (names.CITIZEN_ID, claim.citizen_id)
        if claim.citizen_id is not None
        else (names.ID_CARD_NUMBER, claim.id_card_number or "")
    )
    return Message(
        members=(*plain, number, (names.FULL_NAME, fold_name(claim.full_name))),
        birth_date=claim.birth_date,
        birth_year=claim.birth_year,
        date_form=connection.date_form,
    )


def fold_name(full_name: str) -> str:
    """Return a name as three known clients send it: upper case, no marks, no spaces, `[A-Z0-9]` alone.

    Raises:
        ClaimInvalid: it has a letter or digit that is none of these without its marks, or nothing else.
    """
    folded = _folded(full_name)
    if not folded or len(folded) > _NAME_LIMIT:
        raise ClaimInvalid((_fault("claim.full_name"),))
    return folded


def is_same_name(answered: str, claimed: str) -> bool:
    """Tell whether two names are one on the wire: what the registry compared, it must also answer."""
    folded = _folded(answered)
    return folded != "" and folded == _folded(claimed)


def _folded(full_name: str) -> str:
    """Return the folded name; "" where nothing is left of it, or a letter can't be folded, or it is too long."""
    if len(full_name) > MOST_PARTS * _NAME_LIMIT:
        return ""
    # By way of lower case: ß and ẞ are one letter (`verifications/fold.py`), and only ß has capitals, SS.
    capitals = normalise("NFD", full_name, longest=_NAME_LIMIT).lower().upper()
    folded = normalise("NFD", capitals, longest=_MOST_CAPITALS * _NAME_LIMIT).translate(_FOLDS)
    return folded if folded.isascii() else ""


class _Folds(dict[int, str | None]):
    """What becomes of a character: itself, D, or None where it doesn't count. Looked up once, and kept."""

    def __missing__(self, code: int) -> str | None:
        kept = _fold(chr(code))
        if code < _LAST_OF_NAMES:
            self[code] = kept
        return kept


def _fold(character: str) -> str | None:
    """Keep letters and digits, also those that are not Latin: what is left without them would be another name."""
    if character in _BARRED_D:
        return "D"
    counts = character not in _LETTER_APOSTROPHES and unicodedata.category(character)[0] in {"L", "N"}
    return character if counts else None


_FOLDS = _Folds()


def _check_plain(name: str, value: str) -> None:
    field, limit = _LIMITS[name]
    if len(value) > limit or not value.isprintable():
        raise RequestInvalid((_fault(field),))


def _fault(field: str) -> FieldError:
    return FieldError(
        field=field,
        code="claim_invalid" if field.startswith("claim.") else "request_invalid",
        detail="the registry takes no such value",
    )
