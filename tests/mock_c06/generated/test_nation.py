"""The generated nation beside the census: twenty thousand people, within tolerances, for any seed."""

import json
from functools import cache

import pytest
from lxml import etree

from mock_c06.generated.nation import NationReport, report_on
from mock_c06.generated.population import GeneratedPopulation
from mock_c06.generated.pyramid import write_html, write_json, write_svg, write_text
from mock_c06.generated.sampling import scattered_indexes
from tests.kit.source import ROOT
from tools.fit_population import choose

# For each figure the least and the most, of twenty thousand people.
TOLERANCES = {
    "age_0_4": (6.6, 8.0),
    "under_15": (21.5, 24.0),
    "over_64": (8.8, 11.0),
    "over_89": (0.12, 0.32),
    "boys": (105, 118),
    "never_married": (4.5, 8.0),
    "one_person": (9.8, 12.6),
    "household": (3.3, 3.8),
    "mothers_4_5": (6.5, 12.0),
    "twins": (1.2, 3.2),
    "new_year": (7.0, 14.0),
    "new_units": (94.0, 98.5),
    "second_vowel": (22.0, 40.0),
}
NATIONS = [("7", 20_000), ("1", 50_000_000)]
SVG = "{http://www.w3.org/2000/svg}"


@cache
def nation(seed: str, population: int = 20_000) -> NationReport:
    generated = GeneratedPopulation(count=population, seed=seed)
    return report_on(generated, scattered_indexes(20_000, generated))


@pytest.mark.parametrize(("seed", "population"), NATIONS)
def test_twenty_thousand_people_have_the_figures_of_a_census(seed: str, population: int) -> None:
    told = {figure.key: figure.mock for figure in nation(seed, population).figures}
    assert told.keys() == TOLERANCES.keys()
    outside = {key: told[key] for key, (least, most) in TOLERANCES.items() if not least <= told[key] <= most}
    assert outside == {}


@pytest.mark.parametrize(("seed", "population"), NATIONS)
def test_each_age_group_is_as_large_as_expected_to_half_a_point(seed: str, population: int) -> None:
    off = [
        (group.first, group.mock, group.expected)
        for group in nation(seed, population).ages
        if any(abs(mock - wanted) > 0.5 for mock, wanted in zip(group.mock, group.expected, strict=True))
    ]
    assert off == []
    assert sum(sum(group.mock) for group in nation(seed, population).ages) == pytest.approx(100, abs=0.2)


def test_mothers_have_one_to_eight_children_and_fewer_mothers_have_more() -> None:
    shares = [*nation("7").mothers.values()]
    assert len(shares) == 8
    assert min(shares) > 0.2
    assert shares[1] > shares[0] > shares[2] > shares[3] > shares[4] > shares[5]


def test_households_of_two_to_four_are_two_thirds_of_all() -> None:
    shares = [*nation("7").households.values()]
    assert 55 < sum(shares[1:4]) < 72
    assert shares[3] == max(shares)


def test_the_svg_has_a_bar_for_each_age_and_gender_and_says_the_same_in_words() -> None:
    report = nation("7")
    drawn = etree.fromstring(write_svg(report).encode())
    bars = [rect for rect in drawn.iter(f"{SVG}rect") if float(rect.get("height", "0")) > 14]
    assert len(bars) == 2 * len(report.ages)
    widths = [float(bar.get("width", "0")) for bar in bars if bar.get("class") == "men"]
    men = [group.mock[0] for group in reversed(report.ages)]
    assert widths == pytest.approx([men[0] and share * widths[-1] / men[-1] for share in men], abs=0.4)
    assert f"0-4: men {men[-1]}" in (drawn.findtext(f"{SVG}desc") or "")
    assert {path.get("class") for path in drawn.iter(f"{SVG}path")} == {"expected", "census"}
    assert not [each for each in drawn.iter() if each.get("style") or each.get("href")]


def test_json_and_page_hold_every_figure_and_every_source() -> None:
    report = nation("7")
    told, page = json.loads(write_json(report)), write_html(report)
    assert [figure["key"] for figure in told["figures"]] == [*TOLERANCES]
    assert all(figure.label in page and figure.label in write_text(report) for figure in report.figures)
    assert all(source in page for source in report.sources.values())
    assert {figure.source for figure in report.figures} <= report.sources.keys()


def test_the_clans_are_those_that_the_census_figures_give() -> None:
    strata = (ROOT / "mock_c06" / "generated" / "data" / "strata.tsv").read_text(encoding="utf-8")
    assert strata == choose()


def test_the_documents_show_the_report_and_the_pyramid_of_today() -> None:
    docs = ROOT / "docs"
    figures, _, _ = write_text(nation("7")).partition("\n\nage")
    assert figures in (docs / "mock-population.md").read_text(encoding="utf-8")
    assert (docs / "mock-population.svg").read_text(encoding="utf-8").strip() == write_svg(nation("7"))
