"""The report as one page that prints on one sheet of A4, with a chart in SVG: `templates/weekly.html`.

No script, no style attribute, no address of another place. The chart's colours are attributes of its shapes, so that a
policy without inline styles shows it; the command line's page carries its stylesheet, a route links it.
"""

from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from gateway.clock import Week
from gateway.identifiers import Language
from gateway.procedures.catalogue import Catalogue
from gateway.reports.figures import measured_lines, service_names, services_lines, word
from gateway.reports.use_cases import Measured, WeeklyReport

if TYPE_CHECKING:
    from jinja2 import Template

STYLESHEET = """:root { color-scheme: light; --ink: #1b1b1b; --paper: #fff; --line: #d0d0d0; --link: #0b5394 }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --ink: #e8eaed; --paper: #14181d; --line: #3a424c; --link: #8ec3ff } }
body { font: 9pt/1.3 "Be Vietnam Pro", system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 190mm; margin: 8mm auto; padding: 0 4mm }
h1 { font-size: 15pt; margin: 0 0 1mm } h2 { font-size: 10.5pt; margin: 2mm 0 .5mm }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35mm 1.5mm .35mm 0; border-bottom: .2mm solid var(--line); font-weight: 400; vertical-align: top }
thead th { font-weight: 600 } td.number { text-align: right; font-variant-numeric: tabular-nums }
.services { font-size: 7.5pt } .services th, .services td { padding: .15mm 1.5mm .15mm 0 } .services td, .weeks th { white-space: nowrap } .weeks thead th + th, .list thead th:nth-last-child(-n + 2) { text-align: right } .sources { font-size: 7.5pt; margin: 2mm 0 0; padding-left: 4mm } svg { width: 100%; height: auto }
table + table { margin-top: 2mm } a { color: var(--link) } nav { margin-bottom: 3mm; font-size: 1rem; line-height: 2 }
@media screen { .columns tbody th { width: 58% } body { font-size: 1rem; line-height: 1.5; max-width: 68rem; padding: 0 1rem } h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem } .services, .sources { font-size: .875rem } th, td, .services th, .services td { padding: .3rem .6rem .3rem 0 } .columns { gap: 0 2.5rem } }
@media screen and (max-width: 60rem) { .columns { display: block } .services td, .services th { white-space: normal } }
@media screen and (max-width: 40rem) { th, td { overflow-wrap: anywhere } .services { font-size: .8125rem } .services th, .services td { padding-right: .35rem } svg { overflow: visible } svg text { font-size: 17px }
.list tr { display: grid; grid-template-columns: 1.08fr 1fr 1.22fr 1.15fr .85fr; border-bottom: .2mm solid var(--line) } .list tr > :first-child { grid-column: 1 / -1 } .list th, .list td { border: 0; overflow-wrap: normal } .list tbody td { padding-top: 0 } .list tbody td:nth-child(2) { white-space: nowrap } }
@page { size: A4; margin: 8mm }
@media print { nav { display: none } .columns tbody th { width: 60% } body { font-size: 8.5pt; margin: 0; padding: 0; max-width: none } :lang(en) .services { font-size: 6.8pt; line-height: 1.2 } tr, svg { break-inside: avoid } }
"""
_LONGEST = 70
"""Characters of a list of services on the page, which only counts more of them: its sheet has no place for 25 names."""

_MOST = 3
"""Rows of a table of portals or organisations."""
_NAME, _ACCOUNT = 24, len("acc_") + 8
"""Characters of a portal's or organisation's name, and of an account's id: those that the commands take."""

_WIDTH, _BASE, _LEFT = 560, 120, 36
_ASKED, _REUSED = "#4a86b5", "#b87503"  # three to one against both papers


@cache
def _template() -> "Template":
    # A worker that shows no page has 3 MiB less without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - as said

    return Environment(
        loader=PackageLoader("gateway.reports", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    ).get_template("weekly.html")  # fmt: skip


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
    names = service_names(catalogue, language)
    short = service_names(catalogue, language, both=False)
    services, by = report.services, report.measured.by
    return _template().render(
        language=language,
        word=partial(word, language=language),
        title=f"{word('title', language)} · {word('week', language)} {report.week}",
        stylesheet=stylesheet,
        style=STYLESHEET,
        links=_links(report.week, newest, language) if newest else (),
        services_lines=services_lines(report, short, language, most=_LONGEST),
        measured_lines=measured_lines(report, short, language, most=_LONGEST),
        chart=_draw_chart(report.weeks),
        groups={
            name: [(_label(key, report.names), *counts) for key, *counts in _busiest(found)]
            for name, found in by.items()
            if name != "service"
        },
        weeks=[(week, each.asked, each.reused) for week, each in report.weeks],
        services=[
            (state, names[state.slug], *_counts(by["service"].get(state.slug, {})))
            for state in (services.states if services else ())
        ],
        sources=[each[language] for each in services.sources.values()] if services else (),
    )


def _links(week: Week, newest: Week, language: Language) -> list[tuple[str, Week, Language]]:
    """Return name, week and language of each link."""
    other = Language.EN if language is Language.VI else Language.VI
    links = [("before", week.before(1), language)]
    links += [("after", week.before(-1), language)] if week < newest else []
    return [*links, ("other_language", week, other)]


def _counts(found: Mapping[str, int]) -> tuple[int, int]:
    return found.get("asked", 0), found.get("reused", 0)


def _busiest(groups: Mapping[str, Mapping[str, int]]) -> list[tuple[str, int, int]]:
    """Return the groups with the most enquiries, and the others in one row: the sheet has no place for all."""
    rows = sorted(((key, *_counts(found)) for key, found in groups.items()), key=lambda row: -row[1] - row[2])
    if len(rows) <= _MOST:
        return rows
    others = rows[_MOST - 1 :]
    summed = f"+ {len(others)}", sum(row[1] for row in others), sum(row[2] for row in others)
    return [*rows[: _MOST - 1], summed]


def _label(key: str, names: Mapping[str, str]) -> str:
    """Return the name and the id of an account or organisation, cut to the width of the column."""
    name = names.get(key)
    if name is None:
        return key
    shown = key[:_ACCOUNT] if key.startswith("acc_") else key
    return f"{name if len(name) <= _NAME else name[: _NAME - 1].rstrip() + '…'} · {shown}"


def _draw_chart(counted: Iterable[tuple[Week, Measured]]) -> dict[str, Any]:
    """Return the positions and sizes of the chart: two bars a week, questions and reuses."""
    weeks = tuple(counted)
    most = max([1, *(max(each.asked, each.reused) for _, each in weeks)])
    wide = (_WIDTH - _LEFT) / len(weeks)
    starts = [_LEFT + position * wide for position in range(len(weeks))]
    bars = [
        (x + shift * wide, count / most * (_BASE - 8), colour)
        for x, (_, each) in zip(starts, weeks, strict=True)
        for shift, count, colour in ((0.12, each.asked, _ASKED), (0.48, each.reused, _REUSED))
    ]
    return {
        "left": _LEFT,
        "base": _BASE,
        "most": most,
        "width": round(0.32 * wide, 1),
        "bars": [(round(x, 1), round(_BASE - tall, 1), round(tall, 1), colour) for x, tall, colour in bars],
        "labels": [
            (round(x + wide / 2, 1), str(week)[5:]) for x, (week, _) in zip(starts, weeks, strict=True)
        ],
        "legend": ((_LEFT, "asked_short", _ASKED), (_LEFT + 270, "reused_short", _REUSED)),
    }
