"""The registry's client against the mock registry: five operations, four dialects, every persona."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from gateway.errors.requests import RegistryCredentialsRejected, RegistryRefused
from gateway.procedures.model import Operation
from gateway.registry import dialects
from gateway.registry.connection import Dialect
from gateway.registry.model import Found, LifeStatus, NobodyFound, Record
from mock_c06.people.model import Persona
from mock_c06.testing.scene import C06
from tests.kit.mock_registry import ACCOUNTS, AN, PERSONAS, Reach, claim_of

RECORD_OPERATIONS = [operation for operation in Operation if operation is not Operation.AUTHENTICATE]


SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parents[3] / "openapi" / "c06.xsd"))
BY_DIALECT = pytest.mark.parametrize("dialect", list(Dialect))


@pytest.fixture
def reach(c06: C06) -> Reach:
    return Reach(c06)


@BY_DIALECT
async def test_every_persona_is_confirmed_exactly_where_the_catalogue_says(
    reach: Reach, dialect: Dialect
) -> None:
    registry = reach.registry(dialect)
    said = {
        slug: await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(persona)))
        for slug, persona in PERSONAS.items()
    }
    assert said == {slug: persona.confirmed for slug, persona in PERSONAS.items()}


@BY_DIALECT
async def test_a_wrong_name_a_wrong_date_and_an_unknown_number_are_all_a_plain_no(
    reach: Reach, dialect: Dialect
) -> None:
    registry = reach.registry(dialect)
    right = claim_of(AN)
    assert right.birth_date is not None
    for wrong in (
        replace(right, full_name="Nguyễn Văn Anh"),
        replace(right, birth_date=right.birth_date.replace(day=30)),
        replace(right, birth_date=None, birth_year=1990),
        replace(right, citizen_id="000000000000"),
    ):
        assert await registry.confirm(reach.question(Operation.AUTHENTICATE, wrong)) is False
        found = await registry.find_record(reach.question(Operation.LOOK_UP, wrong))
        assert found == NobodyFound()


@BY_DIALECT
async def test_the_registry_logs_the_digest_that_the_audit_computes_before_the_question_leaves(
    reach: Reach, dialect: Dialect
) -> None:
    registry, connection = reach.registry(dialect), reach.connection(ACCOUNTS[dialect], dialect)
    questions = [reach.question(operation, claim_of(AN)) for operation in Operation]
    for question in questions:
        if question.operation is Operation.AUTHENTICATE:
            assert await registry.confirm(question) is True
        else:
            await registry.find_record(question)
    logged = {entry["ma_yeu_cau"]: entry["body_sha256"] for entry in reach.c06.journal.entries()}
    logged.pop(None, None)  # a login
    assert logged == {
        question.request_code: hashlib.sha256(dialects.write(question, connection)).hexdigest()
        for question in questions
    }


@pytest.mark.parametrize("operation", RECORD_OPERATIONS)
async def test_every_persona_reads_alike_through_all_four_dialects(
    reach: Reach, operation: Operation
) -> None:
    registries = [reach.registry(dialect) for dialect in Dialect]
    for slug, persona in PERSONAS.items():
        claim = claim_of(persona)
        found = [await registry.find_record(reach.question(operation, claim)) for registry in registries]
        first = _without_time(found[0])
        assert [_without_time(other) for other in found] == [first] * 4, slug


async def test_a_record_has_the_values_of_the_mocks_person(reach: Reach) -> None:
    record = await _look_up(reach, AN)
    person = AN.person
    assert record.as_of is not None
    assert record.full_name == person.full_name.upper()
    assert (record.birth_date, record.birth_year) == (person.birth_date, person.birth_year)
    assert (record.gender, record.ethnicity, record.religion) == (
        person.gender,
        person.ethnicity,
        person.religion,
    )
    assert person.permanent_residence is not None
    assert record.permanent_residence is not None
    assert record.permanent_residence.ward_code == person.permanent_residence.ward_code
    assert person.father is not None
    assert record.father is not None
    assert record.father.full_name == person.father.full_name.upper()
    assert record.life_status is LifeStatus.LIVING


@BY_DIALECT
async def test_a_household_names_its_head_and_its_members(reach: Reach, dialect: Dialect) -> None:
    found = await reach.registry(dialect).find_record(reach.question(Operation.HOUSEHOLD, claim_of(AN)))
    assert isinstance(found, Found)
    assert found.record.household_head is not None
    assert len(found.record.household_members) > 2
    assert all(member.relation for member in found.record.household_members)


async def test_every_question_and_every_answer_is_valid_by_the_schema(reach: Reach) -> None:
    registry = reach.registry(Dialect.SOAP)
    for persona in PERSONAS.values():
        await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(persona)))
        for operation in RECORD_OPERATIONS:
            await registry.find_record(reach.question(operation, claim_of(persona)))
    (transport,) = reach.seen
    messages = [*(packet.content for packet in transport.packets), *transport.answers]
    assert len(messages) == 2 * len(Operation) * len(PERSONAS)
    for content in messages:
        SCHEMA.assertValid(etree.ElementTree(etree.fromstring(content)[1][0]))


async def test_threat_30_many_questions_at_once_are_no_replay_for_the_mock(reach: Reach) -> None:
    registry = reach.registry(Dialect.SOAP)
    said = [await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN))) for _ in range(200)]
    assert all(said)


@BY_DIALECT
async def test_threat_30_a_request_code_used_twice_is_refused_as_a_duplicate(
    reach: Reach, dialect: Dialect
) -> None:
    registry = reach.registry(dialect)
    asked = reach.question(Operation.LOOK_UP, claim_of(AN))
    await registry.find_record(asked)
    again = replace(asked, claim=replace(asked.claim, full_name="Khác"))
    with pytest.raises(RegistryRefused, match="007"):
        await registry.find_record(again)


@BY_DIALECT
async def test_the_registrys_own_refusals_keep_their_codes(reach: Reach, dialect: Dialect) -> None:
    registry = reach.registry(dialect)
    asked = reach.question(Operation.AUTHENTICATE, claim_of(AN))
    with pytest.raises(RegistryRefused, match="004"):
        await registry.confirm(replace(asked, service_code="G99-XX999"))
    with pytest.raises(RegistryRefused, match="005"):
        await registry.confirm(replace(asked, officer="can.bo.99"))


async def test_an_operation_outside_the_account_is_refused_with_its_code(reach: Reach) -> None:
    registry = reach.registry(Dialect.SOAP, "limited")
    assert await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN))) is True
    with pytest.raises(RegistryRefused, match="006"):
        await registry.find_record(reach.question(Operation.LOOK_UP, claim_of(AN)))


async def test_a_suspended_account_and_a_wrong_secret_are_rejected_credentials(reach: Reach) -> None:
    for registry in (
        reach.registry(Dialect.SOAP, "suspended"),
        reach.registry(Dialect.SOAP, c06_secret="wrong"),
        reach.registry(Dialect.LGSP_CAMEL, ngsp_secret="wrong"),
        reach.registry(Dialect.LGSP_CAMEL, adapter=None),
    ):
        with pytest.raises(RegistryCredentialsRejected):
            await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN)))


async def test_threat_9_a_test_account_does_not_exist_at_the_official_endpoint(reach: Reach) -> None:
    registry = reach.registry(Dialect.SOAP, environment="official")
    with pytest.raises(RegistryCredentialsRejected):
        await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN)))


@BY_DIALECT
async def test_a_run_of_its_own_is_reached_by_its_path(reach: Reach, dialect: Dialect) -> None:
    assert reach.c06.url().endswith(f"/r/{reach.c06.run}")
    registry = reach.registry(dialect)
    assert await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN))) is True
    reach.c06.journal.assert_asked("XacThucThongTinCongDan", account=ACCOUNTS[dialect], times=1)


async def _look_up(reach: Reach, persona: Persona) -> Record:
    found = await reach.registry(Dialect.SOAP).find_record(
        reach.question(Operation.LOOK_UP, claim_of(persona))
    )
    assert isinstance(found, Found)
    return found.record


def _without_time(found: Found | NobodyFound) -> Record | None:
    """The wrappers differ in whether they pass on the time of the data."""
    return replace(found.record, as_of=None) if isinstance(found, Found) else None
