"""The mock registry misbehaves by plan; the gateway says what happened in its own words."""

import pytest

from gateway.errors import RegistryAnswerInvalid, RegistryRefused, RegistryTimeout, RegistryUnavailable
from gateway.procedures.fields import Operation
from gateway.registry.connection import Dialect
from mock_c06.runs.faults import Fault, Kind
from tests.gateway.registry.mock_scene import AN, Place, claim_of

BY_DIALECT = pytest.mark.parametrize("dialect", list(Dialect))


@pytest.fixture
def place() -> Place:
    return Place()


FAULTS = {
    Kind.HANG: RegistryTimeout,
    Kind.TRICKLE: RegistryTimeout,
    Kind.UNAVAILABLE: RegistryUnavailable,
    Kind.MAINTENANCE: RegistryUnavailable,
    Kind.HTML_ERROR: RegistryUnavailable,
    Kind.THROTTLE: RegistryUnavailable,
    Kind.TRUNCATED: RegistryAnswerInvalid,
    Kind.GARBLED: RegistryAnswerInvalid,
    Kind.WRONG_ENCODING: RegistryAnswerInvalid,
    Kind.TWO_PEOPLE: RegistryAnswerInvalid,
    Kind.WRONG_PERSON: RegistryAnswerInvalid,
    Kind.SWAPPED_FIELDS: RegistryAnswerInvalid,
    Kind.OVERSIZED: RegistryAnswerInvalid,
}


@BY_DIALECT
@pytest.mark.parametrize(("kind", "failure"), FAULTS.items())
async def test_each_fault_of_the_registry_becomes_our_word_for_it(
    place: Place, dialect: Dialect, kind: Kind, failure: type[Exception]
) -> None:
    registry = place.registry(dialect)
    await registry.confirm(place.question(Operation.AUTHENTICATE, claim_of(AN)))
    place.mock.runs.get("default").faults.plan(Fault(kind=kind))
    with pytest.raises(failure):
        await registry.find_record(place.question(Operation.LOOK_UP, claim_of(AN), within=0.3))


@pytest.mark.parametrize("dialect", [Dialect.SOAP, Dialect.LGSP_PASCAL])
async def test_threat_25_an_answer_in_another_namespace_is_refused(place: Place, dialect: Dialect) -> None:
    place.mock.runs.get("default").faults.plan(Fault(kind=Kind.WRONG_NAMESPACE))
    with pytest.raises(RegistryAnswerInvalid, match="wrong namespace"):
        await place.registry(dialect).find_record(place.question(Operation.LOOK_UP, claim_of(AN)))


@pytest.mark.parametrize("dialect", [dialect for dialect in Dialect if dialect is not Dialect.SOAP])
@pytest.mark.parametrize("kind", [Kind.UNAUTHORISED_ONCE, Kind.TOKEN_EXPIRES_EARLY])
async def test_threat_31_a_token_that_dies_early_is_renewed_unseen(
    place: Place, dialect: Dialect, kind: Kind
) -> None:
    place.mock.runs.get("default").faults.plan(Fault(kind=kind, times=1))
    registry = place.registry(dialect)
    for _ in range(3):
        assert await registry.confirm(place.question(Operation.AUTHENTICATE, claim_of(AN))) is True


@BY_DIALECT
async def test_a_failing_server_is_told_apart_as_far_as_it_says_so(place: Place, dialect: Dialect) -> None:
    place.mock.runs.get("default").faults.plan(Fault(kind=Kind.SOAP_FAULT))
    failure = RegistryUnavailable if dialect is Dialect.SOAP else RegistryRefused
    with pytest.raises(failure):
        await place.registry(dialect).confirm(place.question(Operation.AUTHENTICATE, claim_of(AN)))
