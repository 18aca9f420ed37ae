"""Write the report on a population: text of 80 columns, JSON, an age pyramid as SVG, and a page with all of it.

The SVG has no script, no style attribute and no address of another file, so that it can be shown anywhere. Text beside
the bars says the same as the bars.
"""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from html import escape

from mock_c06.generated.nation import AgeGroup, Figure, NationReport

_TITLE = "Generated population beside the 2019 census"
_WIDTH, _LEFT, _BAR, _TOP, _GAP = 760, 340, 18, 70, 22
_MIDDLE = 30
_PER_CENT = 68.0
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1a1a1a }
  .title { font-size: 16px; font-weight: 600 }
  .men { fill: #2f6690 } .women { fill: #b5525c } .expected { fill: none; stroke: #1a1a1a; stroke-width: 1.5 }
  .census { fill: none; stroke: #6b6b6b; stroke-dasharray: 4 3 }
"""


def write_json(report: NationReport) -> str:
    """Return the report as JSON."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=2)


def write_text(report: NationReport) -> str:
    """Return the report as text."""
    lines = [*_head(report), "", f"{'':<36}{'mock':>9}{'expected':>10}{'census':>9}"]
    lines += [
        f"{figure.label:<36}{figure.mock:>9.2f}{figure.expected:>10.2f}{_census(figure):>9}"
        for figure in report.figures
    ]
    lines += [
        "",
        f"{'age':<10}{'men':>7}{'expected':>10}{'census':>8}   {'women':>8}{'expected':>10}{'census':>8}",
    ]
    lines += [_age_line(group) for group in reversed(report.ages)]
    for what, shares in (
        ("children of a mother", report.mothers),
        ("members of a household", report.households),
    ):
        lines += ["", f"{what}, per cent:", "  " + "  ".join(f"{n}: {share}" for n, share in shares.items())]
    lines += ["", "Sources:"]
    for key, source in report.sources.items():
        lines += textwrap.wrap(f"{key}: {source}", 80, initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _head(report: NationReport) -> tuple[str, ...]:
    read = "all" if report.read == report.population else f"{report.read} of"
    return (
        _TITLE,
        f"population {report.population}, seed {report.seed}: {read} {report.population} records read,",
        f"{report.living} living people counted. Synthetic people.",
    )


def _census(figure: Figure) -> str:
    return f"{figure.census:.2f}" if figure.census is not None else "-"


def _age_line(group: AgeGroup) -> str:
    sides = (
        f"{mock:>7.2f}{expected:>10.2f}{census:>8.2f}"
        for mock, expected, census in zip(group.mock, group.expected, group.census, strict=True)
    )
    return f"{_ages(group):<10}{'    '.join(sides)}"


def _ages(group: AgeGroup) -> str:
    return f"{group.first}+" if group.first == 90 else f"{group.first}-{group.last}"


def write_svg(report: NationReport) -> str:
    """Return the age pyramid: bars of the mock, outlines of what is expected and of the census."""
    groups = tuple(reversed(report.ages))
    height = _TOP + _GAP * len(groups) + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img"',
        ' aria-labelledby="pyramid-title pyramid-text">',
        f'<title id="pyramid-title">{escape(_TITLE)}</title>',
        f'<desc id="pyramid-text">{escape(_description(report))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="20" y="26">{escape(_TITLE)}</text>',
        f'<text x="20" y="46">{escape(f"Population {report.population}, seed {report.seed}; per cent of all people")}</text>',
        *_bars(groups),
        *(_outline(groups, kind) for kind in ("expected", "census")),
        *_axis(height),
        "</svg>",
    ]
    return "\n".join(lines)


def _description(report: NationReport) -> str:
    return "; ".join(
        f"{_ages(group)}: men {group.mock[0]} (expected {group.expected[0]}), "
        f"women {group.mock[1]} (expected {group.expected[1]})"
        for group in report.ages
    )


def _bars(groups: tuple[AgeGroup, ...]) -> Iterator[str]:
    right = _LEFT + 2 * _MIDDLE
    for row, group in enumerate(groups):
        y = _TOP + row * _GAP
        men, women = (share * _PER_CENT for share in group.mock)
        yield f'<rect class="men" x="{_LEFT - men:.1f}" y="{y}" width="{men:.1f}" height="{_BAR}"/>'
        yield f'<rect class="women" x="{right}" y="{y}" width="{women:.1f}" height="{_BAR}"/>'
        yield f'<text x="{_LEFT + _MIDDLE}" y="{y + 13}" text-anchor="middle">{_ages(group)}</text>'


def _outline(groups: tuple[AgeGroup, ...], kind: str) -> str:
    steps: list[str] = []
    for side, sign, start in ((0, -1, _LEFT), (1, 1, _LEFT + 2 * _MIDDLE)):
        points = [f"M{start} {_TOP - 2}"]
        for row, group in enumerate(groups):
            shares = group.expected if kind == "expected" else group.census
            y = _TOP - 2 + row * _GAP
            x = start + sign * shares[side] * _PER_CENT
            points += [f"L{x:.1f} {y}", f"L{x:.1f} {y + _GAP}"]
        steps += [*points, f"L{start} {_TOP - 2 + _GAP * len(groups)}"]
    return f'<path class="{kind}" d="{" ".join(steps)}"/>'


def _axis(height: int) -> Iterator[str]:
    base = height - 42
    for percent in (0, 1, 2, 3, 4):
        for x in (_LEFT - percent * _PER_CENT, _LEFT + 2 * _MIDDLE + percent * _PER_CENT):
            yield f'<text x="{x:.1f}" y="{base}" text-anchor="middle">{percent}</text>'
    yield f'<rect class="men" x="20" y="{height - 28}" width="14" height="14"/>'
    yield f'<text x="40" y="{height - 16}">men (nam)</text>'
    yield f'<rect class="women" x="130" y="{height - 28}" width="14" height="14"/>'
    yield f'<text x="150" y="{height - 16}">women (nữ)</text>'
    yield f'<path class="expected" d="M250 {height - 21} L280 {height - 21}"/>'
    yield f'<text x="288" y="{height - 16}">expected in 2026 (assumption)</text>'
    yield f'<path class="census" d="M490 {height - 21} L520 {height - 21}"/>'
    yield f'<text x="528" y="{height - 16}">census of 1 April 2019</text>'


def write_html(report: NationReport) -> str:
    """Return one page: the pyramid, and a table beside it."""
    figures = "".join(
        f"<tr><th scope='row'>{escape(figure.label)}</th><td>{figure.mock:.2f}</td><td>{figure.expected:.2f}</td>"
        f"<td>{_census(figure)}</td><td>{escape(figure.unit)}</td><td>{escape(figure.source)}</td></tr>"
        for figure in report.figures
    )
    ages = "".join(
        f"<tr><th scope='row'>{_ages(group)}</th>"
        + "".join(
            f"<td>{mock:.2f}</td><td>{expected:.2f}</td><td>{census:.2f}</td>"
            for mock, expected, census in zip(group.mock, group.expected, group.census, strict=True)
        )
        + "</tr>"
        for group in reversed(report.ages)
    )
    sources = "".join(f"<li>{escape(key)}: {escape(text)}</li>" for key, text in report.sources.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(_TITLE)}</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 1.5rem 0 }} th, td {{ padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ccc }}
th[scope=row] {{ text-align: left }} svg {{ max-width: 100%; height: auto }}</style></head><body>
<h1>{escape(_TITLE)}</h1><p>{escape(" ".join(_head(report)[1:]))}</p>
{write_svg(report)}
<table><caption>Figures</caption><tr><th></th><th>mock</th><th>expected</th><th>census</th><th>unit</th><th>source</th></tr>{figures}</table>
<table><caption>Per cent of all people, by age</caption><tr><th>age</th><th>men</th><th>expected</th><th>census</th><th>women</th><th>expected</th><th>census</th></tr>{ages}</table>
<h2>Sources</h2><ul>{sources}</ul></body></html>"""
