"""Read the services' figures by week from `data/services.toml`. Every figure there has its source."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from gateway.reports.model import Services, ServiceState, Week, parse_week


def find_services(week: Week) -> Services | None:
    """Return the figures of the latest reported week up to this one, None before the first."""
    data = _read()
    reported = sorted(parse_week(text) for text in data["weeks"])
    known = [each for each in reported if each <= week]
    if not known:
        return None
    as_of = data["weeks"][str(known[-1])]
    return Services(
        as_of=known[-1],
        states=tuple(_state(slug, row, known) for slug, row in data["services"].items()),
        level_4_unnamed=as_of["level_4_unnamed"],
        source=as_of["source"],
        sources=data["sources"],
    )


def _state(slug: str, row: dict[str, Any], known: list[Week]) -> ServiceState:
    told = next(row["weeks"][str(week)] for week in reversed(known) if str(week) in row["weeks"])
    return ServiceState(slug=slug, due=row["due"], **told)


@cache
def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("data/services.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
