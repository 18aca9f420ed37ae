"""The gateway against every quirk of the mock: accepted where known, refused where the meaning is ambiguous."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors.requests import RegistryAnswerInvalid, RegistryCredentialsRejected, RegistryRefused
from gateway.procedures.model import Operation
from gateway.registry.connection import DateForm, Dialect, TimestampUnit
from gateway.registry.model import Found, NobodyFound
from mock_c06.accounts.model import NAMES
from mock_c06.testing.scene import C06
from tests.kit.mock_registry import AN, Reach, claim_of

BY_DIALECT = pytest.mark.parametrize("dialect", list(Dialect))
CONFIGURED: dict[str, dict[str, Any]] = {
    "seconds": {"timestamp_unit": TimestampUnit.SECONDS},
    "hyphens_only": {"date_form": DateForm.HYPHENS},
    "one_record_code": {
        "integration_codes": dict.fromkeys(Operation, "037") | {Operation.AUTHENTICATE: "003"}
    },
}
LOSES: dict[str, dict[str, Any]] = {
    "bare_collection": {"as_of": None},
    "wrapped_members": {"household_members": ()},
}


@pytest.fixture
def reach(c06: C06) -> Reach:
    return Reach(c06)


@BY_DIALECT
@pytest.mark.parametrize("name", [name for name in NAMES if name != "no_life_status"])
async def test_every_quirk_is_accepted_and_changes_no_value(
    reach: Reach, name: str, dialect: Dialect
) -> None:
    plain = reach.registry(dialect)
    asked = [reach.question(operation, claim_of(AN)) for operation in Operation][1:]
    before = [await plain.find_record(question) for question in asked]
    reach.c06.switch(**{name: True})
    registry = reach.registry(dialect, **CONFIGURED.get(name, {}))
    wrong = replace(claim_of(AN), full_name="Nguyễn Văn Anh")
    assert await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN))) is True
    assert await registry.confirm(reach.question(Operation.AUTHENTICATE, wrong)) is False
    for question, known in zip(asked, before, strict=True):
        found = await registry.find_record(reach.question(question.operation, claim_of(AN)))
        assert isinstance(found, Found)
        assert isinstance(known, Found)
        expected = replace(known.record, **{"as_of": found.record.as_of} | LOSES.get(name, {}))
        assert found.record == expected, question.operation


@BY_DIALECT
async def test_a_person_element_without_any_text_is_nobody(reach: Reach, dialect: Dialect) -> None:
    reach.c06.switch(empty_person=True)
    wrong = replace(claim_of(AN), full_name="Nguyễn Văn Anh")
    for operation in list(Operation)[1:]:
        found = await reach.registry(dialect).find_record(reach.question(operation, wrong))
        assert found == NobodyFound()


@pytest.mark.parametrize("dialect", [Dialect.SOAP, Dialect.LGSP_PASSTHROUGH, Dialect.LGSP_PASCAL])
async def test_a_body_without_a_collection_is_not_taken_for_nobody(reach: Reach, dialect: Dialect) -> None:
    # Nobody would end a live verification: an answer that a broken platform gives too is not enough for that.
    reach.c06.switch(empty_body=True)
    wrong = replace(claim_of(AN), full_name="Nguyễn Văn Anh")
    with pytest.raises(RegistryAnswerInvalid):
        await reach.registry(dialect).find_record(reach.question(Operation.LOOK_UP, wrong))


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("seconds", RegistryCredentialsRejected),
        ("hyphens_only", RegistryRefused),
        ("one_record_code", RegistryRefused),
    ],
)
async def test_a_quirk_that_the_connection_does_not_expect_is_a_refusal_not_an_answer(
    reach: Reach, name: str, refusal: type[Exception]
) -> None:
    reach.c06.switch(**{name: True})
    with pytest.raises(refusal):
        await reach.registry(Dialect.SOAP).find_record(reach.question(Operation.HOUSEHOLD, claim_of(AN)))


@BY_DIALECT
async def test_all_quirks_of_an_answers_form_are_accepted_at_once(reach: Reach, dialect: Dialect) -> None:
    plain = await reach.registry(dialect).find_record(reach.question(Operation.LOOK_UP, claim_of(AN)))
    forms = {name for name in NAMES if name not in {*CONFIGURED, "no_life_status"}}
    reach.c06.switch(**dict.fromkeys(forms, True))
    found = await reach.registry(dialect).find_record(reach.question(Operation.LOOK_UP, claim_of(AN)))
    assert isinstance(plain, Found)
    assert isinstance(found, Found)
    assert found.record == replace(plain.record, as_of=None)
