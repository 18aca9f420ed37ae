"""The report card of a client behind a provincial platform: the same habits, seen through JSON, but for the timestamp."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.kit.clocks import StillClock
from tests.mock_c06.callers import PlatformClient
from tests.mock_c06.contract.test_lgsp_json import BODIES, NAME, RECORD, VERDICT

BY_VARIANT = pytest.mark.parametrize("variant", ["passthrough", "camel", "pascal"])
Platform = Callable[[str], PlatformClient]


def written(variant: str, **members: str) -> dict[str, str]:
    """Write members as the variant does."""
    return {
        name[0].lower() + name[1:] if variant == "camel" else name: value for name, value in members.items()
    }


async def verdicts(control: httpx.AsyncClient, **narrow: str) -> dict[str, str]:
    card: dict[str, Any] = (await control.get("/runs/default/report", params=narrow)).json()
    return {check["id"]: check["verdict"] for check in card["checks"]}


async def wrong(control: httpx.AsyncClient) -> list[str]:
    return [name for name, verdict in (await verdicts(control)).items() if verdict == "wrong"]


@pytest.fixture
async def open_client(platform: Platform) -> Callable[[str], Any]:
    async def logged_in(variant: str) -> PlatformClient:
        client = platform(variant)
        assert (await client.log_in()).status_code == 200
        return client

    return logged_in


@BY_VARIANT
async def test_a_good_client_is_right_in_all_but_the_timestamp_it_does_not_send(
    open_client: Callable[[str], Any], control: httpx.AsyncClient, clock: StillClock, variant: str
) -> None:
    client = await open_client(variant)
    await control.post(
        "/runs/default/faults", json={"kind": "throttle", "times": 1, "delay_ms": 2000, "operation": VERDICT}
    )
    for pause in (2, 5, 1):
        await client.ask(VERDICT, BODIES[variant])
        clock.advance(pause)
    await client.ask(RECORD, BODIES[variant])
    found = await verdicts(control)
    assert found.pop("timestamp_ms") == "not_seen"
    assert set(found.values()) == {"right"}


@BY_VARIANT
@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"HoVaTen": "Nguyễn Văn An"}, "name_folded"),
        ({"SoCMND": "012345678"}, "one_number"),
        ({"SoDinhDanh": "00109000012"}, "one_number"),
    ],
)
async def test_a_bad_request_is_found_as_exactly_its_fault_in_each_variant(
    open_client: Callable[[str], Any],
    control: httpx.AsyncClient,
    variant: str,
    changes: dict[str, str],
    found: str,
) -> None:
    client = await open_client(variant)
    await client.ask(VERDICT, BODIES[variant] | written(variant, **changes))
    assert await wrong(control) == [found]


@BY_VARIANT
async def test_a_code_that_comes_again_is_found_but_not_where_the_first_was_refused(
    open_client: Callable[[str], Any], control: httpx.AsyncClient, variant: str
) -> None:
    client, code = await open_client(variant), written(variant, MaYeuCau="x")
    refused = await client.ask(VERDICT, BODIES[variant] | code | written(variant, MaCanBo="can.bo.99"))
    assert refused.json()["error_code"] == "005"
    await client.ask(VERDICT, BODIES[variant] | code)
    assert await wrong(control) == []
    await client.ask(RECORD, BODIES[variant] | code)
    assert await wrong(control) == ["request_id_unique"]


@BY_VARIANT
async def test_a_child_and_a_record_without_a_verdict_are_found(
    open_client: Callable[[str], Any], control: httpx.AsyncClient, variant: str
) -> None:
    client = await open_client(variant)
    born: dict[str, dict[str, Any]] = {
        "passthrough": {"NgayThangNamSinh": {"NgayThangNam": "20180105"}},
        "camel": {"ngayThangNam": "20180105"},
        "pascal": {"NgayThangNamSinh": "20180105"},
    }
    child = written(variant, SoDinhDanh="001218000125") | {NAME[variant]: "NGUYENMINHEM"} | born[variant]
    await client.ask(RECORD, BODIES[variant] | child)
    assert await wrong(control) == ["verdict_before_record", "child_never_asked"]


@BY_VARIANT
async def test_hasty_retries_and_an_early_return_are_found(
    open_client: Callable[[str], Any], control: httpx.AsyncClient, clock: StillClock, variant: str
) -> None:
    client = await open_client(variant)
    await control.post("/runs/default/faults", json={"kind": "maintenance", "delay_ms": 60_000})
    for _ in range(4):
        await client.ask(VERDICT, BODIES[variant])
        clock.advance(1)
    assert await wrong(control) == ["retry_backoff", "retry_after_honoured"]


async def test_a_card_of_one_account_leaves_the_others_habits_out(
    open_client: Callable[[str], Any], control: httpx.AsyncClient
) -> None:
    good, bad = await open_client("camel"), await open_client("pascal")
    await good.ask(VERDICT, BODIES["camel"])
    await bad.ask(VERDICT, BODIES["pascal"] | {"HoVaTen": "Nguyễn Văn An"})
    assert (await verdicts(control, account="dvctt-lgsp-camel"))["name_folded"] == "right"
    assert (await verdicts(control, account="dvctt-lgsp-pascal"))["name_folded"] == "wrong"
    assert (await verdicts(control, account="dvctt-hanoi"))["name_folded"] == "not_seen"
