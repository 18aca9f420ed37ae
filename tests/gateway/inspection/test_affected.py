"""After a leak of an account's credentials: the people it asked about, what it got, and which data the store has at all."""

from datetime import timedelta

import pytest

from gateway.clock import Period
from gateway.errors.operators import Unknown
from gateway.inspection.privacy import CLASSES, TABLES, privacy_report
from gateway.inspection.store import count_affected, find_affected
from gateway.schema import all_tables
from gateway.web import build_app
from tests.kit.enquiries import person, verified
from tests.kit.scene import AGENCY, AN, Portal, Scene

BINH = person("001091000456", "Trần Thị Bình", "1991-02-03")


async def test_each_person_has_enquiries_fields_and_organisation(scene: Scene, portal: Portal) -> None:
    await scene.set_person(**BINH, gender="female")
    other = await scene.portal()
    filled = await verified(portal)
    await filled.fill("full_name", "gender")
    await portal.verify(procedure="ket-hon")
    await portal.verify(claim=BINH | {"full_name": "Trần Thị Sai"})
    await other.verify(claim=BINH)
    found = await find_affected(scene.gateway.deps.database, portal.client_id, Period())
    assert all(str(each.members()[end]).endswith("Z") for each in found for end in ("first_at", "last_at"))
    an, binh = (each.members() for each in found)
    assert (an["enquiries"], an["confirmed"], an["fields"]) == (3, True, ["full_name", "gender"])
    assert (binh["enquiries"], binh["confirmed"], binh["fields"]) == (1, False, [])
    assert an["organisation"] == binh["organisation"] == AGENCY
    assert an["pseudonym"] != binh["pseudonym"]
    assert count_affected(found) == {
        "people": 2,
        "enquiries": 4,
        "confirmed": 1,
        "with_fields": 1,
        "fields": {"full_name": 1, "gender": 1},
        "organisations": {AGENCY: 2},
    }
    assert AN["citizen_id"] not in str(found)


async def test_only_the_period_of_the_leak_counts(scene: Scene, portal: Portal) -> None:
    await portal.verify()
    scene.clock.advance(7_200)
    begins = scene.clock.now()
    later = Period(begins, begins + timedelta(hours=1))
    assert await find_affected(scene.gateway.deps.database, portal.client_id, later) == []
    await (await portal.log_in()).verify()
    (found,) = await find_affected(scene.gateway.deps.database, portal.client_id, later)
    assert len(found.acts) == 1


async def test_an_unknown_account_affects_nobody_and_is_refused(scene: Scene) -> None:
    with pytest.raises(Unknown, match="no such account"):
        await find_affected(scene.gateway.deps.database, "acc_nobody", Period())


def test_every_column_of_every_table_has_a_class_a_retention_and_perhaps_a_key() -> None:
    assert callable(build_app)  # its module imports every room with a web file, and with it its tables
    schema = {table.name: {column.name for column in table.columns} for table in all_tables()}
    assert {name: set(table.columns()) for name, table in TABLES.items()} == schema
    for table in TABLES.values():
        named = [column for columns in table.classes.values() for column in columns.split()]
        assert len(named) == len(set(named))
        assert set(table.classes) <= set(CLASSES)
        assert {*table.keys, *table.retentions} <= set(named)
        protected = {name for name, each in table.columns().items() if each in {"personal", "pseudonym"}}
        assert protected <= table.keys.keys()


def test_the_report_says_for_each_column_its_class_retention_and_key() -> None:
    tables = privacy_report()["tables"]
    assert isinstance(tables, list)
    assert len(tables) == len(TABLES)
    for table in tables:
        assert set(table) == {"table", "columns"}
        assert all(set(column) == {"name", "class", "retention", "key"} for column in table["columns"])
