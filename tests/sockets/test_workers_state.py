"""Four workers, one store: a value counted or used once is counted once across all of them, under
concurrent requests.
"""

import json
import time
from collections.abc import Iterator

import pytest
from joserfc.jwk import ECKey

from tests.kit.groups import WORKERS, Group, ask_all, running_group, until_several_answered
from tests.kit.programs import Served
from tests.kit.scene import AN, Portal, enquiry
from tests.kit.stores import Server

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def group(
    mock: Served, postgresql_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Group]:
    folder = tmp_path_factory.mktemp("group")
    limits = {"GATEWAY_SANDBOX_BUDGET_ACCOUNT_HOUR": "5"}
    with running_group(mock, postgresql_server, folder, **limits) as running:
        yield running


def log_in(portal: Portal) -> Portal:
    """Get a token; the portal keeps it."""
    (answer,) = ask_all(portal, lambda: [portal.ask_token()])
    assert answer.status_code == 200, answer.text
    portal.access_token, portal.token_type = answer.json()["access_token"], answer.json()["token_type"]
    return portal


def test_threat_4_an_assertion_replayed_on_all_workers_at_once_counts_once(group: Group) -> None:
    portal = group.make_portal(key=ECKey.generate_key("P-256"))
    form = {"client_assertion": portal.assertion()}
    answers = until_several_answered(
        group,
        "/oauth2/token",
        401,
        lambda: ask_all(portal, lambda: [portal.ask_token(form) for _ in range(60)]),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (len(answers) - 1)
    assert {answer.json()["error"] for answer in answers if answer.status_code == 401} == {"invalid_client"}


def test_threat_7_a_proof_replayed_on_all_workers_at_once_asks_once(group: Group) -> None:
    portal = log_in(group.make_portal(key=ECKey.generate_key("P-256")))
    address = f"{portal.issuer}/v1/verifications"
    proof = portal.proof("POST", address, portal.access_token)
    bodies = [enquiry(dossier=f"HN-DPOP-{number}", fresh=True) for number in range(40)]
    before = group.count_asked()
    answers = until_several_answered(
        group,
        "/verifications",
        401,
        lambda: ask_all(
            portal, lambda: [portal.call("POST", "/verifications", body, DPoP=proof) for body in bodies]
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * (len(answers) - 1)
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 401]
    assert set(refused) == {"dpop_proof_invalid"}
    assert group.count_asked() - before == 1


def test_threat_17_a_hundred_wrong_claims_at_once_on_all_workers_ask_five(group: Group) -> None:
    portal = log_in(group.make_portal())
    claims = [AN | {"birth_date": f"19{60 + number // 20}-02-{1 + number % 20:02}"} for number in range(100)]
    before = group.count_asked()
    answers = ask_all(portal, lambda: [portal.verify(claim=claim) for claim in claims])
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 95
    refused = {answer.json()["code"] for answer in answers if answer.status_code == 429}
    assert refused == {"enquiry_budget_spent"}
    assert group.count_asked() - before == 5
    left = claims[[answer.status_code for answer in answers].index(429)]
    more = until_several_answered(
        group,
        "/verifications",
        429,
        lambda: ask_all(portal, lambda: [portal.verify(claim=left) for _ in range(20)]),
    )
    assert {answer.status_code for answer in more} == {429}
    assert group.count_asked() - before == 5


def test_threat_8_a_suspension_and_a_revocation_take_effect_on_every_worker_within_half_a_second(
    group: Group,
) -> None:
    portal = log_in(group.make_portal())
    assert _ask_until_all_answered(group, portal, status=200) == {"ok"}
    group.command("accounts", "suspend", portal.client_id)
    time.sleep(0.5)
    assert _ask_until_all_answered(group, portal, status=403) == {"account_suspended"}
    group.command("accounts", "revoke", portal.client_id, "--yes")
    time.sleep(0.5)
    assert _ask_until_all_answered(group, portal, status=401) == {"token_invalid"}


def _ask_until_all_answered(group: Group, portal: Portal, *, status: int) -> set[str]:
    """Ask until every worker has answered; each answer must have the status. Return the codes."""
    codes: set[str] = set()
    for _ in range(40):
        answers = ask_all(portal, lambda: [portal.call("GET", "/me") for _ in range(40)])
        assert {answer.status_code for answer in answers} == {status}
        codes |= {json.loads(answer.text).get("code", "ok") for answer in answers}
        if group.find_workers("/me", status) == set(range(WORKERS)):
            return codes
    raise AssertionError(f"only {group.find_workers('/me', status)} answered")


def test_threat_39_rows_of_four_workers_have_one_order_without_a_gap(group: Group) -> None:
    portal = log_in(group.make_portal())
    before = group.command("audit", "verify")["rows"]
    bodies = [enquiry(dossier=f"HN-AUDIT-{number}", fresh=True) for number in range(60)]
    answers = until_several_answered(
        group,
        "/verifications",
        201,
        lambda: ask_all(portal, lambda: [portal.call("POST", "/verifications", body) for body in bodies]),
    )
    assert {answer.status_code for answer in answers} <= {200, 201}
    checked = group.command("audit", "verify")
    assert checked["ok"] is True
    assert checked["rows"] - before >= 60


def test_no_worker_logged_an_error_in_the_whole_run(group: Group) -> None:
    levels = {json.loads(line)["level"] for line in group.place.log().splitlines()}
    assert levels <= {"info", "warning"}
