"""`mock-c06 population sample` and `mock-c06 selfcheck`: take people out of the generated population, and prove it.

A sample is of the people that `serve` answers for with the same `--population` and `--seed`.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from mock_c06.control.bodies import persona_json
from mock_c06.errors import StartRefused, WhereInvalid
from mock_c06.nation.check_nation import Proof, check_nation
from mock_c06.nation.nation import MOST_PEOPLE, Nation
from mock_c06.nation.numbering import BLOCK
from mock_c06.nation.sampling import sample, scatter
from mock_c06.nation.where import parse_where
from mock_c06.population.personas import load_personas
from mock_c06.population.selfcheck import check

DEFAULT_POPULATION = 1_000_000
_LOOKED_AT = 2_000_000
_MOST_SAMPLED = 100_000
_SEED = "1"

Population = Annotated[
    int, typer.Option(min=0, max=MOST_PEOPLE, help="Generated people beside the catalogue; none by default.")
]
People = Annotated[Path | None, typer.Option(help="People of your own, in every run: TOML or JSON.")]
_Size = Annotated[
    int, typer.Option(min=1, max=MOST_PEOPLE, help="Size of the population, as serve was given it.")
]
PopulationSeed = Annotated[str, typer.Option(help="Seed of the population, as serve was given it.")]
_EXAMPLES = """The generated population.

\b
Examples:
  mock-c06 population sample --count 5
  mock-c06 population sample --where "age>80" --count 50 --json
"""
_population = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=_EXAMPLES)


def install_population(app: typer.Typer) -> None:
    """Put the commands on the program."""
    app.add_typer(_population, name="population")
    app.command("selfcheck")(selfcheck_command)


def make_nation(population: int, seed: str) -> Nation | None:
    """Make the generated population, None for a size of 0."""
    return Nation(count=population, seed=seed) if population else None


@_population.callback()
def _root() -> None:
    pass


@_population.command("sample")
def sample_command(
    where: Annotated[str, typer.Option(help="Conditions on people, joined by and; see the examples.")] = "",
    count: Annotated[int, typer.Option(min=1, max=_MOST_SAMPLED, help="How many people.")] = 10,
    population: _Size = DEFAULT_POPULATION,
    seed: PopulationSeed = _SEED,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """Give people of the generated population, for load tests. The same seed gives the same people.

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
    try:
        test = parse_where(where)
    except WhereInvalid as error:
        raise typer.BadParameter(str(error), param_hint="--where") from error
    nation = Nation(count=population, seed=seed)
    people = sample(nation, where=test, count=count, looked_at=_LOOKED_AT, seed=seed)
    if as_json:
        typer.echo(json.dumps([persona_json(person) for person in people], ensure_ascii=False, indent=2))
    else:
        for each in people:
            born = each.person.birth_date or each.person.birth_year
            typer.echo(f"{each.person.citizen_id}  {born!s:<10}  {each.person.full_name}"[:80])
    if len(people) < count:
        looked_at = min(population, _LOOKED_AT)
        raise StartRefused(
            f"only {len(people)} of {count} found among {looked_at} looked at: ask for fewer or widen --where"
        )


def selfcheck_command(
    population: _Size = DEFAULT_POPULATION,
    seed: PopulationSeed = _SEED,
    count: Annotated[
        int, typer.Option("--sample", min=1, help="Generated people looked at; all, if there are no more.")
    ] = 2_000,
) -> None:
    """Check the catalogue of people and a generated population against their own rules.

    \b
    Examples:
      mock-c06 selfcheck
      mock-c06 selfcheck --population 100000000 --seed 7 --sample 20000
    """
    nation = Nation(count=population, seed=seed)
    proof = check_nation(nation, scatter(count, nation))
    people = load_personas()
    complaints = [*check(people), *proof.complaints]
    for complaint in complaints:
        typer.echo(complaint)
    _tell(nation, proof)
    records = proof.looked_at["records"]
    typer.echo(f"selfcheck: {len(people)} people and {records} generated, {len(complaints)} complaints")
    raise typer.Exit(1 if complaints else 0)


def _tell(nation: Nation, proof: Proof) -> None:
    """Say what was proven, and on how much."""
    seen = proof.looked_at
    extent = "all" if seen["records"] == nation.count else f"{seen['records']} of"
    typer.echo(f"population: {extent} {nation.count} records, {sum(seen.values())} things looked at")
    for what, kinds in _PROVEN.items():
        typer.echo(f"  {what}: {', '.join(f'{seen[kind]} {kind}' for kind in kinds)}")
    typer.echo(f"  numbers unique: the fullest cell has {proof.largest_cell} records for {BLOCK} numbers")


_PROVEN = {
    "each number leads back to its record": ("records", "nine-digit numbers"),
    "parents older, and named by their children": ("parents", "children"),
    "spouses name each other": ("spouses",),
    "one head, one place, everybody in it": ("households",),
    "units exist in their list": ("addresses in units-2025-01", "addresses in units-2025-07"),
    "cancelled numbers have one in force": ("numbers issued anew",),
}
