"""The result of a comparison with the provider's log, as JSON, text or a page, in Vietnamese and English."""

from collections.abc import Sequence
from html import escape

from gateway.inspection.reconcile import KINDS, Difference, Reconciliation

_TITLES = {
    "asked_not_logged": ("Đã hỏi nhưng không có trong nhật ký của C06", "asked but not logged"),
    "logged_not_asked": ("Có trong nhật ký của C06 nhưng không do ta hỏi", "logged but not asked"),
    "different_content": ("Nội dung gói tin khác nhau", "different content"),
    "answered_differently": ("Kết quả trả lời khác nhau", "answered but differently"),
}
_HEADING = "Đối soát hai phía"
_STYLE = """body { font: 10pt/1.4 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 1.5rem }
table { border-collapse: collapse; margin: .3rem 0 1rem } th, td { text-align: left; padding: .15rem .6rem .15rem 0; border-bottom: 1px solid #d0d0d0 }
h1 { font-size: 15pt } h2 { font-size: 11pt; margin-bottom: .2rem } [lang=en] { color: #555 }
@page { size: A4 landscape; margin: 10mm }"""


def reconciliation_json(found: Reconciliation) -> dict[str, object]:
    """Return the members of the contract."""
    return {kind: list(found.differences[kind]) for kind in KINDS} | {"counts": found.counts()}


def reconciliation_text(found: Reconciliation) -> str:
    """Return the counts, then one line for each difference."""
    counts = found.counts()
    lines = [
        f"questions: {counts['questions']}, calls in the log: {counts['calls']}, joined: {counts['joined']}"
    ]
    for kind in KINDS:
        lines.append(f"{_TITLES[kind][1]}: {counts[kind]}")
        lines += [_line(each) for each in found.differences[kind]]
    if found.content_not_compared:
        lines.append(f"without a content to compare: {found.content_not_compared}")
    numbers = "/".join(str(counts[kind]) for kind in KINDS)
    lines.append(f"{'ok' if found.agrees else 'differences'}: {numbers}")
    return "\n".join(lines)


def _line(difference: Difference) -> str:
    shown = [f"{name}={_plain(value)}" for name, value in difference.items() if value is not None]
    return "  " + " ".join(shown)


def _plain(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def reconciliation_page(found: Reconciliation) -> str:
    """Return a page of its own, without script."""
    counts = found.counts()
    summary = "".join(
        f'<tr><th scope="row">{escape(_TITLES[kind][0])} <span lang="en">{escape(_TITLES[kind][1])}</span></th>'
        f"<td>{counts[kind]}</td></tr>"
        for kind in KINDS
    )
    parts = "".join(_section(kind, found.differences[kind]) for kind in KINDS if found.differences[kind])
    compared = (
        f"{counts['questions']} câu hỏi, {counts['calls']} gói tin trong nhật ký, {counts['joined']} khớp "
        f'<span lang="en">questions, calls, joined</span>; {counts["content_not_compared"]} không so được nội dung '
        '<span lang="en">without a content to compare</span>'
    )
    return f"""<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_HEADING}</title><style>{_STYLE}</style></head><body>
<h1>{_HEADING} <span lang="en">Both sides' logs compared</span></h1>
<p>{compared}</p><table><tbody>{summary}</tbody></table>{parts}
</body></html>"""


def _section(kind: str, differences: Sequence[Difference]) -> str:
    names = [name for name in differences[0] if any(each.get(name) is not None for each in differences)]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(_cell(each.get(name)))}</td>" for name in names) + "</tr>"
        for each in differences
    )
    vietnamese, english = (escape(each) for each in _TITLES[kind])
    return (
        f'<h2>{vietnamese} <span lang="en">{english}</span></h2>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(value: object) -> str:
    return "" if value is None else _plain(value)
