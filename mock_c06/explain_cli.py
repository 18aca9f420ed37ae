"""`mock-c06 explain`: which part of a claim differs from the registry. The claim comes by stdin, never by an argument."""

import json
import sys
from itertools import chain
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from mock_c06.app import DEFAULT_SEED
from mock_c06.control.explain_web import ClaimBody
from mock_c06.control.given_files import read_people
from mock_c06.control.wording import word_error
from mock_c06.desk.switches import parse_switches
from mock_c06.errors import StartRefused, SwitchUnknown
from mock_c06.population.personas import load_personas
from mock_c06.population.world_index import WorldIndex
from mock_c06.population_cli import People, Population, PopulationSeed, make_nation
from mock_c06.runs.explaining import explain_in
from mock_c06.runs.world import World

_EXPECTED = "expected one JSON object: full_name, citizen_id or id_card_number, birth_date or birth_year"


def explain_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    population: Population = 0,
    seed: PopulationSeed = DEFAULT_SEED,
    people: People = None,
    switch: Annotated[
        list[str] | None,
        typer.Option("--switch", metavar="NAME[=true|false]", help="As the account has it; repeatable."),
    ] = None,
) -> None:
    """Say which part of a claim differs from the registry. The claim is one JSON object on stdin.

    \b
    Members: citizen_id or id_card_number, full_name, birth_date or birth_year.

    \b
    Examples:
      mock-c06 explain --json < claim.json
      mock-c06 explain --switch year_matches_date < claim.json
      mock-c06 explain --population 1000000 --seed 7 < claim.json
      mock-c06 explain --people our-people.json < claim.json
    """
    try:
        switches = parse_switches(switch or ())
    except SwitchUnknown as unknown:
        raise StartRefused(f"{unknown}: see mock-c06 parity") from unknown
    own_people = read_people(people) if people is not None else ()
    held = chain((persona.person for persona in load_personas()), own_people)
    world = World(WorldIndex(held, beyond=make_nation(population, seed)))
    said = explain_in(world, **_read_claim(), switches=switches)
    if as_json:
        print(json.dumps(said.as_json(), ensure_ascii=False))
    else:
        print(f"differs: {', '.join(said.differs) or 'nothing'}")
        print(f"status: {', '.join(said.status) or 'nobody has this number'}")


def _read_claim() -> dict[str, Any]:
    try:
        sent = json.loads(sys.stdin.buffer.read())
    except (ValueError, RecursionError) as error:
        raise StartRefused(f"stdin: no valid JSON; {_EXPECTED}") from error
    try:
        return ClaimBody.model_validate(sent).model_dump()
    except ValidationError as error:
        member, detail = word_error(error.errors()[0], sent)
        raise StartRefused(f"stdin: {member or 'claim'}: {detail}; {_EXPECTED}") from error
