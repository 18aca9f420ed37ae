"""What the database holds of credentials and people: nothing that could be read (threat 15's part of accounts)."""

from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.accounts.use_cases import add_officers, get_account, officer_pseudonym, rotate_credential
from gateway.identifiers import Profile
from gateway.keys.model import Purpose
from tests.kit.scene import AN, MASTER_KEY, Portal, Scene, enquiry

OFFICER = "can.bo.02"


async def _live_a_day(scene: Scene) -> list[str]:
    """Use everything once; return what must not be found at rest."""
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    portal, keyed = await scene.portal(), await scene.portal(key=ECKey.generate_key("P-256"))
    account = await get_account(deps, portal.client_id)
    rotated = await rotate_credential(deps, place, account)
    await add_officers(deps, place, account, [OFFICER])
    answer = await portal.verify(initiated_by={"kind": "officer", "id": OFFICER})
    receipt = str(answer.json()["receipt"])
    assert (await portal.prefill(receipt, ["full_name", "birth_date"])).status_code == 200
    await portal.http.post(
        f"{portal.issuer}/oauth2/revoke",
        data={"token": portal.access_token},
        auth=(portal.client_id, str(portal.secret)),
    )
    await keyed.call("POST", "/verifications", enquiry())
    return [*_of_callers(portal, keyed), str(rotated.client_secret), receipt, *_of_the_gateway(scene)]


def _of_callers(portal: Portal, keyed: Portal) -> Iterable[str]:
    assert keyed.key is not None
    yield from (str(portal.secret), portal.access_token, keyed.access_token)
    yield str(keyed.key.as_dict(private=True)["d"])
    yield from (OFFICER, "can.bo.01", *AN.values())
    yield from ("Nguyễn", "NGUYỄN", "nguyen van an")


def _of_the_gateway(scene: Scene) -> Iterable[str]:
    yield MASTER_KEY
    for place in scene.gateway.places.values():
        assert place.client is not None
        yield str(place.client.connection.c06_secret)
        for key in place.keys.keys:
            signing = key.purpose in {Purpose.TOKEN, Purpose.RECEIPT}
            yield str(key.signing_key().as_dict(private=True)["d"]) if signing else key.material.hex()


async def _dump(scene: Scene) -> str:
    """Return every cell of every table as text."""
    async with scene.gateway.deps.database.read() as connection:
        tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
        cells = [cell for table in tables for cell in await _cells(connection, table)]
    assert {"accounts", "account_secrets", "account_officers", "keys", "audit_entries"} <= set(tables)
    return "\n".join(cells)


async def _cells(connection: AsyncConnection, table: str) -> list[str]:
    rows = await connection.execute(sa.text(f'SELECT * FROM "{table}"'))
    return [_text(cell) for row in rows for cell in row]


def _text(cell: object) -> str:
    return f"{cell.hex()} {cell!r}" if isinstance(cell, bytes) else str(cell)


async def test_threat_15_a_dump_of_the_database_holds_no_credential_and_no_name(scene: Scene) -> None:
    unwanted = await _live_a_day(scene)

    dump = await _dump(scene)

    assert [word for word in unwanted if word in dump] == []


async def test_threat_15_the_embedded_files_hold_no_credential_and_no_name(
    scene: Scene, database_url: str, tmp_path: Path
) -> None:
    unwanted = await _live_a_day(scene)

    content = _read_files(tmp_path)

    assert bool(content) is database_url.startswith("sqlite")
    assert [word for word in unwanted if word.encode() in content] == []


def _read_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_two_organisations_keep_the_same_officer_under_different_names(scene: Scene) -> None:
    keys = scene.gateway.places[Profile.SANDBOX].keys

    assert officer_pseudonym(keys, "000.00.01.H26", OFFICER) != officer_pseudonym(
        keys, "000.00.02.H26", OFFICER
    )
