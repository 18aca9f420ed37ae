"""MACs of entries: what they cover, which key makes them, and what a rotation changes."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.audit.model import AuditMark, EntryMacs, parse_mark
from gateway.audit.state_check import AuditReport
from gateway.audit.store import audit_entries, audit_rows, audit_waiting, entry_values
from gateway.audit.verify import read_trust, verify_audit
from gateway.errors.operators import AuditBroken
from gateway.keys.model import Key, Purpose
from gateway.keys.vault import make_key
from gateway.profiles.key_rotation import (
    EVIDENCE_OVERLAP,
    EVIDENCE_OVERLAP_AFTER_A_LEAK,
    rotate_audit_key,
)
from gateway.profiles.places import refresh
from tests.gateway.edge.test_metrics import Counted
from tests.kit.audit import MACS, entry
from tests.kit.scene import Scene

NOW = datetime(2026, 11, 28, tzinfo=UTC)
LEAF = "ab" * 32


def key(serial: int, *, accepted_until: datetime | None = None) -> Key:
    made = make_key(None, Purpose.EVIDENCE, serial=serial, now=NOW)
    return Key(
        kid=made.kid,
        profile=None,
        purpose=made.purpose,
        serial=serial,
        material=bytes([serial]) * 32,
        created_at=NOW,
        serves_from=NOW,
        accepted_until=accepted_until,
    )


def test_a_mac_is_right_for_its_own_entry_month_and_leaf_alone() -> None:
    macs = EntryMacs([key(1)])
    mac = macs.make(entry=7, month="2026-11", leaf=LEAF)
    assert macs.is_right(mac, entry=7, month="2026-11", leaf=LEAF)
    assert not macs.is_right(mac, entry=8, month="2026-11", leaf=LEAF)
    assert not macs.is_right(mac, entry=7, month="2026-10", leaf=LEAF)
    assert not macs.is_right(mac, entry=7, month="2026-11", leaf=LEAF[::-1])
    for other in (None, "", "1.", "1." + "0" * 64, mac.upper(), f"2{mac[1:]}", mac[2:], f"{mac}é"):
        assert not macs.is_right(other, entry=7, month="2026-11", leaf=LEAF), other


def test_a_mac_is_hmac_sha_256_of_the_standard_library() -> None:
    text = f"entry\n7\n2026-11\n{LEAF}".encode()
    own = EntryMacs([key(1)]).make(entry=7, month="2026-11", leaf=LEAF)
    assert own == f"1.{hmac.new(key(1).material, text, hashlib.sha256).hexdigest()}"


def test_the_newest_key_makes_a_mac_and_a_former_one_still_checks_until_its_end() -> None:
    former = EntryMacs([key(1)]).make(entry=7, month="2026-11", leaf=LEAF)
    macs = EntryMacs([key(1, accepted_until=NOW), key(2)])
    assert macs.make(entry=7, month="2026-11", leaf=LEAF).startswith("2.")
    own = {"entry": 7, "month": "2026-11", "leaf": LEAF}
    assert macs.is_right(former, **own)  # type: ignore[arg-type]  # one of each type
    assert macs.is_right(former, **own, now=NOW - timedelta(seconds=1))  # type: ignore[arg-type]  # as above
    assert not macs.is_right(former, **own, now=NOW)  # type: ignore[arg-type]  # as above


def test_nothing_is_appended_without_a_key() -> None:
    with pytest.raises(RuntimeError, match="no evidence key"):
        EntryMacs().make(entry=7, month="2026-11", leaf=LEAF)


def test_a_mark_is_read_only_under_its_key_and_in_its_form() -> None:
    macs, mark = EntryMacs([key(1)]), AuditMark(rows=9, leaf=LEAF)
    stored = macs.write_mark(mark)
    assert macs.read_mark(stored, now=NOW) == parse_mark(stored) == mark
    assert EntryMacs([key(2)]).read_mark(stored, now=NOW) is None
    assert EntryMacs([key(1, accepted_until=NOW)]).read_mark(stored, now=NOW) is None
    for other in (
        None,
        "",
        stored.replace("9 ", "8 ", 1),
        stored[:-1],
        f" {stored}",
        stored.replace("9 ", "٩ ", 1),
    ):
        assert macs.read_mark(other, now=NOW) is None, other


def test_an_entrys_mac_is_over_its_own_columns() -> None:
    values = entry_values(7, entry(), MACS)
    own = {name: values[name] for name in ("month", "leaf")}
    assert MACS.is_right(values["mac"], entry=7, **own)
    assert entry_values(7, entry(), None)["mac"] is None


async def test_a_rotation_is_followed_by_the_next_entry_and_old_rows_still_verify(scene: Scene) -> None:
    portal = await scene.portal()
    await portal.receipt()
    made = await rotate_audit_key(scene.gateway, Purpose.EVIDENCE)
    assert made.former[0].accepted_until == made.key.serves_from + EVIDENCE_OVERLAP
    assert await refresh(scene.gateway)
    await portal.verify(dossier="after")
    assert await scene.gateway.sequencer.run()
    found = await verify(scene)
    assert found.authenticated == found.rows == found.signed
    async with scene.gateway.deps.database.read() as connection:
        query = sa.select(sa.func.substr(audit_entries.c.mac, 1, 2)).order_by(audit_entries.c.id)
        serials = list(await connection.scalars(query))
    assert serials == sorted(serials)
    assert set(serials) == {"1.", "2."}


async def verify(scene: Scene) -> AuditReport:
    deps = scene.gateway.deps
    trust = await read_trust(deps.database, scene.gateway.vault, now=scene.clock.now())
    return await verify_audit(deps.database, trust=trust)


async def test_an_entry_under_a_leaked_key_gets_no_row_after_a_minute(scene: Scene) -> None:
    """Who has the key and writes the database can add entries until then, and none afterwards."""
    portal = await scene.portal()
    await portal.receipt()
    assert await scene.gateway.sequencer.run()
    database = scene.gateway.deps.database
    async with database.read() as connection:
        (leaked,) = (await scene.gateway.vault.read_audit_keys(connection, Purpose.EVIDENCE)).keys
    made = await rotate_audit_key(scene.gateway, Purpose.EVIDENCE, leaked=[leaked.kid])
    assert made.former[0].accepted_until == made.key.serves_from + EVIDENCE_OVERLAP_AFTER_A_LEAK
    assert await refresh(scene.gateway)
    assert await scene.gateway.sequencer.run()
    scene.clock.advance(EVIDENCE_OVERLAP_AFTER_A_LEAK.total_seconds() + 1)
    forged = entry_values(5_000, entry(at=scene.clock.now()), EntryMacs([leaked]))
    async with database.write() as connection:
        await connection.execute(sa.insert(audit_entries).values(**forged))
        await connection.execute(sa.insert(audit_waiting).values(entry=5_000))
    counted = Counted(scene)
    with capture_logs() as lines:
        assert await scene.gateway.sequencer.run()
        scene.clock.advance(61)
        assert await scene.gateway.sequencer.run()
    assert [line["event"] for line in lines] == ["audit_entry_refused", "audit_stalled"]
    async with database.read() as connection:
        assert not list(await connection.scalars(sa.select(audit_rows).where(audit_rows.c.entry == 5_000)))
    with pytest.raises(AuditBroken, match=r"^waiting entry 5000: its MAC is not this gateway's$"):
        await verify(scene)
    assert await counted.value("gateway_audit_entries_refused_total") == 1
    assert await counted.value("gateway_audit_stalled_seconds") > 60
