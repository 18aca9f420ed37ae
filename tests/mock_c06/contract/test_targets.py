"""The suite's own machinery: how often a check runs, and that the recorded target has no answer of its own."""

import inspect
import secrets
from pathlib import Path

import pytest

from mock_c06.app import MockRegistry
from tests.mock_c06.callers import SoapPortal
from tests.mock_c06.contract.targets import App, Recorded, Target, on_every_target


async def run(check: object, target: Target) -> None:
    """Run a check by hand."""
    assert callable(check)
    await check(target=target)


async def test_a_check_runs_once_on_an_app_and_once_more_on_its_recorded_answers(
    shared_mock: MockRegistry, tmp_path: Path
) -> None:
    codes: list[str] = []

    @on_every_target
    async def check(portal: SoapPortal) -> None:
        fields = portal.fields("XacThucThongTinCongDan")
        codes.append(fields["MaYeuCau"] or "")
        assert (await portal.verdict(**fields)).status_code == 200

    await run(check, App(shared_mock))
    assert len(codes) == 1
    await run(check, Recorded(shared_mock, tmp_path / "one.json"))
    assert codes == [codes[0]] * 3
    assert b"mock-c06-recording" in (tmp_path / "one.json").read_bytes()


async def test_a_check_that_asks_what_was_not_recorded_gets_no_answer(
    shared_mock: MockRegistry, tmp_path: Path
) -> None:
    statuses: list[int] = []

    @on_every_target
    async def check(portal: SoapPortal) -> None:
        statuses.append((await portal.verdict(MaYeuCau=secrets.token_hex(8))).status_code)

    await run(check, Recorded(shared_mock, tmp_path / "other.json"))
    assert statuses == [200, 501]


async def test_a_recorded_answer_that_breaks_the_contract_fails_the_check(
    shared_mock: MockRegistry, tmp_path: Path
) -> None:
    passes: list[str] = []

    @on_every_target
    async def check(portal: SoapPortal) -> None:
        passes.append("asked")
        portal.account = portal.account if len(passes) == 1 else {**portal.account, "user": "nobody"}
        assert "<SoLuongCongDan>1<" in (await portal.verdict()).text

    with pytest.raises(AssertionError):
        await run(check, Recorded(shared_mock, tmp_path / "third.json"))
    assert len(passes) == 2


def test_a_check_keeps_the_arguments_that_come_from_pytest() -> None:
    @on_every_target
    async def check(portal: SoapPortal, wrong: dict[str, str]) -> None:
        raise AssertionError

    assert list(inspect.signature(check).parameters) == ["target", "wrong"]
