"""A registry behind an authority of its own, both programs running: asked where its profile trusts it, and else not."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.registry.authority import Authority
from tests.mock_c06.programs import Served, serving
from tests.sockets.desk import enrol_operators, revision_of, sign_in
from tests.sockets.programs import (
    AGENCY,
    Place,
    control_headers,
    enquiry,
    find_account,
    log_in,
    place_beside,
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def behind_tls(authority: Authority, tmp_path: Path) -> Iterator[Served]:
    """A mock whose registry faces show a certificate of that authority."""
    authority.serving("127.0.0.1", days=(-1, 12.5))
    with serving("--certificate", str(tmp_path / "server.pem")) as running:
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


def test_a_registry_behind_an_own_authority_is_preflighted_and_asked(
    behind_tls: Served, tmp_path: Path, file: str
) -> None:
    place = beside(behind_tls, tmp_path, GATEWAY_SANDBOX_CA_FILE=file)
    account, operators = place.make_account(), enrol_operators(place)
    c06 = find_account(behind_tls, "dvctt-hanoi")
    with place.serving() as running:
        with log_in(running, account) as portal:
            answer = portal.post("/verifications", json=enquiry())
        assert (answer.status_code, answer.json()["verdict"]) == (201, "confirmed")

        desk = sign_in(operators, running)
        change = desk.propose("sandbox", revision_of(c06, behind_tls.test, deadline_ms=4000))
        found = desk.preflight(change)
        assert found["passed"]
        tls = next(check for check in found["checks"] if check["name"] == "tls")
        assert tls["detail"] == "chain and name hold; 12 day(s) left"
        assert tls["remedy"] == "its owner has to renew the certificate soon"


@pytest.mark.parametrize("profile", [None, "OFFICIAL"])
def test_threat_16_a_profile_without_that_authority_asks_nothing(
    behind_tls: Served, tmp_path: Path, file: str, profile: str | None
) -> None:
    more = {} if profile is None else {f"GATEWAY_{profile}_CA_FILE": file}
    place = beside(behind_tls, tmp_path, **more)
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        answer = portal.post("/verifications", json=enquiry())
        assert (answer.status_code, answer.json()["code"]) == (503, "registry_unavailable")
    assert asked(behind_tls) == 0
