"""Threat 38: values of other types, which SQLite keeps in any column of text or numbers, hide in no check and stop none."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from gateway.audit.log import AuditLog
from gateway.audit.model import Kind, leaf_hash
from gateway.audit.store import audit_subtrees
from gateway.audit.tree_store import list_subtrees
from gateway.audit.verify import verify_state
from gateway.cleanup import PATIENCE, close_orphans
from gateway.clock import Period
from gateway.errors.operators import AuditBroken
from gateway.inspection.store import find_rows, search
from tests.attacks.test_entries_beside_the_audit import erase_rows
from tests.attacks.test_forged_evidence import broken
from tests.kit.audit import SignedLog, entry


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """PostgreSQL keeps no value of another type."""
    return sqlite_url


async def write(signed: SignedLog, text: str, **values: object) -> None:
    async with signed.database.write() as connection:
        await connection.execute(sa.text(text), values)


async def test_threat_38_a_hash_between_two_subtrees_is_found_and_hides_no_proof(signed: SignedLog) -> None:
    """SQLite keeps 0.5 in a column of whole numbers, and it is between 0 and 1."""
    await signed.log.record(*(entry() for _ in range(600)))
    await signed.sign()
    stray = {"level": 1, "position": 0.5, "hash": "ab" * 32}
    async with signed.database.write() as connection:
        await connection.execute(sa.insert(audit_subtrees).values(stray))
    assert await broken(signed) == "audit_subtrees: a hash is stored of rows that are not in the signed tree"
    async with signed.database.read() as connection:
        assert len(await list_subtrees(connection, level=1, after=0, most=2)) == 2


async def test_threat_38_bytes_in_place_of_a_hash_are_named(signed: SignedLog) -> None:
    await signed.log.record(*(entry() for _ in range(300)))
    await signed.sign()
    await write(signed, "UPDATE audit_subtrees SET hash = CAST(hash AS BLOB)")
    assert await broken(signed) == "row 1: a stored hash of the tree over it was changed"


@pytest.mark.parametrize(
    "value", ["'x'", "x'ff'", "CAST(x'ff' AS TEXT)", "6.5", "1e308", "9223372036854775807"]
)
@pytest.mark.parametrize(
    "place", ["audit_rows SET entry = {} WHERE row = 6", "audit_entries SET id = {} WHERE id = 6"]
)
async def test_threat_38_an_id_that_is_none_stops_no_record(
    signed: SignedLog, place: str, value: str
) -> None:
    await write(signed, f"UPDATE {place}".format(value))
    await signed.log.record(entry())
    await AuditLog(signed.database, signed.log.macs).record(entry())
    assert (await signed.sign()).size == 8
    assert await broken(signed) == "row 6: its content is missing"


@pytest.mark.parametrize(
    "value", ["'x'", "x'ff'", "CAST(x'ff' AS TEXT)", "6.5", "-1e300", "9223372036854775807"]
)
async def test_threat_38_an_entry_whose_id_is_none_stops_no_search_of_a_period(
    signed: SignedLog, value: str
) -> None:
    await write(signed, f"UPDATE audit_rows SET entry = {value} WHERE row = 6")
    await write(signed, f"UPDATE audit_entries SET id = {value} WHERE id = 6")
    now = signed.clock.now()
    for period in (Period(now - timedelta(days=9), None), Period(None, now + timedelta(days=9))):
        found = await search(signed.database, {}, period=period)
        assert json.loads(json.dumps(found.rows)) == list(found.rows)
        assert {1, 5} <= {each["row"] for each in found.rows}
        async with signed.database.read() as connection:
            assert await find_rows(connection, period) is not None


@pytest.mark.parametrize("value", ["'x'", "x'ff'", "CAST(x'ff' AS TEXT)", "6.5", "9223372036854775807"])
async def test_threat_38_a_question_whose_id_is_none_stops_no_cleanup(signed: SignedLog, value: str) -> None:
    await signed.log.record(entry(kind=Kind.INTENDED, request_code="GW-1"))
    await signed.log.record(entry(kind=Kind.INTENDED, request_code="GW-2"))
    await signed.sign()
    await write(signed, f"UPDATE audit_rows SET entry = {value} WHERE row = 7")
    await write(signed, f"UPDATE audit_entries SET id = {value} WHERE id = 7")
    now = signed.clock.now() + 2 * PATIENCE
    assert await close_orphans(signed.database, signed.log, now=now) == 1 + (value == "6.5")
    await signed.log.record(entry(kind=Kind.INTENDED, request_code="GW-3"))
    assert await close_orphans(signed.database, signed.log, now=now) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("entry = 'x'", "row 2: its entry is no number"),
        ("entry = x'ff'", "row 2: its entry is no number"),
        ("leaf = 'x'", "row 2: its leaf is no hash"),
        ("leaf = CAST(leaf AS BLOB)", "row 2: its leaf is no hash"),
        ("leaf = leaf || ' '", "row 2: its leaf is no hash"),
    ],
)
async def test_threat_38_a_row_without_its_entry_still_has_a_number_and_a_hash(
    signed: SignedLog, change: str, reason: str
) -> None:
    await erase_rows(signed, 2, 3)
    await signed.sign()
    assert await broken(signed) == ""
    await write(signed, f"UPDATE audit_rows SET {change} WHERE row = 2")
    assert await broken(signed) == reason


@pytest.mark.parametrize(
    "body", ["", "x", "[]", "5", "null", "[" * 3000, '{"erased":5}', '{"erased":null}', '{"erased":{"a":1}}']
)
async def test_threat_38_an_erasure_that_is_none_is_named_and_excuses_no_missing_entry(
    signed: SignedLog, body: str
) -> None:
    await erase_rows(signed, 2, 3)
    await signed.sign()
    await write(signed, "UPDATE audit_entries SET body = :body WHERE kind = 'erased'", body=body)
    assert await broken(signed) in {
        "row 2: its content is missing",
        "an erasure names its rows in another form than 4-9",
    }


CONFIRMED = {"outcome": "confirmed", "verification": "ver_x", "state": {"verifications/ver_x": [None, "d"]}}


@pytest.mark.parametrize(
    ("members", "binary", "reason"),
    [
        (CONFIRMED, True, "its content is not an entry"),
        ({"state": 5}, False, "its content is not an entry"),
        ({"state": {"accounts/a": None}}, False, "its content is not an entry"),
        ({"state": {"accounts/a": ["d"]}}, False, "its content is not an entry"),
        ({"state": {"accounts/a": [None, []]}}, False, "its content is not an entry"),
        (CONFIRMED | {"state": 5}, False, "its content is not an entry"),
    ],
)
async def test_threat_38_without_the_master_key_too_a_forged_entry_of_no_entrys_form_is_named(
    signed: SignedLog, members: dict[str, object], binary: bool, reason: str
) -> None:
    at = signed.clock.now().isoformat()
    text = json.dumps({"at": at, "kind": "answered"} | members, separators=(",", ":"))
    body = text.encode() if binary else text
    leaf = leaf_hash(salt="s", body=body)  # type: ignore[arg-type]  # as the check computes it
    await write(
        signed,
        "INSERT INTO audit_entries (id, month, salt, body, kind, leaf) VALUES (900, :month, 's', :body, 'answered', :leaf)",
        month=at[:7],
        body=body,
        leaf=leaf,
    )
    await write(signed, "INSERT INTO audit_waiting VALUES (900)")
    await write(signed, "INSERT INTO audit_promises VALUES ('ver_x', 900, :leaf)", leaf=leaf)
    with pytest.raises(AuditBroken, match=f"^waiting entry 900: {reason}$"):
        await verify_state(signed.database)
