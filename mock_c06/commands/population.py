"""`mock-c06 population sample|report` and `mock-c06 selfcheck`: choose people of the generated population, compare it
with the census, and check it.

`serve` answers for the people of a sample if it has the same `--population` and `--seed`.
"""

import json
import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mock_c06.commands.lines import print_wrapped
from mock_c06.errors import StartRefused, WhereInvalid
from mock_c06.generated.check import PopulationCheck, check_generated
from mock_c06.generated.nation import report_on
from mock_c06.generated.numbering import BLOCK
from mock_c06.generated.population import MAX_PEOPLE, GeneratedPopulation
from mock_c06.generated.pyramid import write_html, write_json, write_svg, write_text
from mock_c06.generated.sampling import parse_where, sample, scattered_indexes
from mock_c06.people.personas import load_personas
from mock_c06.people.selfcheck import check_catalogue

DEFAULT_POPULATION = 1_000_000
_LOOKED_AT = 2_000_000
_MAX_SAMPLE = 100_000
_SEED = "1"


def _parse_size(least: int) -> Callable[[object], int]:
    def parse(written: object) -> int:
        text = str(written)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= MAX_PEOPLE:
            raise typer.BadParameter(f"a whole number from {least} to {MAX_PEOPLE} is expected")
        return int(text)

    return parse


Population = Annotated[
    int,
    typer.Option(
        parser=_parse_size(0), metavar="N",
        help=f"Number of generated people, besides the catalogue; 0 by default, at most {MAX_PEOPLE}.",
    ),
]  # fmt: skip
People = Annotated[Path | None, typer.Option(help="Your own people, in every run: TOML, JSON or CSV.")]
_Size = Annotated[
    int, typer.Option(parser=_parse_size(1), metavar="N", help="Size of the population, as given to serve.")
]
_PopulationSeed = Annotated[str, typer.Option(help="Seed of the population, as given to serve.")]
WorldSeed = Annotated[
    str, typer.Option(help="Seed of people, and of secrets unless MOCK_C06_SECRET_SEED is set.")
]
_EXAMPLES = """The generated population.

\b
Examples:
  mock-c06 population sample --count 5
  mock-c06 population sample --where "age>80" --count 50 --json
  mock-c06 population report --format svg > pyramid.svg
"""
population_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_EXAMPLES)


def make_generated(population: int, seed: str) -> GeneratedPopulation | None:
    """Make the generated population, None for a size of 0."""
    return GeneratedPopulation(count=population, seed=seed) if population else None


@population_app.callback()
def _root() -> None:
    pass


@population_app.command("sample")
def sample_command(
    where: Annotated[str, typer.Option(help="Conditions on people, joined by and: see the examples.")] = "",
    count: Annotated[int, typer.Option(min=1, max=_MAX_SAMPLE, help="How many people.")] = 10,
    population: _Size = DEFAULT_POPULATION,
    seed: _PopulationSeed = _SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Print people of the generated population, for load tests. The same seed gives the same people.

    \b
    Fields: age birth_year gender province ethnicity status
            alive married has_id_card year_only (yes or no)
    Compare with = != and, where there is an order, < <= > >=

    \b
    Examples:
      mock-c06 population sample --where "age>80" --count 50 --json
      mock-c06 population sample --where "ethnicity=HMông and not married"
      mock-c06 population sample --where "province=079 and has_id_card" --seed 7
    """
    from mock_c06.control.people_json import persona_json

    try:
        test = parse_where(where)
    except WhereInvalid as error:
        raise typer.BadParameter(str(error), param_hint="--where") from error
    generated = GeneratedPopulation(count=population, seed=seed)
    people = sample(generated, where=test, count=count, looked_at=_LOOKED_AT, seed=seed)
    if as_json:
        typer.echo(json.dumps([persona_json(person) for person in people], ensure_ascii=False, indent=2))
    else:
        for each in people:
            born = each.person.birth_date or each.person.birth_year
            typer.echo(f"{each.person.citizen_id}  {born!s:<10}  {each.person.full_name}")
    if len(people) < count:
        looked_at = min(population, _LOOKED_AT)
        raise StartRefused(
            f"only {len(people)} of {count} found among {looked_at} records: use a smaller --count or a wider --where"
        )


class ReportFormat(StrEnum):
    """The forms of the report."""

    TEXT = "text"
    JSON = "json"
    SVG = "svg"
    HTML = "html"


_WRITERS = {
    ReportFormat.TEXT: write_text,
    ReportFormat.JSON: write_json,
    ReportFormat.SVG: write_svg,
    ReportFormat.HTML: write_html,
}


@population_app.command("report", short_help="Compare the generated population with the census.")
def report_command(
    population: _Size = DEFAULT_POPULATION,
    seed: _PopulationSeed = _SEED,
    count: Annotated[
        int, typer.Option("--sample", min=1, help="Number of people to count; all, if there are fewer.")
    ] = 20_000,
    written: Annotated[
        ReportFormat, typer.Option("--format", help="The report's form; svg: the age pyramid.")
    ] = ReportFormat.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Print how the generated population compares with the census: ages, families, households, addresses.

    \b
    Examples:
      mock-c06 population report --population 20000 --seed 7
      mock-c06 population report --format html > population.html
    """
    generated = GeneratedPopulation(count=population, seed=seed)
    report = report_on(generated, scattered_indexes(count, generated))
    typer.echo(_WRITERS[ReportFormat.JSON if as_json else written](report))


def selfcheck_command(
    population: _Size = DEFAULT_POPULATION,
    seed: _PopulationSeed = _SEED,
    count: Annotated[
        int,
        typer.Option("--sample", min=1, help="Number of generated people to check; all, if there are fewer."),
    ] = 2_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the catalogue of people and a generated population against their own rules.

    \b
    Examples:
      mock-c06 selfcheck
      mock-c06 selfcheck --population 100000000 --seed 7 --sample 20000
      mock-c06 selfcheck --json
    """
    generated = GeneratedPopulation(count=population, seed=seed)
    check = check_generated(generated, scattered_indexes(count, generated))
    people = load_personas()
    complaints = [*check_catalogue(people), *check.complaints]
    if as_json:
        _print_check(generated, check, people=len(people), complaints=complaints)
        raise typer.Exit(1 if complaints else 0)
    for complaint in complaints:
        print_wrapped(complaint)
    _print_extent(generated, check)
    records = check.looked_at["records"]
    print_wrapped(f"selfcheck: {len(people)} people and {records} generated, {len(complaints)} complaints")
    raise typer.Exit(1 if complaints else 0)


def _print_check(
    generated: GeneratedPopulation, check: PopulationCheck, *, people: int, complaints: list[str]
) -> None:
    counts = check.looked_at
    told = {
        "population": generated.count,
        "records": counts["records"],
        "people": people,
        "checks": [
            {"rule": rule, "looked_at": kind, "count": counts[kind]}
            for rule, kinds in _CHECKED.items()
            for kind in kinds
        ],
        "largest_cell": check.largest_cell,
        "complaints": complaints,
    }
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


def _print_extent(generated: GeneratedPopulation, check: PopulationCheck) -> None:
    counts = check.looked_at
    extent = "all" if counts["records"] == generated.count else f"{counts['records']} of"
    print_wrapped(f"population: {extent} {generated.count} records, {sum(counts.values())} checks")
    for what, kinds in _CHECKED.items():
        print_wrapped(f"  {what}: {', '.join(f'{counts[kind]} {kind}' for kind in kinds)}", indent=4)
    print_wrapped(
        f"  numbers unique: the fullest cell has {check.largest_cell} records for {BLOCK} numbers", indent=4
    )


_CHECKED = {
    "each number finds its record": ("records", "nine-digit numbers"),
    "parents are older, and children name them": ("parents", "children"),
    "spouses name each other": ("spouses",),
    "one head, one address, all members": ("households",),
    "addresses are in their list": ("addresses in units-2025-01", "addresses in units-2025-07"),
    "cancelled numbers have a new one": ("numbers issued anew",),
}
