"""Write a report card: as JSON, as text in 80 columns, as one HTML page without scripts and external resources."""

import textwrap
from dataclasses import asdict
from html import escape
from typing import Any

from mock_c06.login.reasons import REMEDIES
from mock_c06.report.checks import Bilingual, Card, Check, Verdict

_TEXTS = {
    Verdict.RIGHT: Bilingual(vi="đúng", en="right"),
    Verdict.WRONG: Bilingual(vi="sai", en="wrong"),
    Verdict.NOT_SEEN: Bilingual(vi="chưa thấy", en="not seen"),
}
_COLUMNS = 80
_MAX_NUMBERS = 20
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5rem;"
    "border-bottom:1px solid #bbb}.wrong{color:#a00;font-weight:bold}.right{color:#060}small{color:#555}"
)
TEST_DATA = Bilingual(vi="CHỈ DỮ LIỆU THỬ NGHIỆM", en="TEST DATA ONLY")


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
        "title": asdict(check.title),
        "seen": {"looked_at": len(found.looked_at), "wrong": len(found.wrong)},
        "entries": {"looked_at": list(found.looked_at), "wrong": list(found.wrong)},
        "remedy": asdict(check.remedy),
        "reasons": {reason.value: list(numbers) for reason, numbers in found.reasons.items()},
    }


def card_text(card: Card) -> str:
    """Write it for a terminal: a line for each check, and below it the remedy if it is wrong."""
    lines = [f"{TEST_DATA.en}. {_heading(card).en}"]
    for check in card.checks:
        verdict = _TEXTS[check.found.verdict].en
        lines.append(f"{verdict:<9}{check.id:<23}{_seen(check).en}")
        if check.found.verdict is Verdict.WRONG:
            reasons = _reasons(check)
            remedies = (check.remedy, *reasons)
            texts = [text for remedy in remedies for text in (remedy.vi, remedy.en)]
            lines += [f"    {line}" for text in texts for line in textwrap.wrap(text, _COLUMNS - 4)]
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
    remedies = (check.remedy, *_reasons(check)) if verdict is Verdict.WRONG else ()
    remedy = "".join(f"<p>{_both(each)}</p>" for each in remedies)
    return (
        f'<tr id="{escape(check.id)}"><td class="{verdict.value}">{_both(_TEXTS[verdict])}</td>'
        f"<td>{_both(check.title)}{remedy}</td><td>{_both(_seen(check))}</td></tr>"
    )


def _both(text: Bilingual) -> str:
    return f'{escape(text.vi)}<br><small lang="en">{escape(text.en)}</small>'


def _heading(card: Card) -> Bilingual:
    of = f" {card.account}" if card.account else ""
    return Bilingual(
        vi=f"Lượt chạy {card.run}{of}: {card.calls} lần gọi",
        en=f"Run {card.run}{of}: {card.calls} {'call' if card.calls == 1 else 'calls'}",
    )


def _summary(card: Card) -> Bilingual:
    right, wrong, unseen = (card.count(verdict) for verdict in Verdict)
    return Bilingual(
        vi=f"{right} đúng, {wrong} sai, {unseen} chưa thấy",
        en=f"{right} right, {wrong} wrong, {unseen} not seen",
    )


def _reasons(check: Check) -> list[Bilingual]:
    """Return a sentence for each reason, with the numbers of its entries."""
    sentences = []
    for reason, numbers in check.found.reasons.items():
        vi, en = REMEDIES[reason]
        which = f"{reason} (n {_numbers(numbers)})"
        sentences.append(Bilingual(vi=f"{which}: {vi}", en=f"{which}: {en}"))
    return sentences


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:_MAX_NUMBERS])) + (", …" if len(numbers) > _MAX_NUMBERS else "")


def _seen(check: Check) -> Bilingual:
    looked, wrong = check.found.looked_at, check.found.wrong
    if not looked and not wrong:
        return Bilingual(vi="không có lần gọi nào để xét", en="no call to judge by")
    if not wrong:
        return Bilingual(vi=f"{len(looked)} lần gọi", en=f"{len(looked)} looked at")
    numbers = _numbers(wrong)
    return Bilingual(
        vi=f"{len(wrong)} trên {len(looked)} lần gọi, số {numbers}",
        en=f"{len(wrong)} of {len(looked)} looked at: n {numbers}",
    )
