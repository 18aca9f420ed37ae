"""The key ring: made once, the same for every worker, opened by one master key, and never shown."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit.state_store import begin_evidence
from gateway.errors.operators import MasterKeyWrong, StateWrong
from gateway.identifiers import Profile
from gateway.keys.model import FIRST_KEYS, PLACE_PURPOSES, PlaceKeys, Purpose, SigningRing, keyed_hash
from gateway.keys.store import keys as key_rows
from gateway.keys.vault import by_profile, open_key_ring
from gateway.storage.database import Database, open_database
from tests.kit.clocks import HandClock

MASTER, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = open_database(database_url)
    yield opened
    await opened.close()


async def _open(database: Database, clock: HandClock, master: bytes = MASTER) -> dict[Profile, PlaceKeys]:
    return by_profile(await open_key_ring(database, master=master, clock=clock, begin=begin_evidence))


async def test_each_profile_gets_one_key_of_each_purpose(database: Database, clock: HandClock) -> None:
    rings = await _open(database, clock)

    for profile in Profile:
        assert sorted(key.purpose for key in rings[profile].keys) == sorted(PLACE_PURPOSES)
        assert {key.profile for key in rings[profile].keys} == {profile}


async def test_no_two_keys_of_the_ring_are_alike(database: Database, clock: HandClock) -> None:
    rings = await _open(database, clock)
    found = [key for ring in rings.values() for key in ring.keys]

    assert len({key.material for key in found}) == len({key.kid for key in found}) == 2 * len(PLACE_PURPOSES)


async def test_a_second_open_reads_what_the_first_made(database: Database, clock: HandClock) -> None:
    assert await _open(database, clock) == await _open(database, clock)


async def test_first_opens_at_once_agree_on_one_ring(
    database: Database, database_url: str, clock: HandClock
) -> None:
    second = open_database(database_url)
    try:
        rings = await asyncio.gather(*(_open(each, clock) for each in (database, second) * 3))
    finally:
        await second.close()

    assert all(ring == rings[0] for ring in rings)
    assert all(len(ring.keys) == len(PLACE_PURPOSES) for ring in rings[0].values())


async def test_another_master_key_is_refused_with_its_remedy(database: Database, clock: HandClock) -> None:
    await _open(database, clock)

    with pytest.raises(MasterKeyWrong, match="set GATEWAY_MASTER_KEY"):
        await _open(database, clock, OTHER)
    async with database.read() as connection:
        assert (await connection.execute(sa.select(sa.func.count()).select_from(key_rows))).scalar() == len(
            FIRST_KEYS
        )


@pytest.mark.parametrize(
    "values",
    [
        {"purpose": "receipt", "serial": 2},
        {"profile": "official", "serial": 2},
        {"serial": 2},
        {"serves_from": datetime(2020, 1, 1, tzinfo=UTC)},
        {"accepted_until": datetime(2030, 1, 1, tzinfo=UTC)},
    ],
    ids=str,
)
async def test_a_key_moved_to_another_place_or_time_is_refused(
    database: Database, clock: HandClock, values: dict[str, Any]
) -> None:
    await _open(database, clock)
    async with database.write() as connection:
        own = sa.and_(key_rows.c.profile == "sandbox", key_rows.c.purpose == "token")
        await connection.execute(sa.update(key_rows).where(own).values(**values))

    with pytest.raises(
        StateWrong, match=r"the row key_\w+ of the table keys was changed outside the gateway"
    ):
        await _open(database, clock)


async def test_a_sealed_key_with_one_byte_changed_is_refused(database: Database, clock: HandClock) -> None:
    await _open(database, clock)
    async with database.write() as connection:
        row = (await connection.execute(sa.select(key_rows).limit(1))).one()
        changed = row.sealed[:-1] + bytes([row.sealed[-1] ^ 1])
        await connection.execute(sa.update(key_rows).where(key_rows.c.kid == row.kid).values(sealed=changed))

    with pytest.raises(StateWrong, match=f"the row {row.kid} of the table keys"):
        await _open(database, clock)


async def test_keys_never_show_their_secret_in_a_repr(database: Database, clock: HandClock) -> None:
    ring = (await _open(database, clock))[Profile.OFFICIAL]
    signing = SigningRing(ring, Purpose.TOKEN)

    shown = f"{ring!r} {ring} {signing!r} {vars(signing)!r}"
    for key in ring.keys:
        assert repr(key.material) not in shown
        assert key.material.hex() not in shown
    assert str(signing.signer(clock.now())[1].as_dict(private=True)["d"]) not in shown


async def test_a_signing_ring_publishes_no_private_member(database: Database, clock: HandClock) -> None:
    ring = (await _open(database, clock))[Profile.SANDBOX]

    signing = SigningRing(ring, Purpose.RECEIPT)
    published = str(signing.public_set(now=clock.now()))

    assert str(signing.signer(clock.now())[1].as_dict(private=True)["d"]) not in published


async def test_a_key_is_found_by_its_exact_id_only(database: Database, clock: HandClock) -> None:
    signing = SigningRing((await _open(database, clock))[Profile.SANDBOX], Purpose.TOKEN)

    now = clock.now()
    own, key = signing.signer(now)
    assert signing.find(own, now=now) is key
    for kid in (own.upper(), f"../{own}", "", None, 0, ["a"]):
        assert signing.find(kid, now=now) is None


@pytest.mark.parametrize("size", [1, 32, 64, 65, 200])
def test_a_keyed_hash_is_hmac_sha_256_of_the_standard_library(size: int) -> None:
    material, keyed = b"m" * size, keyed_hash(b"m" * size)
    for text in ("", "citizen|000.00.01.H26|Nguyễn", "x" * 500):
        assert keyed(text) == hmac.digest(material, text.encode(), "sha256").hex()


async def test_pseudonyms_of_two_organisations_never_join(database: Database, clock: HandClock) -> None:
    rings = await _open(database, clock)
    pseudonyms = {
        ring.pseudonym(kind, organisation, "001090000123")
        for ring in rings.values()
        for kind in ("citizen", "officer")
        for organisation in ("000.00.01.H26", "000.00.02.H26")
    }

    assert len(pseudonyms) == 8
