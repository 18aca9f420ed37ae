"""A master key rotation reseals everything at once; a process that dies at any moment locks nobody out."""

import asyncio
import base64
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from gateway.app import open_gateway
from gateway.audit.verify import verify_audit
from gateway.errors.operators import MasterKeyWrong, StateWrong
from gateway.identifiers import Profile
from gateway.keys.model import FIRST_KEYS, PLACE_PURPOSES, Purpose
from gateway.keys.store import keys as key_rows
from gateway.keys.store import list_other_stores, reseal_keys
from gateway.keys.vault import MasterFile, load_or_make_master_key
from gateway.profiles.key_rotation import rotate_keys, rotate_master
from gateway.profiles.model import Gateway
from gateway.profiles.places import refresh
from gateway.registry.client import RegistryClient, open_registry
from gateway.registry.connection import Connection
from gateway.settings import Settings
from gateway.web import build_app
from mock_c06.app import MockRegistry
from tests.kit.clocks import HandClock
from tests.kit.scene import BASE, MASTER_KEY, Portal, Scene
from tests.kit.stores import opened

NEW = b"n" * 32


def holding(settings: Settings, master: bytes) -> Settings:
    text = base64.urlsafe_b64encode(master).decode()
    return settings.model_copy(update={"master_key": SecretStr(text)})


@asynccontextmanager
async def worker(settings: Settings, clock: HandClock) -> AsyncIterator[Gateway]:
    async with open_gateway(settings, clock=clock) as gateway:
        yield gateway


async def rotate_as_a_command(settings: Settings, clock: HandClock, given: bytes | None = None) -> None:
    """Rotate in a process of its own."""
    async with worker(settings, clock) as gateway:
        await rotate_master(gateway, given=given)


async def test_the_former_master_is_refused_and_the_new_one_opens(scene: Scene, portal: Portal) -> None:
    before = {profile: place.keys for profile, place in scene.gateway.places.items()}

    done = await rotate_master(scene.gateway, given=NEW)

    secrets = 2  # c06_secret of each profile's revision
    assert (done.resealed, done.file) == (len(FIRST_KEYS) + secrets, None)
    with pytest.raises(MasterKeyWrong, match="set GATEWAY_MASTER_KEY"):
        async with worker(scene.settings, scene.clock):
            pass
    async with worker(holding(scene.settings, NEW), scene.clock) as again:
        assert {profile: place.keys for profile, place in again.places.items()} == before


async def test_a_verification_from_before_a_master_rotation_can_still_be_prefilled(
    scene: Scene, mock: MockRegistry, portal: Portal
) -> None:
    receipt = await portal.receipt()
    await rotate_as_a_command(scene.settings, scene.clock, NEW)

    def connect(connection: Connection) -> RegistryClient:
        return open_registry(connection, transport=httpx.ASGITransport(mock.test), clock=scene.clock)

    settings = holding(scene.settings, NEW)
    async with (
        open_gateway(settings, clock=scene.clock, open_registry=connect) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as portal.http,
    ):
        answer = await portal.prefill(receipt, ["full_name"])

    assert answer.json()["fields"]["full_name"]["value"] == "NGUYỄN VĂN AN"


@pytest.mark.parametrize("beside", ["setting.key.next", "setting.key"])
async def test_a_start_takes_the_next_key_beside_the_deployments_file_or_in_its_place(
    scene: Scene, tmp_path: Path, beside: str
) -> None:
    """`master_key` is what the file held when the settings were read."""
    (tmp_path / "setting.key").write_text(MASTER_KEY)
    (tmp_path / beside).write_text(base64.urlsafe_b64encode(NEW).decode())
    settings = scene.settings.model_copy(update={"master_key_file": tmp_path / "setting.key"})
    async with worker(settings, scene.clock) as present:
        assert base64.urlsafe_b64encode(present.vault.master).decode().rstrip("=") == MASTER_KEY.rstrip("=")

    await rotate_as_a_command(settings, scene.clock, NEW)

    async with worker(settings, scene.clock) as started:
        assert started.vault.master == NEW


async def test_a_running_worker_serves_on_with_the_keys_it_holds(scene: Scene, portal: Portal) -> None:
    await rotate_as_a_command(scene.settings, scene.clock, NEW)
    with pytest.raises(MasterKeyWrong):
        await refresh(scene.gateway)

    receipt = await portal.receipt()
    assert (await portal.prefill(receipt, ["full_name"])).status_code == 200
    assert (await portal.log_in()).access_token


async def test_a_worker_under_the_former_master_can_add_no_key(scene: Scene) -> None:
    await rotate_as_a_command(scene.settings, scene.clock, NEW)

    with pytest.raises(MasterKeyWrong):
        await rotate_keys(scene.gateway, Purpose.TOKEN, [Profile.SANDBOX])
    with pytest.raises(MasterKeyWrong, match="another process rotated"):
        await rotate_master(scene.gateway, given=b"m" * 32)
    async with worker(holding(scene.settings, NEW), scene.clock) as gateway:
        assert len(gateway.places[Profile.SANDBOX].keys.keys) == len(PLACE_PURPOSES)


async def test_the_rotation_is_a_row_of_the_audit_and_the_chain_holds(scene: Scene) -> None:
    await rotate_master(scene.gateway, given=NEW)

    last = (await scene.audit())[-1]
    assert (last["kind"], last["outcome"], last["actor"]) == ("local", "master_key_rotated", "local")
    assert "profile" not in last
    assert (await verify_audit(scene.gateway.deps.database)).rows == len(await scene.audit())


async def test_the_present_key_no_key_and_a_key_too_many_are_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(StateWrong, match="present one"):
        await rotate_master(scene.gateway, given=b"k" * 32)
    with pytest.raises(StateWrong, match="--new-key-file"):
        await rotate_master(scene.gateway, given=None)
    embedded = Settings(database_url=f"sqlite:///{tmp_path / 'other' / 'gateway.db'}")
    async with worker(embedded, scene.clock) as gateway:
        with pytest.raises(StateWrong, match="leave --new-key-file out"):
            await rotate_master(gateway, given=NEW)
    async with worker(scene.settings, scene.clock):
        pass


# Beside an embedded database: the key file.


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    return Settings(database_url=f"sqlite:///{tmp_path / 'gateway.db'}")


@pytest.fixture
def file(tmp_path: Path) -> MasterFile:
    return MasterFile(path=tmp_path / "master.key")


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith("master")}


async def test_the_key_file_is_replaced_for_its_owner_only(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    former = load_or_make_master_key(file.path)
    await rotate_as_a_command(embedded, clock)

    assert file.read() != [former]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert names(tmp_path) == {"master.key"}
    async with worker(embedded, clock):
        pass
    with pytest.raises(MasterKeyWrong):
        async with worker(holding(embedded, former), clock):
            pass


async def test_a_running_worker_reads_the_replaced_file_by_itself(
    embedded: Settings, clock: HandClock
) -> None:
    async with worker(embedded, clock) as running:
        await rotate_as_a_command(embedded, clock)
        async with worker(embedded, clock) as command:
            await rotate_keys(command, Purpose.TOKEN, [Profile.SANDBOX])
        assert await refresh(running) is True
        assert len(running.places[Profile.SANDBOX].keys.all(Purpose.TOKEN)) == 2


async def test_a_death_before_the_commit_leaves_the_former_key_in_use(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    former = load_or_make_master_key(file.path)
    async with worker(embedded, clock):
        file.write_next(NEW)

    async with worker(embedded, clock):
        assert file.read() == [former]
    assert names(tmp_path) == {"master.key"}


async def test_a_death_between_commit_and_rename_is_mended_by_the_next_start(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    former = load_or_make_master_key(file.path)
    async with worker(embedded, clock):
        async with opened(embedded.database_url) as store, store.write() as transaction:
            file.write_next(NEW)
            await reseal_keys(transaction, former=former, master=NEW)
        assert file.read() == [former, NEW]

    async with worker(embedded, clock):
        assert file.read() == [NEW]
    assert names(tmp_path) == {"master.key"}


async def test_two_files_of_which_neither_opens_are_both_named_and_kept(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    async with worker(embedded, clock):
        pass
    file.write_next(b"a" * 32)
    file.promote(b"a" * 32)
    file.write_next(NEW)

    with pytest.raises(MasterKeyWrong, match=r"neither .*master\.key nor its \.next"):
        async with worker(embedded, clock):
            pass
    assert file.read() == [b"a" * 32, NEW]


async def test_a_running_worker_reads_the_next_file_where_the_rename_never_came(
    embedded: Settings, file: MasterFile, clock: HandClock
) -> None:
    async with worker(embedded, clock) as running:
        former = file.read()[0]
        await rotate_keys(running, Purpose.TOKEN, [Profile.SANDBOX])
        async with opened(embedded.database_url) as store, store.write() as transaction:
            file.write_next(NEW)
            await reseal_keys(transaction, former=former, master=NEW)
        assert await refresh(running) is True
        assert file.read() == [former, NEW]


async def test_a_second_rotation_after_a_death_ends_with_one_key_that_opens(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    async with worker(embedded, clock):
        file.write_next(NEW)
    await rotate_as_a_command(embedded, clock)

    assert names(tmp_path) == {"master.key"}
    assert file.read() != [NEW]
    async with worker(embedded, clock):
        pass


async def test_commands_that_start_while_the_key_file_is_rotated_all_open(
    embedded: Settings, clock: HandClock
) -> None:
    async with worker(embedded, clock):
        pass

    async def rotate_and_again() -> None:
        for _ in range(3):
            await rotate_as_a_command(embedded, clock)

    async def open_and_again() -> int:
        keys = 0
        for _ in range(5):
            async with worker(embedded, clock) as gateway:
                keys = len(gateway.places[Profile.SANDBOX].keys.keys)
        return keys

    done = await asyncio.gather(rotate_and_again(), *(open_and_again() for _ in range(5)))

    assert done[1:] == [len(PLACE_PURPOSES)] * 5


def test_another_rotations_next_key_is_not_put_in_place(file: MasterFile) -> None:
    former = load_or_make_master_key(file.path)
    file.write_next(NEW)

    file.promote(b"x" * 32)
    assert file.read() == [former, NEW]
    file.promote(NEW)
    file.promote(NEW)
    assert file.read() == [NEW]


async def test_a_folder_that_takes_no_file_leaves_everything_as_it_was(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    async with worker(embedded, clock) as gateway:
        former = file.read()
        (tmp_path / "master.key.next").mkdir()
        with pytest.raises(StateWrong, match="nothing changed"):
            await rotate_master(gateway, given=None)
        (tmp_path / "master.key.next").rmdir()
        assert file.read() == former
    async with worker(embedded, clock):
        pass


async def test_nothing_opens_with_the_former_key_in_any_file_of_an_embedded_store(
    embedded: Settings, file: MasterFile, clock: HandClock, tmp_path: Path
) -> None:
    async with worker(embedded, clock) as gateway:
        async with gateway.deps.database.read() as transaction:
            sealed = list((await transaction.execute(sa.select(key_rows.c.sealed))).scalars())
        await rotate_master(gateway, given=None)
        disk = content(tmp_path)

    assert len(sealed) == len(FIRST_KEYS)
    assert not any(each in disk for each in sealed)


def test_the_look_for_other_stores_keeps_this_process_locks_on_its_own(tmp_path: Path) -> None:
    """To close a file ends all POSIX locks that the process has on it: then others write at the same time."""
    own = tmp_path / "gateway.db"
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"
    with closing(sqlite3.connect(own, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE keys (kid TEXT)")
        store.execute("BEGIN IMMEDIATE")
        store.execute("INSERT INTO keys VALUES ('key_own')")
        assert list_other_stores(own, ["key_own"]) == []
        done = subprocess.run([sys.executable, "-c", other, own], capture_output=True, check=False)
    assert b"database is locked" in done.stderr
