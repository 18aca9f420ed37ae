"""After a prefill, no table of the store contains readable values of the registry or the claim."""

import re
from collections.abc import Iterable

import pytest
import sqlalchemy as sa

from gateway.storage.database import metadata
from tests.kit.enquiries import CARD, CARD_FIELDS, values, verified
from tests.kit.scene import Portal, Scene

SECRETS = (
    "001090000123", "012345678", "Nguyễn", "NGUYỄN", "NGUYENVANAN", "Văn An", "1990-01-31", "19900131",
    "BÌNH", "TRÚC BẠCH", "00004", "Việt Nam", "LÊ THỊ DUNG", "001060000456", "can.bo.01",
)  # fmt: skip


@pytest.mark.parametrize("by", ["citizen", "officer"])
async def test_threat_15_no_table_contains_a_value_name_number_or_date_of_the_citizen(
    scene: Scene, portal: Portal, by: str
) -> None:
    initiated_by = {"kind": by} | ({"id": "can.bo.01"} if by == "officer" else {})
    act = await verified(portal, CARD, initiated_by=initiated_by)
    answer = await act.fill(*CARD_FIELDS, initiated_by=initiated_by)
    assert len(values(answer)) >= 12
    await portal.verify(claim={"citizen_id": "001090000123", "full_name": "Văn An Sai", "birth_year": 1990})

    assert await find_stored(scene, SECRETS) == []
    dossier = act.members["dossier"]
    assert ("verifications", dossier) in await find_stored(scene, [dossier])


async def find_stored(scene: Scene, secrets: Iterable[str]) -> list[tuple[str, str]]:
    """Return the tables that contain one of these, and which. Digits inside a longer hexadecimal number are its own."""
    patterns = {
        secret: re.compile(b"(?<![0-9a-f])" + re.escape(secret.encode()) + b"(?![0-9a-f])")
        for secret in secrets
    }
    async with scene.gateway.deps.database.read() as connection:
        return [
            (table.name, secret)
            for table in metadata.sorted_tables
            for row in await connection.execute(sa.select(table))
            for value in row
            for secret, pattern in patterns.items()
            if pattern.search(value if isinstance(value, bytes) else str(value).encode())
        ]


async def test_the_delivered_row_contains_the_names_of_fields_and_no_value(
    scene: Scene, portal: Portal
) -> None:
    act = await verified(portal)
    answer = await act.fill("full_name", "nationality", "child_full_name")

    delivered = (await scene.audit())[-1]
    assert (delivered["kind"], delivered["fields"]) == ("delivered", ["full_name", "nationality"])
    assert (delivered["outcome"], delivered["verification"]) == (answer.json()["id"], act.members["id"])
