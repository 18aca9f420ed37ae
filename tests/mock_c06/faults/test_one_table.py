"""A kind of fault is one row: plan, effect, schema and lists take a row that only this test has."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from pydantic import ValidationError

from mock_c06.app import MockRegistry
from mock_c06.faults.fault import FaultBody
from mock_c06.faults.kinds import KINDS
from mock_c06.faults.model import QUESTIONS, AnswerChange, FaultKind, InsteadOfRegistry, ReplyChange
from mock_c06.operations import Operation
from mock_c06.wire.reply import TEXT, Reply
from tests.mock_c06.callers import SoapPortal

TEAPOT = FaultKind(
    name="teapot",
    description="418 from a proxy",
    effect=InsteadOfRegistry(lambda _fault: Reply(status=418, body=b"I'm a teapot", content_type=TEXT)),
    operations=frozenset({Operation.LOOK_UP}),
    members=frozenset({"at"}),
    times=1,
)


class WiderFault(FaultBody):
    """The body of a fault whose table has one row more."""

    kinds: ClassVar[Mapping[str, FaultKind]] = {**KINDS, TEAPOT.name: TEAPOT}


def plan_of(mock: MockRegistry, kind: FaultKind) -> None:
    class OwnFault(FaultBody):
        kinds: ClassVar[Mapping[str, FaultKind]] = {kind.name: kind}

    mock.runs.get("default").faults.plan(OwnFault(kind=kind.name))


async def test_a_kind_that_only_this_test_knows_answers_and_is_announced(
    mock: MockRegistry, portal: SoapPortal, control: httpx.AsyncClient
) -> None:
    plan_of(mock, TEAPOT)
    spared, hit, after = await portal.verdict(), await portal.record(), await portal.record()
    entry = (await control.get("/runs/default/journal")).json()["entries"][1]
    assert [answer.status_code for answer in (spared, hit, after)] == [200, 418, 200]
    assert hit.headers["x-mock-fault"] == "fault-1;kind=teapot;call=1"
    assert (entry["outcome"], entry["fault"]) == ("fault", "teapot")


async def test_a_row_says_itself_what_becomes_of_answer_and_reply(
    mock: MockRegistry, portal: SoapPortal
) -> None:
    counted = AnswerChange(lambda answer: replace(answer, count=7))
    plan_of(mock, replace(TEAPOT, name="seven", effect=counted, operations=QUESTIONS))
    assert "<SoLuongCongDan>7<" in (await portal.verdict()).text
    closed = ReplyChange(lambda reply, _fault: replace(reply, status=299))
    plan_of(mock, replace(TEAPOT, name="odd", effect=closed, operations=QUESTIONS))
    assert (await portal.verdict()).status_code == 299


def test_a_row_decides_which_members_body_and_schema_take() -> None:
    body = {"kind": "teapot", "at": "mid"}
    fault = WiderFault.model_validate(body)
    assert (fault.row, fault.model_dump()["at"]) == (TEAPOT, "mid")
    with pytest.raises(ValidationError, match="belongs to latency"):
        WiderFault.model_validate({"kind": "teapot", "distribution": {"kind": "uniform", "max_ms": 1}})
    warning = WiderFault(kind="teapot", operation=Operation.RELATIVES).find_futility()
    assert warning is not None
    assert warning.startswith("operation: teapot hits TraCuuThongTinCongDan alone")


def test_the_schema_knows_the_row_and_the_mocks_own_schema_does_not() -> None:
    wider = OAS31Validator(WiderFault.model_json_schema(by_alias=True))
    own = OAS31Validator(FaultBody.model_json_schema(by_alias=True))
    teapot, empty = {"kind": "teapot", "at": "mid"}, {"kind": "empty", "at": "mid"}
    assert [wider.is_valid(teapot), own.is_valid(teapot), wider.is_valid(empty)] == [True, False, False]
    with pytest.raises(ValidationError, match=r"'latency', .* or 'duplicate_refused'"):
        FaultBody.model_validate({"kind": "teapot"})


def test_a_row_that_the_page_does_not_name_is_found_missing() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "mock-faults.md").read_text(encoding="utf-8")
    assert [name for name in WiderFault.kinds if f"`{name}`" not in page] == ["teapot"]
