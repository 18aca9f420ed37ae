"""The report as one page that prints on one sheet of A4, with a chart that is drawn here as SVG.

No script, no style attribute, no address of another place. The chart's colours are attributes of its shapes, so that a
policy without inline styles shows it; the command line's page carries its stylesheet, a route links it.
"""

from collections.abc import Iterable
from html import escape

from gateway.procedures.catalogue import Catalogue
from gateway.reports.figures import measured_lines, services_lines
from gateway.reports.model import Measured, Week, WeeklyReport
from gateway.reports.words import Language, word

STYLESHEET = """:root { color-scheme: light }
body { font: 9pt/1.3 "Be Vietnam Pro", system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 190mm; margin: 8mm auto; padding: 0 4mm }
h1 { font-size: 15pt; margin: 0 0 1mm } h2 { font-size: 10.5pt; margin: 3mm 0 1mm }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35mm 1.5mm .35mm 0; border-bottom: .2mm solid #d0d0d0; font-weight: 400; vertical-align: top }
thead th { font-weight: 600 } td.number { text-align: right; font-variant-numeric: tabular-nums }
.services { font-size: 7.5pt } .services th, .services td { padding: .15mm 1.5mm .15mm 0 } .services td, .weeks th { white-space: nowrap } .weeks thead th + th { text-align: right } .sources { font-size: 7.5pt; margin: 2mm 0 0; padding-left: 4mm } svg { width: 100%; height: auto }
a { color: #0b5394 } nav { margin-bottom: 3mm; font-size: 1rem; line-height: 2 }
@media (max-width: 40rem) { .columns { display: block } .services td, .services th { white-space: normal } }
@page { size: A4; margin: 9mm }
@media print { nav { display: none } body { margin: 0; padding: 0; max-width: none } tr, svg { break-inside: avoid } }
"""
_WIDTH, _HEIGHT, _BASE, _LEFT = 560, 150, 120, 36
_ASKED, _REUSED = "#2f6690", "#d98e04"


def report_page(
    report: WeeklyReport,
    catalogue: Catalogue,
    language: Language,
    *,
    stylesheet: str = "",
    newest: Week | None = None,
) -> str:
    """Return the page; `stylesheet` is the address of STYLESHEET, else the page carries it.

    With `newest`, the present week, it links to other weeks and the other language.
    """
    title = f"{word('title', language)} · {word('week', language)} {report.week}"
    style = (
        f'<link rel="stylesheet" href="{escape(stylesheet)}">'
        if stylesheet
        else f"<style>{STYLESHEET}</style>"
    )
    return f"""<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>{style}</head><body>{_links(report.week, newest, language) if newest else ""}<main>
<h1>{escape(title)}</h1>
<div class="columns"><section>{_table(word("services", language), services_lines(report, language))}
<h2>{escape(word("chart", language))}</h2>{report_chart(report.weeks, language)}{_groups(report.measured, language)}</section>
<section>{_table(word("measured", language), measured_lines(report.measured, language))}
{_weeks(report.weeks, language)}</section></div>
{_services(report, catalogue, language)}{_sources(report, language)}
</main></body></html>"""


def _links(week: Week, newest: Week, language: Language) -> str:
    other: Language = "en" if language == "vi" else "vi"
    links = [("before", week.before(1), language)]
    links += [("after", week.before(-1), language)] if week < newest else []
    links += [("other_language", week, other)]
    shown = " · ".join(
        f'<a href="?week={each}&amp;lang={spoken}">{escape(word(name, language))}</a>'
        for name, each, spoken in links
    )
    label = escape(word("navigation", language))
    return f'<nav aria-label="{label}">{shown} · <a href="/console/login">{escape(word("account", language))}</a></nav>'


def _table(caption: str, lines: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td class="number">{escape(value)}</td></tr>'
        for label, value in lines
    )
    return f"<h2>{escape(caption)}</h2><table><tbody>{rows}</tbody></table>"


def report_chart(counted: Iterable[tuple[Week, Measured]], language: Language) -> str:
    """Return the chart: two bars a week, questions and reuses."""
    weeks = tuple(counted)
    most = max([1, *(max(each.asked, each.reused) for _, each in weeks)])
    wide = (_WIDTH - _LEFT) / len(weeks)
    shapes = [
        f'<line x1="{_LEFT}" y1="{_BASE}" x2="{_WIDTH}" y2="{_BASE}" stroke="#1b1b1b"/>',
        f'<text x="{_LEFT - 4}" y="14" text-anchor="end" font-size="10">{most}</text>',
        f'<text x="{_LEFT - 4}" y="{_BASE}" text-anchor="end" font-size="10">0</text>',
    ]
    for place, (week, each) in enumerate(weeks):
        x = _LEFT + place * wide
        for shift, count, colour in ((0.12, each.asked, _ASKED), (0.48, each.reused, _REUSED)):
            tall = count / most * (_BASE - 8)
            shapes.append(
                f'<rect x="{x + shift * wide:.1f}" y="{_BASE - tall:.1f}" width="{0.32 * wide:.1f}" '
                f'height="{tall:.1f}" fill="{colour}"/>'
            )
        shapes.append(
            f'<text x="{x + wide / 2:.1f}" y="{_BASE + 13}" text-anchor="middle" font-size="10">{str(week)[5:]}</text>'
        )
    for x, name, colour in ((_LEFT, "asked", _ASKED), (_LEFT + 270, "reused", _REUSED)):
        shapes.append(f'<rect x="{x}" y="{_HEIGHT - 11}" width="9" height="9" fill="{colour}"/>')
        shapes.append(
            f'<text x="{x + 14}" y="{_HEIGHT - 3}" font-size="10">{escape(word(name, language))}</text>'
        )
    label = escape(word("chart", language))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(shapes)}</svg>"
    )


def _weeks(counted: Iterable[tuple[Week, Measured]], language: Language) -> str:
    rows = "".join(
        f'<tr><th scope="row">{week}</th><td class="number">{each.asked}</td><td class="number">{each.reused}</td></tr>'
        for week, each in counted
    )
    names = "".join(
        f'<th scope="col">{escape(word(name, language))}</th>'
        for name in ("week", "asked_short", "reused_short")
    )
    return f'<table class="services weeks"><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>'


def _groups(measured: Measured, language: Language) -> str:
    """Return the counts by profile and by organisation."""
    tables = []
    for name in ("profile", "organisation"):
        rows = "".join(
            f'<tr><th scope="row">{escape(key)}</th><td class="number">{counts.get("asked", 0)}</td>'
            f'<td class="number">{counts.get("reused", 0)}</td></tr>'
            for key, counts in measured.by[name].items()
        )
        names = "".join(
            f'<th scope="col">{escape(word(column, language))}</th>'
            for column in (f"by_{name}", "asked_short", "reused_short")
        )
        tables.append(
            f'<table class="services weeks"><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>'
        )
    return "".join(tables)


def _services(report: WeeklyReport, catalogue: Catalogue, language: Language) -> str:
    if report.services is None:
        return ""
    names = {each.slug: each.name_en if language == "en" else each.name_vi for each in catalogue.procedures}
    by_service = report.measured.by["service"]
    columns = ("service", "due", "level", "link", "asked_short", "reused_short")
    head = "".join(f'<th scope="col">{escape(word(column, language))}</th>' for column in columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(names[state.slug])}</th><td>{state.due}</td>'
        f"<td>{escape(word(state.level, language))}</td><td>{escape(word(state.connected, language))}</td>"
        f'<td class="number">{by_service.get(state.slug, {}).get("asked", 0)}</td>'
        f'<td class="number">{by_service.get(state.slug, {}).get("reused", 0)}</td></tr>'
        for state in report.services.states
    )
    return (
        f"<h2>{escape(word('services', language))}</h2>"
        f'<table class="services"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _sources(report: WeeklyReport, language: Language) -> str:
    if report.services is None:
        return ""
    rows = "".join(f"<li>{escape(text)}</li>" for text in report.services.sources.values())
    return f'<h2>{escape(word("sources", language))}</h2><ul class="sources">{rows}</ul>'
