"""Operators' secrets are in no store, log or repr; and a rotation of the master key keeps every sign-in."""

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.app import open_gateway
from gateway.errors.operators import MasterKeyWrong
from gateway.keys.model import AUDIT_PURPOSES, Purpose
from gateway.keys.sealing import SealBroken, unseal
from gateway.operators import store
from gateway.operators.credentials import Passwords, parse_new_password
from gateway.operators.model import Login, Role, parse_name
from gateway.operators.use_cases import enrol
from gateway.operators.web import LoginBody
from gateway.profiles.key_rotation import rotate_master
from gateway.profiles.places import refresh
from gateway.web import build_app
from tests.kit.operators import CHEAP, PASSWORD, Person, invite, operator_behind, signed_in
from tests.kit.scene import BASE, MASTER_KEY, Scene

NEW = b"n" * 32
PRESENT = base64.urlsafe_b64decode(MASTER_KEY)


async def live_a_day(scene: Scene) -> list[str]:
    """Use every secret once; return those that must be found nowhere."""
    person = await signed_in(scene, "minh.tran", Role.PROPOSER)
    spent = await invite(scene.gateway, "hoa.le", Role.VIEWER)
    with ThreadPoolExecutor(1) as executor:
        password = parse_new_password("một hai ba bốn năm", name="hoa.le")
        passwords = Passwords(executor, cost=CHEAP)
        secret = await enrol(scene.gateway, passwords, parse_name("hoa.le"), code=spent, password=password)
    waiting = await invite(scene.gateway, "tu.pham", Role.VIEWER)
    await person.call("GET", "/operators")
    await person.try_in(password="sai mat khau roi")
    unwanted = [PASSWORD, "một hai ba bốn năm", "sai mat khau roi", person.token, spent, waiting, secret]
    return [*unwanted, person.secret.hex(), base64.b32encode(person.secret).decode()]


def read_files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_threat_15_a_dump_holds_no_password_secret_code_or_token(scene: Scene, tmp_path: Path) -> None:
    unwanted = await live_a_day(scene)

    def dump(connection: sa.Connection) -> str:
        there = sa.MetaData()
        there.reflect(connection)
        cells = [
            cell
            for table in there.sorted_tables
            for row in connection.execute(sa.select(table))
            for cell in row
        ]
        return "\n".join(f"{cell.hex()} {cell!r}" if isinstance(cell, bytes) else str(cell) for cell in cells)

    async with scene.gateway.deps.database.read() as transaction:
        text = await transaction.run_sync(dump)
    files = read_files(tmp_path)
    assert "minh.tran" in text
    assert [word for word in unwanted if word in text or word.encode() in files] == []


async def test_threat_15_no_log_line_holds_a_password_secret_code_or_token(scene: Scene) -> None:
    with capture_logs() as lines:
        unwanted = await live_a_day(scene)
    text = "\n".join(map(str, lines))
    assert "POST" in text
    assert [word for word in unwanted if word in text] == []


def test_threat_15_no_repr_shows_the_password_or_code_of_a_login() -> None:
    body = LoginBody(name="lan", password=PASSWORD, totp="123456")
    tried = Login(name="lan", password=PASSWORD, totp="123456")
    assert PASSWORD not in repr(body) + repr(tried)
    assert "123456" not in repr(body) + repr(tried)


async def test_a_sealed_totp_secret_opens_for_its_own_operator_only(scene: Scene) -> None:
    person = await signed_in(scene, "minh.tran", Role.PROPOSER)
    async with scene.gateway.deps.database.read() as transaction:
        record = await store.find_record(transaction, "minh.tran")
    assert record is not None
    assert record.sealed_totp is not None
    assert unseal(PRESENT, record.sealed_totp, location="operator/minh.tran/totp") == person.secret
    with pytest.raises(SealBroken):
        unseal(PRESENT, record.sealed_totp, location="operator/lan.nguyen/totp")
    assert repr(record.sealed_totp) not in repr(record)


async def test_a_rotation_of_the_master_key_keeps_every_authenticator_and_session(scene: Scene) -> None:
    person = await signed_in(scene, "minh.tran", Role.ADMIN)
    await invite(scene.gateway, "tu.pham", Role.VIEWER)

    done = await rotate_master(scene.gateway, given=NEW, by=await operator_behind(scene, person))

    credentials = 2  # c06_secret of each profile's revision
    keys = 2 * len(Purpose) - len(AUDIT_PURPOSES)  # those of the audit are both profiles' own
    assert done.resealed == keys + credentials + 1
    assert (await person.call("GET", "/operators")).status_code == 200
    assert (await person.try_in(totp=person.next_code())).status_code == 201
    text = base64.urlsafe_b64encode(NEW).decode()
    settings = scene.settings.model_copy(update={"master_key": SecretStr(text)})
    async with (
        open_gateway(settings, clock=scene.clock) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(gateway)), base_url=BASE) as http,
    ):
        there = replace(person, http=http)
        assert (await there.call("GET", "/operators")).status_code == 200
        assert (await there.try_in(totp=there.next_code())).status_code == 201


async def test_a_worker_with_the_former_master_key_signs_nobody_in_and_seals_nothing(scene: Scene) -> None:
    """Such a worker still serves portals until it is restarted, but can't open or seal an authenticator's secret."""
    person = await signed_in(scene, "minh.tran", Role.ADMIN)
    code = await invite(scene.gateway, "tu.pham", Role.VIEWER)
    async with open_gateway(scene.settings, clock=scene.clock) as gateway:
        await rotate_master(gateway, given=NEW, by=await operator_behind(scene, person))

    answer = await person.try_in(totp=person.next_code())
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert (await person.call("GET", "/operators")).status_code == 200
    with ThreadPoolExecutor(1) as executor:
        passwords, password = Passwords(executor, cost=CHEAP), parse_new_password(PASSWORD, name="tu.pham")
        with pytest.raises(MasterKeyWrong):
            await enrol(scene.gateway, passwords, parse_name("tu.pham"), code=code, password=password)


async def test_a_worker_whose_key_file_is_replaced_signs_operators_in_without_a_restart(
    scene: Scene, tmp_path: Path
) -> None:
    person = await signed_in(scene, "minh.tran", Role.ADMIN)
    file = tmp_path / "setting.key"
    file.write_text(MASTER_KEY)
    settings = scene.settings.model_copy(update={"master_key_file": file})
    async with (
        open_gateway(settings, clock=scene.clock) as running,
        httpx.AsyncClient(transport=httpx.ASGITransport(build_app(running)), base_url=BASE) as http,
    ):
        there = replace(person, http=http)
        file.with_name("setting.key.next").write_text(base64.urlsafe_b64encode(NEW).decode())
        async with open_gateway(settings, clock=scene.clock) as command:
            await rotate_master(command, given=NEW, by=await operator_behind(scene, person))

        assert (await there.try_in(totp=there.next_code())).status_code == 201
        file.with_name("setting.key.next").rename(file)
        assert (await there.try_in(totp=there.next_code())).status_code == 201
        assert await refresh(running)
    async with open_gateway(settings, clock=scene.clock) as started:
        assert started.vault.master == NEW


def test_a_person_of_the_tests_shows_no_secret_either(scene: Scene) -> None:
    person = Person(http=scene.http, clock=scene.clock, name="x", secret=b"s" * 20, token="ops_x")
    assert "ops_x" not in repr(person)
