"""Read the files of a start, a fault plan and the user's own people: TOML or JSON, people also CSV, by the suffix.

A file that is not valid raises `StartRefused` with the member's name.
"""

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from mock_c06.bodies import validation_message
from mock_c06.bounded_files import read_bounded
from mock_c06.control.faults_web import PlanBody
from mock_c06.control.people_json import WorldBody, make_person
from mock_c06.control.people_web import parse_csv
from mock_c06.errors import PersonIncomplete, StartRefused
from mock_c06.people.model import Person

_Model = TypeVar("_Model", bound=BaseModel)


def read_plan(path: Path) -> PlanBody:
    """Read a plan; raises `StartRefused`."""
    return _read(path, PlanBody, "plan")


def read_people(path: Path) -> tuple[Person, ...]:
    """Read people as `PUT /runs/{run}/world` takes them; raises `StartRefused`."""
    people: list[Person] = []
    for position, each in enumerate(_read_world(path).people):
        try:
            people.append(make_person(each, None))
        except PersonIncomplete as error:
            raise StartRefused(f"people {path}: people.{position}.{error.field}: {error.detail}") from error
    return tuple(people)


def _read_world(path: Path) -> WorldBody:
    if path.suffix.lower() != ".csv":
        return _read(path, WorldBody, "people")
    try:
        return parse_csv(read_bounded(path))
    except OSError as error:
        raise StartRefused(f"people {path}: {error.strerror}") from error
    except PersonIncomplete as error:
        raise StartRefused(f"people {path}: {error.field}: {error.detail}") from error


def _read(path: Path, body: type[_Model], what: str) -> _Model:
    try:
        written = _load(path)
    except OSError as error:
        raise StartRefused(f"{what} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StartRefused(f"{what} {path}: {error}") from error
    try:
        return body.model_validate(written)
    except ValidationError as error:
        where, detail = validation_message(error.errors()[0], written)
        raise StartRefused(f"{what} {path}: {where or what}: {detail}") from error


def _load(path: Path) -> Any:
    text = read_bounded(path).decode("utf-8-sig")
    if path.suffix.lower() == ".toml":
        return tomllib.loads(text)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"no valid JSON: {error}; the name of a file in TOML ends in .toml") from error
