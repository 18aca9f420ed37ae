"""The hand-written contracts in `openapi/`: valid in themselves, and kept by what the mock answers."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from lxml import etree
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from mock_c06.accounts.model import AS_BUILT
from mock_c06.faces.wsdl import CONTRACTS, write_wsdl
from mock_c06.operations import Operation
from tests.mock_c06.callers import PlatformClient
from tests.mock_c06.contract.targets import on_every_target
from tests.mock_c06.contract.test_lgsp_json import BODIES


@pytest.fixture(scope="module")
def lgsp() -> dict[str, Any]:
    description: dict[str, Any] = yaml.safe_load((CONTRACTS / "c06-lgsp.yaml").read_text(encoding="utf-8"))
    return description


def _fits(lgsp: dict[str, Any], schema: dict[str, Any], value: Any) -> bool:
    return bool(OAS31Validator(lgsp | schema).is_valid(value))


def test_the_lgsp_description_is_valid_and_has_all_paths(lgsp: dict[str, Any]) -> None:
    validate(lgsp)
    assert set(lgsp["paths"]) == {"/token", *(f"/lgsp/{operation.camel}" for operation in Operation)}


@pytest.mark.parametrize("variant", ["passthrough", "camel", "pascal"])
@on_every_target
async def test_json_answers_of_each_variant_fit_the_description(
    lgsp: dict[str, Any], platform: Callable[[str], PlatformClient], variant: str
) -> None:
    client = platform(variant)
    assert _fits(lgsp, {"$ref": "#/components/schemas/Token"}, (await client.log_in()).json())
    for operation in Operation:
        answer = await client.ask(operation, BODIES[variant])
        kind = "Verdict" if operation is Operation.AUTHENTICATE else "Record"
        schema = lgsp["components"]["responses"][kind]["content"]["application/json"]["schema"]
        assert _fits(lgsp, schema, answer.json()), operation
    wrong = await client.ask(Operation.LOOK_UP, BODIES[variant] | {"unknown": "member"})
    assert _fits(lgsp, {"$ref": "#/components/schemas/Refusal"}, wrong.json())


@pytest.mark.parametrize(
    ("variant", "name"), [("passthrough", "Passthrough"), ("camel", "Camel"), ("pascal", "Pascal")]
)
def test_the_described_requests_are_those_that_are_answered(
    lgsp: dict[str, Any], variant: str, name: str
) -> None:
    upper = variant != "camel"
    own = {"MaYeuCau": "1", "MaDVC": "G15-TP110", "MaTichHop": "003", "MaCanBo": "can.bo.01"}
    own = own if upper else {key[0].lower() + key[1:]: value for key, value in own.items()}
    schema = {"$ref": f"#/components/schemas/{name}Enquiry"}
    assert _fits(lgsp, schema, own | BODIES[variant])
    assert not _fits(lgsp, schema, own | BODIES[variant] | {"extra": "1"})


def test_the_wsdl_has_both_schemas_inside_and_the_callers_address() -> None:
    served = etree.fromstring(write_wsdl(AS_BUILT, address='http://h/r/a"&b/soap'))
    address = served.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    targets = [
        schema.get("targetNamespace") for schema in served.iter("{http://www.w3.org/2001/XMLSchema}schema")
    ]
    assert address is not None
    assert address.get("location") == 'http://h/r/a"&b/soap'
    assert targets == ["http://dancuquocgia.bca", "http://www.mic.gov.vn/dancu/1.0"]


@pytest.mark.parametrize("digits", ["٠٠١٠٩٠٠٠٠١٢٣", "0010900001234", "00109000012a"])
def test_the_schema_takes_only_ascii_digits_of_the_right_number(schema: etree.XMLSchema, digits: str) -> None:
    answer = etree.fromstring(
        '<CongdanCollection xmlns="http://www.mic.gov.vn/dancu/1.0" SoCongDan="1">'
        f"<CongDan><SoDinhDanh>{digits}</SoDinhDanh></CongDan></CongdanCollection>"
    )
    assert not schema.validate(answer)
