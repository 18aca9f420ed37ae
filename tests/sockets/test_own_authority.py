"""A registry behind a private certificate authority, with both programs running: asked only if its
profile trusts the authority.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.authority import Authority
from tests.kit.programs import (
    Place,
    Served,
    control_headers,
    find_account,
    log_in,
    place_beside,
    serving_mock,
)
from tests.kit.scene import AGENCY, enquiry, revision_of
from tests.kit.staff import enrol_operators, sign_in_operators


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def behind_tls(authority: Authority, tmp_path: Path) -> Iterator[Served]:
    """A mock whose registry faces show a certificate of that authority."""
    authority.serving("127.0.0.1", days=(-1, 12.5))
    with serving_mock("--certificate", str(tmp_path / "server.pem")) as running:
        yield running


@pytest.fixture
def file(authority: Authority, tmp_path: Path) -> str:
    path = tmp_path / "authorities.pem"
    path.write_text(authority.pem(), encoding="utf-8")
    return str(path)


def beside(mock: Served, folder: Path, **more: str) -> Place:
    place = place_beside(mock, folder, **more)
    place.run("organisations", "add", AGENCY, "UBND TP Hà Nội")
    return place


def asked(mock: Served) -> int:
    answer = httpx.get(f"{mock.control}/runs/default/journal", headers=control_headers(mock))
    return len(answer.json()["entries"])


def test_a_registry_behind_a_trusted_private_authority_is_preflighted_and_asked(
    behind_tls: Served, tmp_path: Path, file: str
) -> None:
    place = beside(behind_tls, tmp_path, GATEWAY_SANDBOX_CA_FILE=file)
    account, operators = place.make_account(), enrol_operators(place)
    c06 = find_account(behind_tls, "dvctt-hanoi")
    with place.serving() as running:
        with log_in(running, account) as portal:
            answer = portal.post("/verifications", json=enquiry())
        assert (answer.status_code, answer.json()["verdict"]) == (201, "confirmed")

        desk = sign_in_operators(operators, running)
        change = desk.propose("sandbox", revision_of(c06, behind_tls.test, deadline_ms=4000))
        found = desk.preflight(change)
        assert found["passed"]
        tls = next(check for check in found["checks"] if check["name"] == "tls")
        assert tls["detail"] == "chain and name are valid; 12 day(s) left"
        assert tls["remedy"] == "the certificate's owner has to renew it soon"


@pytest.mark.parametrize("profile", [None, "OFFICIAL"])
def test_threat_16_a_profile_without_that_authority_sends_no_question(
    behind_tls: Served, tmp_path: Path, file: str, profile: str | None
) -> None:
    more = {} if profile is None else {f"GATEWAY_{profile}_CA_FILE": file}
    place = beside(behind_tls, tmp_path, **more)
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        answer = portal.post("/verifications", json=enquiry())
        assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert asked(behind_tls) == 0
