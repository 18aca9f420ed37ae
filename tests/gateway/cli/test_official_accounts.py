"""Commands on an official account once there are operators: host suspends, two people change, one operator revokes."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.gateway.cli.test_promote import CREATE, GRANT, carry_out
from tests.kit.staff import Staff

OFFICERS = "can.bo.01\ncan.bo.02\n"


def write_key(staff: Staff, name: str) -> str:
    """Write a portal's new public key and return the file's name."""
    key = ECKey.generate_key("P-256").as_dict(private=False)
    (staff.gateway.folder / name).write_text(json.dumps(key), encoding="utf-8")
    return name


@pytest.fixture
def official(staff: Staff) -> str:
    """An official account's client id, by promotion."""
    staff.gateway("organisations", "add", "000.00.01.H26", "UBND TP Hà Nội")
    sandbox = staff.gateway(*CREATE, *GRANT, "--json").json()["client_id"]
    promote = ("accounts", "promote", sandbox, "--public-key", write_key(staff, "official.jwk.json"))
    (staff.gateway.folder / "officers.txt").write_text("can.bo.01\n", encoding="utf-8")
    change = staff.proposer(*promote, "--officers-file", "officers.txt", "--json").json()
    client_id: str = carry_out(staff, change)["shown_once"]["client_id"]
    return client_id


def show(staff: Staff, client_id: str) -> dict[str, Any]:
    found: dict[str, Any] = staff.gateway("accounts", "show", client_id, "--json").json()
    return found


def test_threat_48_the_host_alone_only_suspends_and_learns_who_may_do_the_rest(
    staff: Staff, official: str
) -> None:
    host = staff.gateway
    assert host("accounts", "suspend", official).out == f"{official} is suspended\n"
    before = show(staff, official)
    key = write_key(staff, "mine.json")
    for arguments, stdin, remedy in (
        (("accounts", "rotate", official, "--public-key", key), "", "accounts rotate CLIENT_ID"),
        (("accounts", "officers", "add", official), OFFICERS, "accounts officers add CLIENT_ID"),
        (("accounts", "officers", "disable", official), "can.bo.01\n", "any operator but a viewer"),
        (("accounts", "resume", official), "", "accounts resume CLIENT_ID"),
        (("accounts", "revoke", official, "--yes"), "", "any operator but a viewer"),
        (("keys", "rotate", "token"), "", "an admin who is signed in: gateway login NAME"),
        (("keys", "rotate", "receipt", "--profile", "official"), "", "an admin who is signed in"),
        (("keys", "rotate", "master"), "", "an admin who is signed in"),
    ):
        reason = host(*arguments, stdin=stdin).reason()
        assert reason.startswith("there are operators: ")
        assert remedy in reason
        assert "can.bo" not in reason
    assert show(staff, official) == before
    assert host("keys", "rotate", "token", "--profile", "sandbox").code == 0
    assert host("audit", "verify").code == 0


def test_the_same_commands_propose_where_a_proposer_is_signed_in(staff: Staff, official: str) -> None:
    key = write_key(staff, "next.json")
    rotate = ("accounts", "rotate", official, "--public-key", key)
    assert staff.approver(*rotate).reason().startswith("needs the role proposer: ")
    in_words = staff.proposer(*rotate)
    assert in_words.out.splitlines()[-1].startswith("next: gateway profiles preflight")
    assert max(map(len, in_words.out.splitlines())) <= 80
    carry_out(staff, staff.proposer(*rotate, "--json").json())
    assert len(show(staff, official)["credentials"]) == 1
    again = staff.proposer(*rotate).reason()
    assert "a retired key is never accepted again" in again

    add = ("accounts", "officers", "add", official, "--json")
    added = carry_out(staff, staff.proposer(*add, stdin=OFFICERS).json())
    assert {line["member"]: line["to"] for line in added["diff"]}["officers"] == 2
    assert "can.bo" not in json.dumps(added)

    staff.gateway("accounts", "suspend", official)
    carry_out(staff, staff.proposer("accounts", "resume", official, "--json").json())
    assert show(staff, official)["state"] == "active"


def test_one_operator_revokes_alone_and_an_admin_rotates_keys(staff: Staff, official: str) -> None:
    staff.switched("official")
    disabled = staff.approver("accounts", "officers", "disable", official, stdin="can.bo.01\n")
    assert disabled.out == "1 disabled\n"
    assert staff.proposer("keys", "rotate", "token").reason().startswith("needs the role admin: ")
    made = staff.admin("keys", "rotate", "token", "--json").json()
    assert [each["profile"] for each in made] == ["sandbox", "official"]
    assert staff.admin("keys", "rotate", "master", "--json").json()["purpose"] == "master"
    revoked = staff.proposer("accounts", "revoke", official, "--yes", "--json").json()
    assert revoked["state"] == "revoked"
    assert staff.gateway("audit", "verify").code == 0


def test_operators_are_listed_with_who_saw_their_code_and_since_when_they_have_their_role(
    staff: Staff,
) -> None:
    staff.switched("official")
    propose = ("operators", "propose", "tu.pham", "--role", "approver", "--json")
    change = staff.proposer(*propose).json()
    carry_out(staff, change)
    found = {each["name"]: each for each in staff.gateway("operators", "list", "--json").json()}
    assert (found["tu.pham"]["created_by"], found["tu.pham"]["admitted_in"]) == ("hoa.le", change["id"])
    assert found["tu.pham"]["role_since"] is None
    assert (found["minh.tran"]["created_by"], found["minh.tran"]["admitted_in"]) == ("lan.nguyen", None)
    assert found["minh.tran"]["role_since"] >= found["minh.tran"]["created_at"]
