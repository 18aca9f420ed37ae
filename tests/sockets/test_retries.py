"""Retries with an `Idempotency-Key` on real sockets, after the caller disconnected or the gateway was killed."""

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import Place, Served, control_headers, log_in, place_beside, plan_fault
from tests.kit.scene import AGENCY, enquiry

KEY = {"Idempotency-Key": "kx2p-9a7q-e1tz-vb4w"}
VERIFY = "XacThucThongTinCongDan"


@pytest.fixture
def place(mock: Served, tmp_path: Path) -> Place:
    """A gateway's folder with short leases: twice this deadline, and five seconds."""
    made = place_beside(mock, tmp_path, GATEWAY_SANDBOX_DEADLINE_MS="1500")
    made.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return made


def answer_late(mock: Served, delay_ms: int) -> None:
    """Delay the registry's next answer."""
    plan_fault(mock, "latency", operation=VERIFY, delay_ms=delay_ms, times=1)


def count_questions(mock: Served) -> int:
    journal = httpx.get(f"{mock.control}/runs/default/journal", headers=control_headers(mock)).json()
    return sum(entry["operation"] == VERIFY for entry in journal["entries"])


def hang_up(portal: httpx.Client) -> None:
    """Send a request and disconnect before its answer."""
    with pytest.raises(httpx.ReadTimeout):
        portal.post("/verifications", json=enquiry(), headers=KEY, timeout=0.4)


def retry(portal: httpx.Client) -> httpx.Response:
    """Send the same request again as `Retry-After` says, until it is answered."""
    for _ in range(30):
        answer = portal.post("/verifications", json=enquiry(), headers=KEY)
        if answer.status_code != 409:
            return answer
        assert answer.json()["code"] == "idempotency_in_progress"
        time.sleep(int(answer.headers["retry-after"]))
    raise AssertionError("never answered")


def test_a_caller_who_disconnected_gets_the_answer_to_a_retry(mock: Served, place: Place) -> None:
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        before = count_questions(mock)
        answer_late(mock, 1000)
        hang_up(portal)

        answer = retry(portal)
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
        assert count_questions(mock) == before + 1
    assert KEY["Idempotency-Key"] not in place.log()


def test_threat_37_a_request_that_killed_its_gateway_is_answered_after_the_restart(
    mock: Served, place: Place
) -> None:
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        answer_late(mock, 1400)
        hang_up(portal)
        running.end(signal.SIGKILL)

    with place.serving() as running, log_in(running, account) as portal:
        answer = retry(portal)
        again = retry(portal)
    assert (answer.status_code, "idempotent-replayed" in answer.headers) == (201, False)
    assert (again.content, again.headers["idempotent-replayed"]) == (answer.content, "true")
