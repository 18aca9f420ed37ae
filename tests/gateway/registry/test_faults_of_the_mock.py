"""The mock registry misbehaves by plan; the gateway names each fault by an error of its own."""

import pytest

from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.procedures.model import Operation
from gateway.registry.connection import Dialect
from mock_c06.testing.scene import C06
from tests.kit.mock_registry import AN, Reach, claim_of

BY_DIALECT = pytest.mark.parametrize("dialect", list(Dialect))


@pytest.fixture
def reach(c06: C06) -> Reach:
    return Reach(c06)


FAULTS = {
    "hang": RegistryTimeout,
    "trickle": RegistryTimeout,
    "unavailable": RegistryUnavailable,
    "maintenance": RegistryUnavailable,
    "html_error": RegistryUnavailable,
    "throttle": RegistryUnavailable,
    "truncated": RegistryAnswerInvalid,
    "garbled": RegistryAnswerInvalid,
    "wrong_encoding": RegistryAnswerInvalid,
    "two_people": RegistryAnswerInvalid,
    "wrong_person": RegistryAnswerInvalid,
    "swapped_fields": RegistryAnswerInvalid,
    "oversized": RegistryAnswerInvalid,
}


@BY_DIALECT
@pytest.mark.parametrize(("kind", "failure"), FAULTS.items())
async def test_each_fault_of_the_registry_becomes_an_error_of_ours(
    reach: Reach, dialect: Dialect, kind: str, failure: type[Exception]
) -> None:
    registry = reach.registry(dialect)
    await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN)))
    reach.c06.fault(kind)
    with pytest.raises(failure):
        await registry.find_record(reach.question(Operation.LOOK_UP, claim_of(AN), within=0.3))


@pytest.mark.parametrize("dialect", [Dialect.SOAP, Dialect.LGSP_PASCAL])
async def test_threat_25_an_answer_in_another_namespace_is_refused(reach: Reach, dialect: Dialect) -> None:
    reach.c06.fault("wrong_namespace")
    with pytest.raises(RegistryAnswerInvalid, match="wrong namespace"):
        await reach.registry(dialect).find_record(reach.question(Operation.LOOK_UP, claim_of(AN)))


@pytest.mark.parametrize("dialect", [dialect for dialect in Dialect if dialect is not Dialect.SOAP])
@pytest.mark.parametrize("kind", ["unauthorised_once", "token_expires_early"])
async def test_threat_31_a_token_that_ends_early_is_renewed_without_an_error(
    reach: Reach, dialect: Dialect, kind: str
) -> None:
    planned = reach.c06.fault(kind, times=1)
    registry = reach.registry(dialect)
    for _ in range(3):
        assert await registry.confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN))) is True
    assert planned.state()["hits"] == 1


@BY_DIALECT
async def test_failures_of_the_server_are_distinguished_where_the_answer_does(
    reach: Reach, dialect: Dialect
) -> None:
    reach.c06.fault("soap_fault")
    failure = RegistryUnavailable if dialect is Dialect.SOAP else RegistryRefused
    with pytest.raises(failure):
        await reach.registry(dialect).confirm(reach.question(Operation.AUTHENTICATE, claim_of(AN)))
