"""What a start is given as a file: a fault plan, people of one's own. TOML or JSON by the name's ending.

Refuses in one line that names the member.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mock_c06.control.fault_json import PlanBody
from mock_c06.control.people_json import WorldBody, make_person
from mock_c06.control.wording import word_error
from mock_c06.errors import PersonIncomplete, StartRefused
from mock_c06.population.model import Person

_Body = TypeVar("_Body", bound=BaseModel)


def read_plan(path: Path) -> PlanBody:
    """Read a plan; raises `StartRefused`."""
    return _read(path, PlanBody, "plan")


def read_people(path: Path) -> tuple[Person, ...]:
    """Read people as `PUT /runs/{run}/world` takes them; raises `StartRefused`."""
    people: list[Person] = []
    for position, each in enumerate(_read(path, WorldBody, "people").people):
        try:
            people.append(make_person(each, None))
        except PersonIncomplete as error:
            raise StartRefused(f"people {path}: people.{position}.{error.field}: {error.detail}") from error
    return tuple(people)


def _read(path: Path, body: type[_Body], what: str) -> _Body:
    try:
        written = _load(path)
    except OSError as error:
        raise StartRefused(f"{what} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StartRefused(f"{what} {path}: {error}") from error
    try:
        return body.model_validate(written)
    except ValidationError as error:
        where, detail = word_error(error.errors()[0], written)
        raise StartRefused(f"{what} {path}: {where or what}: {detail}") from error


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
