"""A failing connection, a status or a refusal becomes an error of ours, without any text of the registry."""

import httpx
import pytest

from gateway.errors.requests import (
    RegistryAnswerInvalid,
    RegistryCredentialsRejected,
    RegistryRefused,
    RegistryTimeout,
    RegistryUnavailable,
)
from gateway.procedures.model import Operation
from tests.kit.registry import Double, answering, fault, question, registry_of, verdict


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("refused"), RegistryUnavailable),
        (httpx.ConnectTimeout("dropped"), RegistryUnavailable),
        (httpx.ReadError("reset"), RegistryUnavailable),
        (httpx.RemoteProtocolError("closed"), RegistryUnavailable),
        (ConnectionResetError(), RegistryUnavailable),
        (httpx.ReadTimeout("slow"), RegistryTimeout),
    ],
)
async def test_a_failing_connection_becomes_an_error_of_ours(
    failure: Exception, expected: type[Exception]
) -> None:
    def fail(_request: httpx.Request) -> httpx.Response:
        raise failure

    with pytest.raises(expected) as raised:
        await registry_of(Double(fail)).confirm(question())
    assert raised.value.__cause__ is failure


@pytest.mark.parametrize("status", [429, 502, 503, 504, 599])
async def test_a_status_of_unavailability_is_unavailability_whatever_the_body(status: int) -> None:
    with pytest.raises(RegistryUnavailable):
        await registry_of(answering(httpx.Response(status, text="<html>"))).confirm(question())


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("999999", 300),
        ("9" * 5_000, 5),
        ("-1", 5),
        ("soon", 5),
        ("", 5),
        ("Wed, 27 Apr 2022 01:00:30 GMT", 30),
        ("Wed, 27 Apr 2022 01:00:30 -0000", 30),
        ("Wed, 27 Apr 1999 01:00:30 GMT", 1),
    ],
)
async def test_retry_after_is_read_and_bounded(header: str, seconds: int) -> None:
    with pytest.raises(RegistryUnavailable) as raised:
        await registry_of(answering(httpx.Response(429, headers={"retry-after": header}))).confirm(question())
    assert raised.value.retry_after == seconds


@pytest.mark.parametrize("code", ["004", "005", "006", "007", "01"])
async def test_a_faults_code_is_passed_on_and_its_text_is_not(code: str) -> None:
    with pytest.raises(RegistryRefused) as raised:
        await registry_of(answering(fault(code))).find_record(question(Operation.LOOK_UP))
    assert (raised.value.registry_code, str(raised.value)) == (code, f"registry code {code}")


@pytest.mark.parametrize(
    "code", ["001090000123", "00 4", "Nguyễn", None, "&lt;b&gt;", "004</MaLoi><MaLoi>005"]
)
async def test_a_fault_with_no_short_code_passes_nothing_on(code: str | None) -> None:
    with pytest.raises(RegistryAnswerInvalid):
        await registry_of(answering(fault(code))).confirm(question())


async def test_a_fault_of_the_server_without_a_code_is_unavailability() -> None:
    with pytest.raises(RegistryUnavailable):
        await registry_of(answering(fault(None, "soapenv:Server"))).confirm(question())


async def test_a_page_with_status_500_is_unavailability_and_with_200_an_invalid_answer() -> None:
    page = "<html><body>Lỗi hệ thống</body></html>"
    with pytest.raises(RegistryUnavailable):
        await registry_of(answering(httpx.Response(500, html=page))).confirm(question())
    with pytest.raises(RegistryAnswerInvalid):
        await registry_of(answering(httpx.Response(200, html=page))).confirm(question())


async def test_an_account_that_is_refused_outright_is_rejected_credentials() -> None:
    with pytest.raises(RegistryCredentialsRejected):
        await registry_of(answering(httpx.Response(403))).confirm(question())


@pytest.mark.parametrize("status", [201, 204, 400, 404, 418])
async def test_an_answer_with_any_other_status_is_refused(status: int) -> None:
    with pytest.raises(RegistryAnswerInvalid):
        await registry_of(answering(httpx.Response(status, content=verdict()))).confirm(question())
