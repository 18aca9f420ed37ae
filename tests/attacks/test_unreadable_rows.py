"""Threat 54: a row that somebody changed to what can't be read is named in the log, and operators get a problem, never a 500."""

import sqlalchemy as sa
from structlog.testing import capture_logs

from gateway.identifiers import Profile
from tests.kit.operators import open_desk
from tests.kit.scene import Scene

ROWS = (
    ("profile_standings", "policy", "'x'"),
    ("changes", "kind", "'x'"),
    ("changes", "state", "'x'"),
    ("changes", "document", "'5'"),
    ("changes", "diff", "'[5]'"),
    ("operators", "role", "'x'"),
)
ON_SQLITE = (
    ("changes", "proposed_at", "x'ff'"),
    ("changes", "reason", "x'ff'"),
    ("operators", "role_since", "5"),
    ("operators", "created_by", "x'ff'"),
)
PATHS = ("/changes", "/changes/{change}", "/operators", "/profiles", "/profiles/sandbox/revisions")


async def test_threat_54_operators_get_503_for_a_row_that_cant_be_read_and_the_log_names_it_once(
    scene: Scene,
) -> None:
    database = scene.gateway.deps.database
    desk = await open_desk(scene)
    await desk.switched(Profile.SANDBOX, contact="the third floor")
    change = await desk.propose(Profile.SANDBOX, contact="nobody")
    with capture_logs() as logs:
        for table, column, value in ROWS + (ON_SQLITE if database.embedded else ()):
            async with database.write() as connection:
                await connection.execute(
                    sa.text(f"CREATE TABLE saved AS SELECT {column} AS was FROM {table}")
                )
                await connection.execute(sa.text(f"UPDATE {table} SET {column} = {value}"))
            found = {
                (await desk.proposer.call("GET", each.format(change=change["id"]))).status_code
                for each in PATHS
            }
            assert found <= {200, 503}, (table, column)
            assert 503 in found, (table, column)
            async with database.write() as connection:
                await connection.execute(
                    sa.text(f"UPDATE {table} SET {column} = (SELECT min(was) FROM saved)")
                )
                await connection.execute(sa.text("DROP TABLE saved"))
    (reason,) = [each["reason"] for each in logs if each["event"] == "stored_row_refused"]
    assert reason.startswith("profile_standings/sandbox: can't be read")
