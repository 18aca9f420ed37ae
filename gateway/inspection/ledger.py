"""The whole ledger of a person for a data-protection officer: every organisation's enquiries, and disputed fields.

The officer gives a reason. Each reading is a row of its own kind for every organisation that has entries about the person, so
that the next ledger, also the citizen's own, shows who looked. It is recorded before anything is shown, as JSON or as text in
Vietnamese or English. Source: NĐ 13/2023 Đ9, Đ28; docs/decisions/0023.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.audit.model import AuditEntry, Kind
from gateway.citizens.use_cases import read_whole_ledger
from gateway.clock import rfc3339, vietnam
from gateway.discrepancies.use_cases import parse_reason
from gateway.enquiries.claim import key_number
from gateway.enquiries.model import Discrepancy
from gateway.enquiries.responses import LedgerEntry, ledger_members
from gateway.errors.operators import OperationError
from gateway.identifiers import Language, Profile, new_identifier
from gateway.keys.model import Purpose
from gateway.operators.model import Operator, Role
from gateway.operators.sessions import require_role
from gateway.operators.use_cases import confirm_operator
from gateway.procedures.catalogue import Catalogue
from gateway.procedures.model import SUBJECT_ROLES
from gateway.profiles.model import Gateway, Place
from gateway.storage.database import Transaction

OUTCOME = "ledger"

MOST = 100_000
"""Limit of an organisation's entries, far above that of a portal's answer: no portal may hide an enquiry behind others."""

_NUMBER = re.compile(r"[0-9]{12}")


class LedgerRefused(OperationError):
    """The number or the reason isn't valid; says what is expected, never the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLedger:
    """Entries as (profile, organisation's id and name, row), oldest first of each profile; and the disputed fields.

    `has_earlier`: there are more than the latest 100,000 of one of these in a profile.
    """

    entries: Sequence[tuple[Profile, str, str, Mapping[str, Any]]]
    disputed: Sequence[Discrepancy]
    has_earlier: bool


async def inspect_ledger(
    gateway: Gateway,
    by: Operator,
    number: str,
    reason: str,
    *,
    profiles: Sequence[Profile] = tuple(Profile),
) -> WholeLedger:
    """Return everything that was asked about the person with a number, after the reading is recorded.

    Raises:
        RoleMissing: the operator is not a data-protection officer; recorded.
        LedgerRefused: not a number of twelve digits, or no reason.
    """
    await require_role(gateway, by, Role.DATA_PROTECTION)
    if not _NUMBER.fullmatch(number):
        raise LedgerRefused("the number has twelve digits")
    try:
        reason = parse_reason(reason)
    except ValueError as error:
        raise LedgerRefused(f"reason: {error}") from None
    entries: list[tuple[Profile, str, str, Mapping[str, Any]]] = []
    disputed: list[Discrepancy] = []
    rows: list[AuditEntry] = []
    has_earlier = False
    for place in (gateway.places[profile] for profile in profiles):
        found = await read_whole_ledger(gateway.deps, place, number, most=MOST)
        has_earlier = has_earlier or found.has_earlier
        entries += [(place.profile, each.id, each.name, row) for each, row in found.rows]
        organisations = sorted({str(each.id) for each, _ in found.rows})
        disputed += [each for _, each in found.disputed]
        rows += _rows(gateway, place, organisations, number, by=by, reason=reason)

    async def decide(transaction: Transaction) -> tuple[Sequence[AuditEntry], None]:
        await confirm_operator(transaction, by)
        return rows, None

    await gateway.deps.audit.commit(decide)
    return WholeLedger(entries=entries, disputed=disputed, has_earlier=has_earlier)


def _rows(
    gateway: Gateway, place: Place, organisations: Sequence[str], number: str, *, by: Operator, reason: str
) -> list[AuditEntry]:
    """Return a row for each organisation, or one without an organisation if none has an entry."""
    act, keys = new_identifier("act"), place.keys
    return [
        AuditEntry(
            at=gateway.deps.clock.now(),
            kind=Kind.INSPECTED,
            profile=place.profile,
            act=act,
            organisation=organisation or None,
            citizen=key_number(keys, organisation, number).pseudonyms[0],
            citizen_key=keys.current(Purpose.PSEUDONYM).kid,
            outcome=OUTCOME,
            initiated_by="data_protection",
            actor=by.name,
            reason=reason,
        )
        for organisation in organisations or [""]
    ]


_READINGS = frozenset({Kind.SHOWN, Kind.INSPECTED})

_WORDS: Mapping[Language, Mapping[str, str]] = {
    Language.VI: {
        "title": "Sổ tra cứu",
        "answered": "đã hỏi CSDLQGDC",
        "reused": "dùng lại kết quả",
        "delivered": "đã trả dữ liệu",
        "refused": "bị từ chối",
        "shown": "công dân xem sổ",
        "inspected": "cán bộ bảo vệ dữ liệu xem sổ",
        "confirmed": "khớp",
        "not_confirmed": "không khớp",
        "found": "có dữ liệu",
        "nobody_found": "không thấy ai",
        "outcome_unknown": "không rõ có được trả lời không",
        "fields": "trường",
        "nothing": "không có lượt tra cứu nào",
        "disputed": "Báo sai lệch",
        "open": "đang xử lý",
        "corrected": "đã sửa",
        "rejected": "không sửa",
        "earlier": "còn các lượt cũ hơn: gateway audit search",
    },
    Language.EN: {
        "title": "Ledger",
        "answered": "asked the registry",
        "reused": "reused a verification",
        "delivered": "delivered data",
        "refused": "was refused",
        "shown": "the citizen read the ledger",
        "inspected": "a data-protection officer read the ledger",
        "confirmed": "the data agree",
        "not_confirmed": "the data don't agree",
        "found": "data found",
        "nobody_found": "nobody found",
        "outcome_unknown": "not known whether it was answered",
        "fields": "fields",
        "nothing": "no enquiries",
        "disputed": "Disputed fields",
        "open": "open",
        "corrected": "corrected",
        "rejected": "rejected",
        "earlier": "there are earlier ones: gateway audit search",
    },
}


def ledger_json(ledger: WholeLedger) -> dict[str, object]:
    """Return the entries as `/ledger/mine` has them, each with its profile, and the disputed fields."""
    marked = {"earlier_left_out": True} if ledger.has_earlier else {}
    return {
        "entries": [
            _entry(row) | {"organisation": organisation, "organisation_name": name, "profile": profile.value}
            for profile, organisation, name, row in ledger.entries
        ],
        "discrepancies": [_disputed(each) for each in ledger.disputed],
        **marked,
    }


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return LedgerEntry.model_construct(**ledger_members(row)).model_dump(mode="json", exclude_unset=True)


def _disputed(found: Discrepancy) -> dict[str, object]:
    return {
        "id": found.id,
        "profile": found.profile.value,
        "field": found.field,
        "state": found.state.value,
        "filed_at": rfc3339(found.filed_at),
        "resolved_at": rfc3339(found.resolved_at) if found.resolved_at else None,
        "reason_vi": found.reason_vi,
        "reason": found.reason,
    }


def ledger_text(
    ledger: WholeLedger, catalogue: Catalogue, language: Language, problems: Mapping[str, str]
) -> str:
    """Return one line for each entry and each disputed field, with the catalogue's names; times are Việt Nam's.

    `problems` has the title of each problem by its code, in this language.
    """
    words = {**problems, **_names_of(catalogue, language), **_WORDS[language]}
    lines = [f"{words['title']}: {len(ledger.entries)}"]
    lines += [
        _line(profile, name, row, words, SUBJECT_ROLES[language]) for profile, _, name, row in ledger.entries
    ]
    if not ledger.entries:
        lines.append(words["nothing"])
    if ledger.has_earlier:
        lines.append(words["earlier"])
    if ledger.disputed:
        lines.append(f"{words['disputed']}: {len(ledger.disputed)}")
    for each in ledger.disputed:
        reason = each.reason_vi if language is Language.VI else each.reason
        ended = f" ({reason})" if reason else ""
        lines.append(f"  {words.get(each.field, each.field)}: {words[each.state.value]}{ended}")
    return "\n".join(lines)


def _names_of(catalogue: Catalogue, language: Language) -> dict[str, str]:
    """Return the names of procedures and fields by their codes, which are no words of this file."""
    vietnamese = language is Language.VI
    fields = (field for each in catalogue.procedures for role in each.roles for field in role.fields)
    names = {field.name: field.label_vi if vietnamese else field.label_en for field in fields}
    return names | {each.slug: each.name_vi if vietnamese else each.name_en for each in catalogue.procedures}


def _line(
    profile: Profile, name: str, row: Mapping[str, Any], words: Mapping[str, str], roles: Mapping[str, str]
) -> str:
    at = datetime.fromisoformat(row["at"]).astimezone(vietnam())
    parts = [f"{at:%Y-%m-%d %H:%M}", profile.value, name, words[row["kind"]]]
    procedure, dossier, outcome = (row.get(each) for each in ("procedure", "dossier", "outcome"))
    if row["kind"] in _READINGS:
        outcome = None  # the code of the reading, which the kind already names
    asked_for = words.get(procedure or "", procedure)
    if asked_for and (role := row.get("subject_role")):
        asked_for = f"{asked_for} ({roles.get(role, role)})"
    parts += filter(None, (asked_for, dossier, words.get(outcome or "", outcome)))
    if row.get("fields"):
        # Some names have commas: "Ngày, tháng, năm sinh".
        parts.append(f"{words['fields']}: {'; '.join(words.get(each, each) for each in row['fields'])}")
    return "  " + " · ".join(parts)
