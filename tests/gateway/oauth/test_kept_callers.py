"""What a worker keeps about callers ends with every change: at once where it was made, within half a second elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
from joserfc.jwk import ECKey

from gateway.accounts.kept_store import MAX_KEPT, Kept, PostgresVersions
from gateway.accounts.model import AccountState
from gateway.accounts.use_cases import (
    add_officers,
    change_state,
    disable_officers,
    get_account,
    list_credentials,
    rotate_credential,
)
from gateway.identifiers import Profile
from tests.kit.forging import refusal
from tests.kit.scene import Portal, Scene, open_scene, outcome

WITHIN_S = 0.5
OFFICER = {"kind": "officer", "id": "can.bo.01"}
TABLES = (
    "accounts", "account_keys", "account_officers", "account_secrets", "organisations", "revoked_tokens",
)  # fmt: skip

Ask = Callable[[Portal], Awaitable[httpx.Response]]


async def me(portal: Portal) -> httpx.Response:
    return await portal.call("GET", "/me")


async def by_officer(portal: Portal) -> httpx.Response:
    return await portal.verify(initiated_by=OFFICER)


@pytest.fixture
async def elsewhere(scene: Scene, portal: Portal) -> AsyncIterator[Portal]:
    """The same caller at a second worker, which keeps what it needs."""
    async with open_scene(scene.settings, scene.mock, scene.clock) as worker:
        caller = replace(portal, http=worker.http)
        await until_kept(worker)
        assert (await me(caller)).status_code == 200
        assert (await by_officer(caller)).status_code == 201
        assert (await caller.ask_token()).status_code == 200
        yield caller


async def until_kept(worker: Scene) -> None:
    """Wait until a worker may keep something: on PostgreSQL it connects at the first call."""
    async with asyncio.timeout(10):
        while await worker.gateway.deps.kept.version() is None:  # noqa: ASYNC110 - a worker announces nothing
            await asyncio.sleep(0.01)


async def until(ask: Ask, caller: Portal, expected: tuple[int, str]) -> float:
    """Ask until the answer is a problem; return how long that took."""
    began = asyncio.get_running_loop().time()
    while (answer := await ask(caller)).status_code < 300:
        assert asyncio.get_running_loop().time() - began < 10
    assert outcome(answer) == expected
    return asyncio.get_running_loop().time() - began


async def change(scene: Scene, portal: Portal, state: AccountState) -> None:
    await change_state(scene.gateway.deps, portal.client_id, state)


async def execute(scene: Scene, statement: str) -> None:
    """Run SQL as an administrator would by hand, without any of the gateway's code."""
    async with scene.gateway.deps.database.write() as transaction:
        await transaction.exec_driver_sql(statement)


async def test_threat_8_a_suspension_holds_at_once_here_and_soon_at_another_worker(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    assert (await me(portal)).status_code == 200
    await change(scene, portal, AccountState.SUSPENDED)

    assert outcome(await me(portal)) == (403, "account_suspended")
    assert refusal(await portal.ask_token()) == (401, "invalid_client")
    assert await until(me, elsewhere, (403, "account_suspended")) < WITHIN_S
    assert refusal(await elsewhere.ask_token()) == (401, "invalid_client")


async def test_threat_8_a_resumption_ends_kept_tokens_and_lets_the_client_back_in(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    await change(scene, portal, AccountState.SUSPENDED)
    await change(scene, portal, AccountState.ACTIVE)

    assert outcome(await me(portal)) == (401, "token_invalid")
    assert await until(me, elsewhere, (401, "token_invalid")) < WITHIN_S
    assert (await me(await elsewhere.log_in())).status_code == 200


async def test_threat_8_a_revoked_token_ends_at_once_here_and_soon_at_another_worker(
    portal: Portal, elsewhere: Portal
) -> None:
    auth, form = (portal.client_id, str(portal.secret)), {"token": portal.access_token}
    assert (await me(portal)).status_code == 200
    await portal.http.post(f"{portal.issuer}/oauth2/revoke", data=form, auth=auth)

    assert outcome(await me(portal)) == (401, "token_invalid")
    assert await until(me, elsewhere, (401, "token_invalid")) < WITHIN_S


async def test_threat_49_narrowed_grants_written_by_hand_hold_soon_at_every_worker(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    assert (await me(portal)).status_code == 200
    await execute(scene, "UPDATE accounts SET scopes = '[]', grant_epoch = grant_epoch + 1")

    for caller in (portal, elsewhere):
        assert await until(me, caller, (401, "token_invalid")) < WITHIN_S
    assert (await elsewhere.log_in()).access_token
    assert (await me(elsewhere)).json()["scopes"] == []


async def test_threat_49_a_disabled_officer_is_refused_at_once_here_and_soon_elsewhere(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    place, refused = scene.gateway.places[Profile.SANDBOX], (403, "officer_not_granted")
    account = await get_account(scene.gateway.deps, portal.client_id)
    assert (await by_officer(portal)).status_code == 200
    await disable_officers(scene.gateway.deps, place, account, ["can.bo.01"])

    assert outcome(await by_officer(portal)) == refused
    assert await until(by_officer, elsewhere, refused) < WITHIN_S
    await add_officers(scene.gateway.deps, place, account, ["can.bo.01"])
    assert (await by_officer(portal)).status_code == 200


async def test_a_secret_that_was_replaced_works_until_its_end_and_no_longer(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    account = await get_account(deps, portal.client_id)
    await rotate_credential(deps, place, account)
    assert (await elsewhere.ask_token()).status_code == 200
    assert [kind for kind, _ in await list_credentials(deps, account)] == ["client_secret"] * 2

    scene.clock.advance(8 * 86_400)

    assert refusal(await elsewhere.ask_token()) == (401, "invalid_client")
    assert refusal(await portal.ask_token()) == (401, "invalid_client")


async def test_a_secret_ends_as_well_when_a_key_takes_its_place(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    """Nothing else ends a secret: an account that had moved to a key, say after a leak, kept it without end."""
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    account = await get_account(deps, portal.client_id)
    key = ECKey.generate_key("P-256")
    await rotate_credential(deps, place, account, public_keys=[key.as_dict(private=False)])
    assert (await portal.ask_token()).status_code == 200

    scene.clock.advance(8 * 86_400)

    assert (
        refusal(await portal.ask_token()) == refusal(await elsewhere.ask_token()) == (401, "invalid_client")
    )
    assert [kind for kind, _ in await list_credentials(deps, account)] == ["private_key_jwt"]


async def test_a_key_ends_at_once_when_a_secret_takes_its_place(scene: Scene) -> None:
    """Nothing but another key ended it: an account that had moved to a secret, say after a leak, kept it."""
    portal = await scene.portal(key=ECKey.generate_key("P-256"))
    deps, place = scene.gateway.deps, scene.gateway.places[Profile.SANDBOX]
    account = await get_account(deps, portal.client_id)
    await rotate_credential(deps, place, account)
    assert refusal(await portal.ask_token()) == (401, "invalid_client")
    assert [kind for kind, _ in await list_credentials(deps, account)] == ["client_secret"]


async def test_threat_6_a_wrong_secret_of_a_kept_client_is_refused_like_an_unknown_client(
    elsewhere: Portal,
) -> None:
    wrong = await replace(elsewhere, secret="wrong").ask_token()
    unknown = await replace(elsewhere, client_id="acc_unknown").ask_token()

    assert refusal(wrong) == refusal(unknown) == (401, "invalid_client")
    assert wrong.json() == unknown.json()


@pytest.mark.parametrize("table", TABLES)
async def test_each_change_of_a_table_that_decides_about_callers_has_another_version(
    scene: Scene, portal: Portal, table: str
) -> None:
    await scene.portal(key=ECKey.generate_key("P-256"))  # each table has a row
    await until_kept(scene)
    kept = scene.gateway.deps.kept
    before = await kept.version()
    assert before is not None
    columns = await _columns(scene, table)
    row = {name: f"'{name}'" for name in columns if not name.endswith("_at")}
    moments = {name: "'2026-11-28 00:00:00.000000'" for name in columns if name.endswith("_at")}
    if table == "revoked_tokens":
        values = ", ".join((row | moments).values())
        await execute(scene, f"INSERT INTO {table} ({', '.join(row | moments)}) VALUES ({values})")
    else:
        column = columns[0]
        await execute(scene, f"UPDATE {table} SET {column} = {column}")
        if (
            table == "account_keys"
        ):  # it has no row here: on SQLite nothing changed, and nothing counts as changed
            assert portal.key is None

    async with asyncio.timeout(WITHIN_S):
        while await kept.version() == before:  # noqa: ASYNC110 - a worker announces nothing
            await asyncio.sleep(0.01)


async def _columns(scene: Scene, table: str) -> list[str]:
    async with scene.gateway.deps.database.read() as connection:
        return await connection.run_sync(
            lambda sync: [column["name"] for column in sa.inspect(sync).get_columns(table)]
        )


async def test_nothing_is_kept_while_the_listening_connection_is_down_and_all_is_right(
    scene: Scene, portal: Portal, elsewhere: Portal
) -> None:
    versions = scene.gateway.deps.kept.versions
    if not isinstance(versions, PostgresVersions):
        assert scene.gateway.deps.database.embedded  # SQLite reads the version at each call
        return
    await until_kept(scene)
    assert (await me(portal)).status_code == 200

    await execute(
        scene,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
        "OR (query LIKE '%callers_version%' AND pid <> pg_backend_pid())",
    )
    await change(scene, portal, AccountState.SUSPENDED)

    assert outcome(await me(portal)) == (403, "account_suspended")
    assert await until(me, elsewhere, (403, "account_suspended")) < WITHIN_S
    await until_kept(scene)
    await change(scene, portal, AccountState.REVOKED)
    assert outcome(await me(portal)) == (401, "token_invalid")
    assert await until(me, elsewhere, (401, "token_invalid")) < WITHIN_S


class _Versions:
    """A version that the test sets."""

    present: int | None = 1

    async def read(self) -> int | None:
        return self.present

    async def wait(self) -> None:
        await asyncio.sleep(1)

    async def aclose(self) -> None:
        """Close nothing."""


async def test_a_value_read_before_a_change_is_not_kept_after_it() -> None:
    versions = _Versions()
    kept = Kept(versions)
    before = await kept.version()
    versions.present = 2
    after = await kept.version()

    kept.keep(before, "holder", "one", "stale")

    assert kept.find(before, "holder", "one") is None
    assert kept.find(after, "holder", "one") is None
    versions.present = None
    kept.keep(await kept.version(), "holder", "one", "unsafe")
    assert kept.find(None, "holder", "one") is None


async def test_threat_50_no_more_than_a_bounded_number_of_values_is_kept() -> None:
    kept = Kept(_Versions())
    version = await kept.version()
    for number in range(MAX_KEPT + 1):
        kept.keep(version, "holder", number, number)

    assert kept.find(version, "holder", 0) is None
    assert kept.find(version, "holder", 1) == 1
    assert kept.find(version, "holder", MAX_KEPT) == MAX_KEPT
