"""Threat 26: a platform's answers made to break or mislead a reader end in one named refusal."""

import json

import pytest

from gateway.errors.requests import RegistryAnswerInvalid
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from tests.kit.registry import JSON_PERSON, PERSON, answering, people, question, registry_of

PASSTHROUGH, CAMEL, PASCAL = Dialect.LGSP_PASSTHROUGH, Dialect.LGSP_CAMEL, Dialect.LGSP_PASCAL

_TWO = json.dumps({"data": [JSON_PERSON, JSON_PERSON]})
_DEEP = '{"data": ' + "[" * 40 + "]" * 40 + "}"
HOSTILE = {
    "data missing": (CAMEL, '{"status": "ok"}', "answer without data"),
    "two people": (CAMEL, _TWO, "more than one person"),
    "a verdict for a record": (CAMEL, '{"data": true}', "value where a structure belongs"),
    "NaN": (CAMEL, '{"data": NaN}', "number is not finite"),
    "infinity": (CAMEL, '{"data": -Infinity}', "number is not finite"),
    "a member twice": (CAMEL, '{"data": {}, "data": {}}', "member repeated"),
    "an inner member twice": (CAMEL, '{"data": {"CongDan": {"DanToc": "01", "DanToc": "04"}}}', "member repeated"),
    "too many members": (CAMEL, json.dumps({"data": {str(n): 1 for n in range(60_000)}}), "too many members"),
    "10^6 members": (CAMEL, "{" + '"member": 1, ' * 1_000_000 + '"last": 1}', "answer too large"),
    "too many in lists": (CAMEL, '{"data": [' + "1," * 20_000 + "1]}", "too many members"),
    "deep": (CAMEL, _DEEP, "nested too deep"),
    "deep past any stack": (CAMEL, '{"data": ' + "[" * 9_000 + "]" * 9_000 + "}", "nested too deep"),
    "deeper still": (CAMEL, "[" * 500_000, "too many members"),
    "a list at the top": (CAMEL, "[]", "not a JSON object"),
    "a word at the top": (CAMEL, '"true"', "not a JSON object"),
    "cut off": (CAMEL, '{"data": {"SoDinh', "not well-formed JSON"),
    "empty": (CAMEL, "", "not well-formed JSON"),
    "a page": (CAMEL, "<html></html>", "not well-formed JSON"),
    "not UTF-8": (CAMEL, b'{"data": "\xff"}', "encoding is not UTF-8"),
    "UTF-16": (CAMEL, '{"data": {}}'.encode("utf-16"), "NUL in the answer"),
    "an escaped NUL": (CAMEL, json.dumps({"data": JSON_PERSON | {"HoVaTen": "A\0"}}), "control character in a value"),
    "half a pair": (CAMEL, json.dumps({"data": JSON_PERSON | {"HoVaTen": "A\ud800"}}), "control character in a value"),
    "a number that lost its zero": (CAMEL, json.dumps({"data": JSON_PERSON | {"SoDinhDanh": 1090000123}}), "malformed code"),
    "a huge number": (CAMEL, json.dumps({"data": JSON_PERSON | {"SoDinhDanh": 10**4000}}), "malformed code"),
    "a list for a value": (CAMEL, json.dumps({"data": JSON_PERSON | {"DanToc": ["01"]}}), "structure where a value belongs"),
    "no body": (PASSTHROUGH, '{"Envelope": {}}', "answer without a body"),
    "a body of text": (PASSTHROUGH, '{"Body": "x"}', "value where a structure belongs"),
    "another operation": (PASSTHROUGH, '{"Body": {}}', "answer to another operation"),
    "a name between two operations": (CAMEL, '{"data": {"KetQuaXacThuc": "x"}}', "another person"),
    "a body beside an envelope": (PASSTHROUGH, '{"Envelope": {"Body": {}}, "Body": {"CongdanCollection": null}}', "two bodies"),
    "no code": (PASCAL, json.dumps({"message": people(PERSON).decode()}), "answer without a code"),
    "an empty code": (PASCAL, json.dumps({"error_code": None, "message": people().decode()}), "answer without a code"),
    "message missing": (PASCAL, '{"error_code": "0"}', "answer without a message"),
    "message not text": (PASCAL, '{"error_code": "0", "message": {}}', "answer without a message"),
    "message of half a pair": (PASCAL, '{"error_code": "0", "message": "\\ud800"}', "encoding is not UTF-8"),
    "message with a DTD": (PASCAL, '{"error_code": "0", "message": "<!DOCTYPE x><x/>"}', "DTD in the answer"),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "content", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_threat_26_a_hostile_answer_is_refused_by_its_reason(
    dialect: Dialect, content: str | bytes, reason: str
) -> None:
    with pytest.raises(RegistryAnswerInvalid) as refused:
        await registry_of(answering(content), dialect).find_record(question(Operation.LOOK_UP))
    assert refused.value.reason == reason


@pytest.mark.parametrize("content", ['{"data": 1}', '{"data": "yes"}', '{"data": null}', '{"data": ""}'])
async def test_threat_26_a_verdict_that_is_neither_true_nor_false_is_refused(content: str) -> None:
    with pytest.raises(RegistryAnswerInvalid, match="neither yes nor no"):
        await registry_of(answering(content), CAMEL).confirm(question())
