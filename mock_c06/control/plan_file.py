"""A fault plan from a file, TOML or JSON by its name's ending. Refuses in one line that names the member."""

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mock_c06.control.fault_json import PlanBody
from mock_c06.control.wording import word_error
from mock_c06.errors import StartRefused


def read_plan(path: Path) -> PlanBody:
    """Read a plan; raises `StartRefused`."""
    try:
        written = _load(path)
    except OSError as error:
        raise StartRefused(f"plan {path}: {error.strerror}") from error
    except ValueError as error:
        raise StartRefused(f"plan {path}: {error}") from error
    try:
        return PlanBody.model_validate(written)
    except ValidationError as error:
        where, detail = word_error(error.errors()[0], written)
        raise StartRefused(f"plan {path}: {where or 'plan'}: {detail}") from error


def _load(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
