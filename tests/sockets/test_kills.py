"""Threat 34: a gateway that is killed at any moment, repeatedly, loses no evidence and needs no repair."""

import asyncio
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit.store import audit_entries
from gateway.enquiries.store import verifications
from tests.kit.groups import kill_whole, make_place
from tests.kit.programs import Place, Served, place_beside, store_of
from tests.kit.scene import AGENCY
from tests.kit.stores import Server, opened
from tests.sockets.load import steady_load

KILLS = 4


def test_threat_34_killing_a_sqlite_gateway_under_load_loses_no_evidence(
    mock: Served, tmp_path: Path
) -> None:
    place = place_beside(mock, tmp_path)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    _kill_again_and_again(place, workers=1)


@pytest.mark.postgresql
def test_threat_34_killing_a_group_of_workers_under_load_loses_no_evidence(
    mock: Served, postgresql_server: Server, tmp_path: Path
) -> None:
    place = make_place(mock, postgresql_server, tmp_path)
    _kill_again_and_again(place, workers=2)


def _kill_again_and_again(place: Place, *, workers: int) -> None:
    account = place.make_account()
    answered: list[tuple[int, str]] = []
    for number in range(KILLS):
        with (
            place.serving(workers=workers) as running,
            steady_load(running, account, callers=4, name=f"HN-{number}") as load,
        ):
            load.wait_for(12 + 5 * number)
            kill_whole(running)
        answered += load.answers
        assert load.statuses() <= {200, 201}
    assert place.run("audit", "verify")["ok"] is True
    kinds, stored = asyncio.run(_read_evidence(store_of(place)))
    assert [
        identifier for status, identifier in answered if not _is_shown(status, kinds.get(identifier))
    ] == []
    assert stored - set(kinds) == set(), "a verification without evidence"
    assert {identifier for _, identifier in answered} <= stored


def _is_shown(status: int, kinds: set[str] | None) -> bool:
    """Say whether the rows of an answer exist: a question asked, or a reuse."""
    return kinds is not None and ({"intended", "answered"} <= kinds if status == 201 else "reused" in kinds)


async def _read_evidence(url: str) -> tuple[dict[str, set[str]], set[str]]:
    """Return the kinds of rows of each verification's enquiry, and the stored verifications."""
    async with opened(url) as database, database.read() as connection:
        bodies = [json.loads(body) for body in await connection.scalars(sa.select(audit_entries.c.body))]
        stored = set(await connection.scalars(sa.select(verifications.c.id)))
    acts: dict[str, set[str]] = {}
    for body in bodies:
        acts.setdefault(body["act"], set()).add(body["kind"])
    return {body["verification"]: acts[body["act"]] for body in bodies if "verification" in body}, stored
