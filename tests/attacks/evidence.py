"""A store that was tampered with, and a story that leaves rows in every table that the audit covers."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import (
    add_officers,
    add_organisation,
    change_state,
    disable_officers,
    get_account,
    rotate_credential,
)
from gateway.applications.statement import Rate
from gateway.audit.verify import Trust, read_trust, verify_state
from gateway.cleanup import clean_up
from gateway.errors.operators import AuditBroken, MasterKeyWrong
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from gateway.operators.model import Operator, Role
from gateway.profiles.key_rotation import LEAD, rotate_keys, rotate_master
from gateway.storage.database import Database, Instant, Transaction
from tests.attacks.people import joined, rotate_pseudonyms, shown
from tests.kit.applications import apply, rehearse
from tests.kit.operators import Desk, open_desk, operator_behind, signed_in
from tests.kit.scene import AN, Portal, Scene
from tests.kit.stores import opened


@asynccontextmanager
async def tampering(scene: Scene) -> AsyncIterator[Transaction]:
    """Write as no gateway does: without the audit's observer and without foreign keys."""
    async with opened(scene.settings.database_url) as database:
        # Instead of BEGIN, since within a transaction SQLite leaves foreign keys as they are.
        engine = database.engine.execution_options(sqlite_begin="PRAGMA foreign_keys=OFF")
        async with engine.connect() as connection:
            if not database.embedded:
                await connection.exec_driver_sql("SET session_replication_role = replica")
            yield connection
            await connection.commit()


def another(value: Any, column: sa.Column[Any]) -> Any:
    """Return a value that differs, of the column's type."""
    makers: dict[type, Callable[[Any], Any]] = {
        bool: lambda old: not old,
        int: lambda old: (old or 0) + 41,
        str: lambda old: f"{old or ''}x"[-(getattr(column.type, "length", None) or 9999) :],
        datetime: lambda old: (
            (old or datetime.fromisoformat("2026-01-01T00:00:00+00:00")) + timedelta(microseconds=1)
        ),
        bytes: lambda old: (old or b"") + b"x",
        list: lambda old: [*(old or []), "x"],
        dict: lambda old: (old or {}) | {"x": 1},
    }
    empty = datetime if isinstance(column.type, Instant) else column.type.python_type
    kind = empty if value is None else type(value)
    return makers[kind](value)


def store_of(scene: Scene) -> Database:
    return scene.gateway.deps.database


async def trust_of(scene: Scene) -> Trust:
    """Return the keys that a check of the gateway's audit trusts; how long entries wait isn't checked."""
    found = await read_trust(store_of(scene), scene.gateway.vault, now=scene.clock.now())
    return replace(found, now=None)


async def find_broken(scene: Scene) -> str:
    """Return what `--state` reports of a tampered store; an empty text if it finds nothing."""
    try:
        await verify_state(store_of(scene), trust=await trust_of(scene))
    except (AuditBroken, MasterKeyWrong) as error:  # the latter: a key of the audit doesn't open any more
        return str(error)
    return ""


REUSE_SECONDS = 1800
DUNG = {"citizen_id": "001192000124", "full_name": "Lê Thị Dung", "birth_date": "1992-03-08"}


async def run_story(scene: Scene) -> Desk:
    """Do once what a gateway does in a year: every covered table gets at least two rows, if it can have two."""
    deps = scene.gateway.deps
    await add_organisation(deps, "000.00.02.H26", "UBND quận Ba Đình")
    official = await scene.portal(Profile.OFFICIAL)
    await scene.portal(Profile.OFFICIAL)
    await _ask_about_citizens(scene, await rehearse(scene))
    await joined(await scene.portal())
    await shown(await scene.portal(), DUNG)
    await rotate_pseudonyms(scene)
    await joined(await scene.portal())
    await _end_verifications(scene)
    await apply(scene)
    await apply(scene, rate=Rate(per_second=5, per_day=10_000))
    desk = await open_desk(scene)
    await desk.switched(Profile.SANDBOX, contact="the third floor")
    await desk.switched(Profile.SANDBOX, contact="the fourth floor")
    await desk.switched(Profile.OFFICIAL, deadline_ms=5000)
    await desk.act(desk.approver, await desk.propose(Profile.SANDBOX, contact="nobody"), "reject")
    admin = await operator_behind(scene, await signed_in(scene, "lan.quan", Role.ADMIN))
    await _manage_accounts(scene, official, by=admin)
    assert (await desk.proposer.call("DELETE", "/sessions/current")).status_code == 204
    await desk.proposer.sign_in()
    await rotate_keys(scene.gateway, Purpose.LOOKUP, list(Profile), by=admin)
    scene.clock.advance(LEAD.total_seconds() + 1)
    portal = await scene.portal()
    await portal.verify(claim=AN | {"full_name": "Trần Thị Bích"}, dossier="after-the-rotation")
    await rotate_master(scene.gateway, given=b"n" * 32, by=admin)
    await clean_up(deps)
    return desk


async def _ask_about_citizens(scene: Scene, portal: Portal) -> None:
    receipt = await portal.receipt()
    for field in ("full_name", "gender"):
        prefill = (await portal.prefill(receipt, [field])).json()
        body = {"prefill": prefill["id"], "field": field, "note": "không đúng"}
        assert (await portal.call("POST", "/discrepancies", body)).status_code == 201


async def _end_verifications(scene: Scene) -> None:
    """Revoke one, let the registry end one with its family, and let the cleanup remove the rest after expiry."""
    portal = await scene.portal()
    revoked = (await portal.verify(dossier="revoked")).json()["id"]
    assert (await portal.call("POST", f"/verifications/{revoked}/revoke")).status_code == 200
    for dossier in ("one", "two"):
        await portal.receipt(dossier=dossier)
    await scene.set_person(citizen_id=AN["citizen_id"], full_name="Nguyễn Văn Đổi", birth_date="1990-01-31")
    assert (await portal.verify(fresh=True, dossier="one")).json()["verdict"] == "not_confirmed"
    scene.clock.advance(REUSE_SECONDS + 1)
    assert await clean_up(scene.gateway.deps) > 0


async def _manage_accounts(scene: Scene, official: Portal, *, by: Operator) -> None:
    deps, places = scene.gateway.deps, scene.gateway.places
    account = await get_account(deps, (await scene.portal(officers=("can.bo.02",))).client_id)
    await rotate_credential(deps, places[account.profile], account)
    await rotate_credential(deps, places[account.profile], account)
    await add_officers(deps, places[account.profile], account, ["can.bo.03", "can.bo.04"])
    await disable_officers(deps, places[account.profile], account, ["can.bo.03"])
    await add_officers(deps, places[account.profile], account, ["can.bo.03"])
    await change_state(deps, account.client_id, AccountState.SUSPENDED)
    await change_state(deps, official.client_id, AccountState.REVOKED, by=by)
