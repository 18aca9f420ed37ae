"""Write a report card: as JSON, as text in 80 columns, as one HTML page without script or anything from outside."""

import textwrap
from html import escape
from typing import Any

from mock_c06.report.model import Card, Check, Text, Verdict

_WORDS = {
    Verdict.RIGHT: Text(vi="đúng", en="right"),
    Verdict.WRONG: Text(vi="sai", en="wrong"),
    Verdict.NOT_SEEN: Text(vi="chưa thấy", en="not seen"),
}
_COLUMNS = 80
_MOST_NUMBERS = 20
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem;"
    "border-bottom:1px solid #bbb}.wrong{color:#a00;font-weight:bold}.right{color:#060}small{color:#555}"
)
TEST_DATA = Text(vi="CHỈ DỮ LIỆU THỬ NGHIỆM", en="TEST DATA ONLY")


def card_json(card: Card) -> dict[str, Any]:
    """Write it as JSON."""
    return {
        "run": card.run,
        "account": card.account,
        "calls": card.calls,
        "summary": {verdict.value: card.count(verdict) for verdict in Verdict},
        "checks": [_check_json(check) for check in card.checks],
    }


def _check_json(check: Check) -> dict[str, Any]:
    found = check.found
    return {
        "id": check.id,
        "verdict": found.verdict.value,
        "title": {"vi": check.title.vi, "en": check.title.en},
        "seen": {"looked_at": len(found.looked_at), "wrong": len(found.wrong)},
        "entries": {"looked_at": list(found.looked_at), "wrong": list(found.wrong)},
        "remedy": {"vi": check.remedy.vi, "en": check.remedy.en},
    }


def card_text(card: Card) -> str:
    """Write it for a terminal: a line for each check, and below it what to do where it is wrong."""
    lines = [f"{TEST_DATA.en}. {_heading(card).en}"]
    for check in card.checks:
        verdict = _WORDS[check.found.verdict].en
        lines.append(f"{verdict:<9}{check.id:<23}{_seen(check).en}")
        if check.found.verdict is Verdict.WRONG:
            remedies = (check.remedy.vi, check.remedy.en)
            lines += [f"    {line}" for remedy in remedies for line in textwrap.wrap(remedy, _COLUMNS - 4)]
    return "\n".join([*lines, _summary(card).en]) + "\n"


def card_html(card: Card) -> str:
    """Write it as a page, Vietnamese first."""
    heading, summary = _heading(card), _summary(card)
    rows = "".join(_row(check) for check in card.checks)
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading.vi)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Phiếu nhận xét</h1><p><strong>{_both(TEST_DATA)}</strong></p><p>{_both(heading)}</p>"
        "<table><thead><tr><th>Kết quả</th><th>Yêu cầu</th><th>Đã thấy</th></tr></thead>"
        f"<tbody>{rows}</tbody></table><p>{_both(summary)}</p></body></html>\n"
    )


def _row(check: Check) -> str:
    verdict = check.found.verdict
    remedy = f"<p>{_both(check.remedy)}</p>" if verdict is Verdict.WRONG else ""
    return (
        f'<tr id="{escape(check.id)}"><td class="{verdict.value}">{_both(_WORDS[verdict])}</td>'
        f"<td>{_both(check.title)}{remedy}</td><td>{_both(_seen(check))}</td></tr>"
    )


def _both(text: Text) -> str:
    return f'{escape(text.vi)}<br><small lang="en">{escape(text.en)}</small>'


def _heading(card: Card) -> Text:
    of = f" {card.account}" if card.account else ""
    return Text(
        vi=f"Lượt chạy {card.run}{of}: {card.calls} lần gọi",
        en=f"Run {card.run}{of}: {card.calls} {'call' if card.calls == 1 else 'calls'}",
    )


def _summary(card: Card) -> Text:
    right, wrong, unseen = (card.count(verdict) for verdict in Verdict)
    return Text(
        vi=f"{right} đúng, {wrong} sai, {unseen} chưa thấy",
        en=f"{right} right, {wrong} wrong, {unseen} not seen",
    )


def _seen(check: Check) -> Text:
    looked, wrong = check.found.looked_at, check.found.wrong
    if not looked and not wrong:
        return Text(vi="không có lần gọi nào để xét", en="no call to judge by")
    if not wrong:
        return Text(vi=f"{len(looked)} lần gọi", en=f"{len(looked)} looked at")
    numbers = ", ".join(str(n) for n in wrong[:_MOST_NUMBERS]) + (", …" if len(wrong) > _MOST_NUMBERS else "")
    return Text(
        vi=f"{len(wrong)} trên {len(looked)} lần gọi, số {numbers}",
        en=f"{len(wrong)} of {len(looked)} looked at: n {numbers}",
    )
