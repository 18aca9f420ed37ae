"""The whole ledger of a person as JSON, or as text in Vietnamese or English."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from gateway.clock import rfc3339, vietnam
from gateway.enquiries.model import Discrepancy
from gateway.enquiries.responses import LedgerEntry, ledger_members
from gateway.identifiers import Profile
from gateway.inspection.ledger import WholeLedger

Language = Literal["vi", "en"]

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "vi": {
        "title": "Sổ tra cứu",
        "answered": "đã hỏi CSDLQGDC",
        "reused": "dùng lại kết quả",
        "delivered": "đã trả dữ liệu",
        "refused": "bị từ chối",
        "shown": "công dân xem sổ",
        "inspected": "cán bộ bảo vệ dữ liệu xem sổ",
        "fields": "trường",
        "nothing": "không có lượt tra cứu nào",
        "disputed": "Báo sai lệch",
        "open": "đang xử lý",
        "corrected": "đã sửa",
        "rejected": "không sửa",
        "earlier": "còn các lượt cũ hơn: gateway audit search",
    },
    "en": {
        "title": "Ledger",
        "answered": "asked the registry",
        "reused": "reused a verification",
        "delivered": "delivered data",
        "refused": "was refused",
        "shown": "the citizen read the ledger",
        "inspected": "a data-protection officer read the ledger",
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


def ledger_text(ledger: WholeLedger, language: Language) -> str:
    """Return one line for each entry and each disputed field; times are Việt Nam's."""
    words = _WORDS[language]
    lines = [f"{words['title']}: {len(ledger.entries)}"]
    lines += [_line(profile, name, row, words) for profile, _, name, row in ledger.entries]
    if not ledger.entries:
        lines.append(words["nothing"])
    if ledger.has_earlier:
        lines.append(words["earlier"])
    if ledger.disputed:
        lines.append(f"{words['disputed']}: {len(ledger.disputed)}")
    for each in ledger.disputed:
        reason = each.reason_vi if language == "vi" else each.reason
        ended = f" ({reason})" if reason else ""
        lines.append(f"  {each.field}: {words[each.state.value]}{ended}")
    return "\n".join(lines)


def _line(profile: Profile, name: str, row: Mapping[str, Any], words: Mapping[str, str]) -> str:
    at = datetime.fromisoformat(row["at"]).astimezone(vietnam())
    parts = [f"{at:%Y-%m-%d %H:%M}", profile.value, name, words[row["kind"]]]
    parts += [str(row[member]) for member in ("procedure", "dossier", "outcome") if row.get(member)]
    if row.get("fields"):
        parts.append(f"{words['fields']}: {', '.join(row['fields'])}")
    return "  " + " · ".join(parts)
