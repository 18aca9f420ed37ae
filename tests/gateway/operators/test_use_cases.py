"""Who creates, changes and disables operators: the host, an admin, and when a second person is needed."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.app import open_gateway
from gateway.errors.operators import LoginInvalid, RoleMissing, StateWrong, Unknown
from gateway.errors.requests import TokenInvalid
from gateway.operators.credentials import Passwords, parse_new_password
from gateway.operators.model import Operator, OperatorState, Role, operator_entry, parse_name
from gateway.operators.use_cases import (
    admit_operator,
    change_role,
    confirm_operator,
    create_operator,
    disable_operator,
    enrol,
    list_operators,
)
from gateway.settings import Settings
from tests.kit.clocks import HandClock
from tests.kit.operators import CHEAP, PASSWORD, enrolled, invite, operator_behind, signed_in
from tests.kit.scene import MASTER_KEY, Scene

LAN, MINH, HOA, TU = map(parse_name, ("lan.nguyen", "minh.tran", "hoa.le", "tu.pham"))


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with ThreadPoolExecutor(2) as executor:
        yield Passwords(executor, cost=CHEAP)


@pytest.fixture
async def admin(scene: Scene) -> Operator:
    return await operator_behind(scene, await signed_in(scene, LAN, Role.ADMIN))


async def create(scene: Scene, name: str, role: Role, *, by: Operator | None = None) -> str:
    return await create_operator(scene.gateway, parse_name(name), role, by=by)


async def states(scene: Scene) -> dict[str, tuple[str, str]]:
    found = await list_operators(scene.gateway.deps)
    return {operator.name: (operator.role.value, operator.state.value) for operator in found}


@pytest.mark.parametrize("name", ["a", "lan.nguyen", "x-1_2.3", "a" * 64, "can12345678"])
def test_a_short_plain_name_is_accepted_for_an_operator(name: str) -> None:
    assert parse_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "1a", "Lan", "lan nguyen", "nguyễn", "a" * 65, "a001090000123", "local", "a\n", ".a"]
)
def test_a_name_that_could_be_a_number_or_the_host_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"a-z|digits|local"):
        parse_name(name)


async def test_the_host_makes_only_the_first_operator_and_it_is_an_admin(scene: Scene) -> None:
    with pytest.raises(StateWrong, match="first operator is an admin"):
        await create(scene, LAN, Role.APPROVER)
    await create(scene, LAN, Role.ADMIN)
    with pytest.raises(StateWrong, match="operators already"):
        await create(scene, MINH, Role.ADMIN)

    assert await states(scene) == {LAN: ("admin", "invited")}
    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"]) == (
        "local",
        "operator_admitted:lan.nguyen:admin",
        "local",
    )


async def test_two_first_admins_created_at_once_become_one(scene: Scene) -> None:
    made = await asyncio.gather(
        *(create(scene, f"admin-{n}", Role.ADMIN) for n in range(5)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in made) == ["StateWrong"] * 4 + ["str"]
    assert len(await states(scene)) == 1


async def test_an_admin_makes_operators_and_the_row_names_both(scene: Scene, admin: Operator) -> None:
    await create(scene, MINH, Role.PROPOSER, by=admin)

    row = (await scene.audit())[-1]
    assert (row["kind"], row["outcome"], row["actor"]) == (
        "operator",
        "operator_admitted:minh.tran:proposer",
        "lan.nguyen",
    )
    found = {operator.name: operator for operator in await list_operators(scene.gateway.deps)}
    assert found[MINH].created_by == "lan.nguyen"


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_threat_42_no_other_role_creates_or_disables_operators(scene: Scene, role: Role) -> None:
    person = await operator_behind(scene, await signed_in(scene, MINH, role))
    await enrolled(scene.gateway, HOA, Role.VIEWER)

    with pytest.raises(RoleMissing, match="needs the role admin"):
        await create(scene, TU, Role.VIEWER, by=person)
    with pytest.raises(RoleMissing, match="needs the role admin"):
        await disable_operator(scene.gateway, HOA, by=person)

    refused = [row for row in await scene.audit() if row.get("outcome") == "role_missing"]
    assert [(row["kind"], row["actor"]) for row in refused] == [("refused", MINH)] * 2
    assert (await states(scene))[HOA] == ("viewer", "active")


async def test_threat_42_the_last_active_admin_is_neither_disabled_nor_given_another_role(
    scene: Scene, admin: Operator
) -> None:
    await create(scene, MINH, Role.ADMIN, by=admin)
    with pytest.raises(StateWrong, match="last active admin"):
        await disable_operator(scene.gateway, LAN, by=admin)
    with pytest.raises(StateWrong, match="last active admin"):
        await give_role(scene, LAN, Role.VIEWER)
    assert (await states(scene))[LAN] == ("admin", "active")


async def test_threat_42_two_admins_who_disable_each_other_at_once_leave_one(
    scene: Scene, admin: Operator
) -> None:
    other = await operator_behind(scene, await signed_in(scene, MINH, Role.ADMIN))
    await asyncio.gather(
        disable_operator(scene.gateway, MINH, by=admin),
        disable_operator(scene.gateway, LAN, by=other),
        return_exceptions=True,
    )
    assert sorted(state for _, state in (await states(scene)).values()) == ["active", "disabled"]


async def test_an_unknown_or_disabled_operator_is_not_disabled_again(scene: Scene, admin: Operator) -> None:
    await invite(scene.gateway, MINH, Role.VIEWER)
    with pytest.raises(Unknown, match="does not exist"):
        await disable_operator(scene.gateway, HOA, by=admin)
    await disable_operator(scene.gateway, MINH, by=admin)
    with pytest.raises(StateWrong, match="disabled already"):
        await disable_operator(scene.gateway, MINH, by=admin)
    assert (await scene.audit())[-1]["outcome"] == "operator_disabled:minh.tran"


async def test_threat_12_an_admin_disabled_since_signing_in_creates_no_operator(
    scene: Scene, admin: Operator
) -> None:
    other = await operator_behind(scene, await signed_in(scene, MINH, Role.ADMIN))
    await disable_operator(scene.gateway, MINH, by=admin)
    with pytest.raises(TokenInvalid):
        await create(scene, TU, Role.ADMIN, by=other)
    assert TU not in await states(scene)


async def test_threat_12_official_needs_a_second_person_once_both_roles_exist(
    scene: Scene, admin: Operator
) -> None:
    await create(scene, MINH, Role.PROPOSER, by=admin)
    await create(scene, HOA, Role.APPROVER, by=admin)

    with pytest.raises(StateWrong, match="second person approves"):
        await create(scene, TU, Role.APPROVER, by=admin)


async def test_without_an_official_connection_an_admin_goes_on_alone_with_both_roles(
    tmp_path: Path, clock: HandClock
) -> None:
    bare = Settings.model_validate(
        {"database_url": f"sqlite:///{tmp_path}/bare.db", "master_key": MASTER_KEY}
    )
    async with open_gateway(bare, clock=clock) as gateway:
        for name, role in ((LAN, Role.ADMIN), (MINH, Role.PROPOSER), (HOA, Role.APPROVER)):
            await enrolled(gateway, name, role)
        admin = next(each for each in await list_operators(gateway.deps) if each.name == LAN)
        await create_operator(gateway, parse_name(TU), Role.APPROVER, by=admin)
        assert len(await list_operators(gateway.deps)) == 4


async def test_threat_12_disabling_the_approver_does_not_avoid_the_second_person(
    scene: Scene, admin: Operator
) -> None:
    await enrolled(scene.gateway, MINH, Role.PROPOSER)
    await enrolled(scene.gateway, HOA, Role.APPROVER)
    await disable_operator(scene.gateway, HOA, by=admin)

    for name in (HOA, TU):
        with pytest.raises(StateWrong, match="second person approves"):
            await create(scene, name, Role.APPROVER, by=admin)


async def test_an_expired_invitation_does_not_count_as_an_approver(scene: Scene, admin: Operator) -> None:
    await create(scene, MINH, Role.PROPOSER, by=admin)
    await create(scene, HOA, Role.APPROVER, by=admin)
    scene.clock.advance(24 * 3600)
    await create(scene, HOA, Role.APPROVER, by=admin)


async def give_role(scene: Scene, name: str, role: Role) -> None:
    """Change a role as a change of two people does: in its own commit."""

    async def decide(transaction: Any) -> tuple[list[Any], None]:
        await change_role(transaction, parse_name(name), role, at=scene.clock.now())
        return [operator_entry(scene.gateway.deps, f"operator_role:{name}:{role.value}", actor=LAN)], None

    await scene.gateway.deps.audit.commit(decide)


async def test_a_new_role_applies_from_the_next_call_of_a_live_session(scene: Scene) -> None:
    person = await signed_in(scene, MINH, Role.PROPOSER)
    before = await operator_behind(scene, person)
    await give_role(scene, MINH, Role.APPROVER)

    assert (await operator_behind(scene, person)).role is Role.APPROVER
    async with scene.gateway.deps.database.read() as transaction:
        with pytest.raises(TokenInvalid):
            await confirm_operator(transaction, before)
    with pytest.raises(StateWrong, match="active as approver"):
        await give_role(scene, MINH, Role.APPROVER)
    with pytest.raises(Unknown):
        await give_role(scene, HOA, Role.APPROVER)


async def test_an_active_operator_is_not_invited_again(scene: Scene, admin: Operator) -> None:
    await enrolled(scene.gateway, MINH, Role.VIEWER)
    with pytest.raises(StateWrong, match="is active"):
        await create(scene, MINH, Role.ADMIN, by=admin)
    assert (await states(scene))[MINH] == ("viewer", "active")


async def test_a_disabled_operator_returns_with_new_credentials_only(
    scene: Scene, admin: Operator, passwords: Passwords
) -> None:
    person = await signed_in(scene, MINH, Role.PROPOSER)
    await disable_operator(scene.gateway, MINH, by=admin)
    code = await create(scene, MINH, Role.VIEWER, by=admin)

    assert (await person.try_in(totp=person.next_code())).status_code == 401
    password = parse_new_password(PASSWORD, name=MINH)
    await enrol(scene.gateway, passwords, MINH, code=code, password=password)
    assert (await person.try_in(totp=person.next_code())).status_code == 401
    assert (await person.call("GET", "/operators")).status_code == 401
    assert (await states(scene))[MINH] == ("viewer", "active")


async def test_a_one_time_code_works_once_for_its_own_operator_within_a_day(
    scene: Scene, passwords: Passwords
) -> None:
    code, late = [await invite(scene.gateway, name, Role.VIEWER) for name in (MINH, HOA)]
    password = parse_new_password(PASSWORD, name="nobody")

    async def tried(name: str, word: str) -> bool:
        try:
            await enrol(scene.gateway, passwords, parse_name(name), code=word, password=password)
        except LoginInvalid:
            return False
        return True

    assert [await tried(HOA, code), await tried(TU, code), await tried(MINH, code + "x")] == [False] * 3
    at_once = await asyncio.gather(*(tried(MINH, code) for _ in range(4)))
    assert sorted(at_once) == [False, False, False, True]
    scene.clock.advance(24 * 3600)
    assert await tried(HOA, late) is False
    refused = [row for row in await scene.audit() if row.get("outcome") == "login_invalid"]
    assert len(refused) == 7
    assert [row.get("actor") for row in refused[:2]] == [HOA, None]


async def test_threat_41_a_one_time_code_of_a_clock_that_was_ahead_is_over_once_it_is_set_right(
    scene: Scene, passwords: Passwords
) -> None:
    password, year = parse_new_password(PASSWORD, name="nobody"), 365 * 86_400
    scene.clock.advance(year)
    code = await invite(scene.gateway, MINH, Role.VIEWER)
    scene.clock.advance(-year)
    with pytest.raises(LoginInvalid):
        await enrol(scene.gateway, passwords, parse_name(MINH), code=code, password=password)


async def test_an_admission_is_rolled_back_with_the_change_that_called_it(scene: Scene) -> None:
    async def decide(transaction: Any) -> tuple[list[Any], None]:
        await admit_operator(transaction, scene.gateway, MINH, Role.APPROVER, by=LAN)
        raise StateWrong("the change fails after all")

    with pytest.raises(StateWrong, match="after all"):
        await scene.gateway.deps.audit.commit(decide)
    assert await states(scene) == {}


def test_operator_states_and_roles_are_those_of_the_contract() -> None:
    assert [role.value for role in Role] == [
        "viewer",
        "proposer",
        "approver",
        "data_protection",
        "admin",
    ]
    assert [state.value for state in OperatorState] == ["invited", "active", "disabled"]
