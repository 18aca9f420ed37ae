"""Whom a running mock confirms."""

from typing import Any

import httpx

from tests.mock_c06.programs import Served
from tests.sockets.programs import control_headers


def find_people(mock: Served) -> list[dict[str, Any]]:
    """Return claims that the mock confirms, each about somebody else."""
    answer = httpx.get(f"{mock.control}/personas", headers=control_headers(mock))
    members = ("citizen_id", "full_name", "birth_date")
    return [
        {name: person[name] for name in members}
        for person in answer.json()
        if person["expect"]["confirmed"] and person["citizen_id"] and person["birth_date"]
    ]
