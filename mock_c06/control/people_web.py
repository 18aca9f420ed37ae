"""The people of a run, one at a time or found by conditions, generated ones too; and people from a CSV file.

A nine-digit number may have several holders: then one of them must be named by twelve digits. Generated people are
computed, so a search reads at most `_LOOKED_AT` of their records.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError, field_validator

from mock_c06.bodies import ControlBody, Integer, validation_message
from mock_c06.clock import VIETNAM
from mock_c06.control.people_json import PersonBody, WorldBody, make_person, person_json
from mock_c06.control.problems import guarded_router
from mock_c06.control.world_warnings import warnings_json
from mock_c06.errors import EventRefused, PersonIncomplete, PersonUnknown, WhereInvalid
from mock_c06.generated.sampling import parse_where, sample
from mock_c06.matching import fold_name
from mock_c06.people.model import Claim, Person, person_key
from mock_c06.runs.run import Run, Runs
from mock_c06.runs.world import World

_LOOKED_AT = 20_000


class FindBody(ControlBody):
    """Conditions on people: the catalogue's and the run's own by name and household, generated ones by `where`."""

    full_name: str | None = Field(default=None, max_length=200, description="Compared as C06 compares it.")
    birth_year: Integer | None = Field(default=None, ge=1, le=9999)
    household: str | None = Field(default=None, max_length=200)
    where: str | None = Field(
        default=None,
        max_length=500,
        description="As in mock-c06 population sample; an empty text is anybody.",
    )
    limit: Integer = Field(default=20, ge=1, le=1000)

    @field_validator("where")
    @classmethod
    def _is_readable(cls, where: str | None) -> str | None:
        try:
            parse_where(where or "")
        except WhereInvalid as error:
            raise ValueError(str(error)) from error
        return where

    def find(self, world: World) -> list[Person]:
        """Return the people, the catalogue's and the run's own first."""
        if self.where is not None:
            return self._generated(world)
        of_household = world.household(self.household) if self.household is not None else None
        people = world.everybody() if of_household is None else of_household
        return [person for person in people if self._fits(person)][: self.limit]

    def _generated(self, world: World) -> list[Person]:
        generated = world.generated
        if generated is None:
            return []
        where = parse_where(self.where or "")
        found = sample(generated, where=where, count=self.limit, looked_at=_LOOKED_AT, seed=generated.seed)
        now = (world.find_by_key(person_key(each.person)) for each in found)
        return [person for person in now if person is not None and self._fits(person)]

    def _fits(self, person: Person) -> bool:
        if self.full_name is not None and fold_name(self.full_name) != fold_name(person.full_name):
            return False
        if self.household is not None and self.household != person.household:
            return False
        return self.birth_year in {None, person.birth_year}


def people_routes(runs: Runs) -> APIRouter:
    """Make the routes."""
    router = guarded_router("runs")

    @router.get("/runs/{run}/world/people/{number}")
    async def read_person(run: str, number: str) -> dict[str, Any]:
        """Return one person of this run by twelve or nine digits, a generated one too."""
        return person_json(get_person(runs.get(run).world, number))

    @router.delete("/runs/{run}/world/people/{number}", status_code=204)
    async def remove_person(run: str, number: str) -> Response:
        """Remove one person from this run: the registry no longer knows the number."""
        world = runs.get(run).world
        world.remove(person_key(get_person(world, number)))
        return Response(status_code=204)

    @router.post("/runs/{run}/world/people/find")
    async def find_people(run: str, body: FindBody) -> dict[str, Any]:
        """Return people by name and household, or generated ones by conditions such as `age>80 and province=01`."""
        return {"people": [person_json(person) for person in body.find(runs.get(run).world)]}

    @router.put(
        "/runs/{run}/world/people",
        openapi_extra={
            "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
        },
    )
    async def import_people(run: str, request: Request) -> dict[str, Any]:
        """Add or change people from CSV in UTF-8: all of them, or none if one is invalid."""
        found = runs.get(run)
        return put_people(found, parse_csv(await request.body()))

    return router


def get_person(world: World, number: str) -> Person:
    """Return the one person with that number; raises `PersonUnknown`, `EventRefused` for a number of several."""
    claim = Claim(
        citizen_id=number if len(number) == 12 else None,
        id_card_number=number if len(number) == 9 else None,
        full_name="",
    )
    found = world.find(claim)
    if not found:
        raise PersonUnknown("number")
    if len(found) > 1:
        raise EventRefused("number", f"{len(found)} people have this number: name one by twelve digits")
    return found[0]


def put_people(run: Run, body: WorldBody) -> dict[str, Any]:
    """Put people into the run, all of them or none, and write them with warnings of what can't be; raises
    `PersonIncomplete`."""
    put: list[tuple[Person, Person | None]] = []
    for position, person in enumerate(body.people):
        try:
            known = _find_known(run.world, person)
            put.append((make_person(person, known), known))
        except PersonIncomplete as error:
            raise PersonIncomplete(f"people.{position}.{error.field}", error.detail) from error
    for each, _ in put:
        run.world.put(each)
    today = run.clock.now().astimezone(VIETNAM).date()
    warnings = warnings_json(put, run.world, today)
    return {"people": [person_json(each) for each, _ in put], "warnings": warnings}


def _find_known(world: World, body: PersonBody) -> Person | None:
    """Return whom the body changes: nine digits alone are the one person who has them, with or without twelve."""
    known = world.find_by_key(body.key())
    if known is not None or body.id_card_number is None or "citizen_id" in body.model_fields_set:
        return known
    holders = world.find(Claim(id_card_number=body.id_card_number, full_name=""))
    return holders[0] if len(holders) == 1 else None


def parse_csv(content: bytes) -> WorldBody:
    """Read people from CSV: the header has the members' names, inner ones with a dot (`father.full_name`); an empty
    cell is an absent member. A header without a comma may have semicolons, as Excel writes CSV in Vietnam. Raises
    `PersonIncomplete` naming the member and the line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PersonIncomplete("people", "CSV in UTF-8 is expected") from error
    header = text.partition("\n")[0]
    separator = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    people: list[PersonBody] = []
    line = 1  # the first of the row: a quote that is never closed runs to the end
    try:
        names = next(reader, [])
        _check_header(names)
        line = reader.line_num + 1
        for row in reader:
            if any(cell.strip() for cell in row):  # Excel keeps the separators of a row that was emptied
                if len(row) > len(names):
                    raise PersonIncomplete("people", f"line {line} has more cells than the header")
                cells = {name: cell for name, cell in zip(names, row, strict=False) if cell}
                people.append(_read_person(_nested(cells, line), len(people), line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise PersonIncomplete("people", f"line {line} is no CSV: {error}") from error
    if not people:
        raise PersonIncomplete("people", "there is no person after line 1, which has the members' names")
    return WorldBody(people=people)


def _check_header(names: Sequence[str] | None) -> None:
    """Raise `PersonIncomplete` for an empty file, tabs between the names, or a name twice."""
    if not names:
        raise PersonIncomplete("people", "line 1: the members' names are expected")
    if "\t" in "".join(names):
        raise PersonIncomplete("people", "line 1: commas or semicolons are expected between the names")
    counts = Counter(name.strip() for name in names if name.strip())
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise PersonIncomplete("people", f"line 1 has {twice} twice")


def _read_person(written: dict[str, Any], position: int, line: int) -> PersonBody:
    try:
        return PersonBody.model_validate(written)
    except ValidationError as error:
        member, detail = validation_message(error.errors()[0], written)
        raise PersonIncomplete(f"people.{position}.{member}", f"line {line}: {detail}") from error


def _nested(row: dict[str, str], line: int) -> dict[str, Any]:
    person: dict[str, Any] = {}
    for name, cell in row.items():
        outer, dot, inner = name.strip().partition(".")
        if dot:
            members = person.setdefault(outer, {})
            if not isinstance(members, dict):
                raise PersonIncomplete(f"people.{outer}", f"line {line} has a value and members of it")
            members[inner] = cell
        else:
            person[outer] = _typed(outer, cell)
    return person


def _typed(name: str, cell: str) -> Any:
    """Return a cell as JSON would have it: a year is a number, `alive` is true or false, everything else is text."""
    if name == "birth_year" and cell.isascii() and cell.isdigit() and len(cell) < 10:
        return int(cell)
    return {"true": True, "false": False}.get(cell.lower(), cell) if name == "alive" else cell
