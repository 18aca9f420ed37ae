"""`gateway accounts promote` and `operators propose`: what makes an account official, or an operator, takes two people."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.kit.staff import Staff, sign_in

CREATE = ("accounts", "create", "dvctt", "--organisation", "000.00.01.H26", "--profile", "sandbox")
GRANT = ("--procedure", "khai-sinh", "--field", "full_name", "--field", "birth_date")


@pytest.fixture
def sandbox_account(staff: Staff) -> str:
    staff.gateway("organisations", "add", "000.00.01.H26", "UBND TP Hà Nội")
    made = staff.gateway(*CREATE, *GRANT, "--scope", "verify", "--scope", "prefill", "--json").json()
    client_id: str = made["client_id"]
    return client_id


@pytest.fixture
def key_file(staff: Staff) -> Path:
    file = staff.gateway.folder / "official.jwk.json"
    file.write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=False)), encoding="utf-8")
    return file


def carry_out(staff: Staff, change: dict[str, Any]) -> dict[str, Any]:
    """Let the approver approve and activate a proposed change."""
    seen = staff.proposer("profiles", "preflight", change["id"], "--json").json()
    staff.approve(change["id"], seen["diff_hash"])
    done: dict[str, Any] = staff.approver("profiles", "activate", change["id"], "--json").json()
    return done


def test_a_promotion_makes_a_new_official_account_and_keeps_the_sandbox_one(
    staff: Staff, sandbox_account: str, key_file: Path
) -> None:
    (staff.gateway.folder / "officers.txt").write_text("can.bo.01\ncan.bo.02\n", encoding="utf-8")
    more = ("--officers-file", "officers.txt", "--scope", "verify", "--json")
    promote = ("accounts", "promote", sandbox_account, "--public-key", key_file.name)
    change = staff.proposer(*promote, *more).json()
    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    assert lines["profile"] == ("sandbox", "official")
    assert lines["scopes"] == (["prefill", "verify"], ["verify"])
    assert lines["dpop_required"] == (False, True)
    assert lines["officers"] == (None, 2)
    kept, after = lines["authorization_details"]
    assert kept == after
    assert [sorted(entry["fields"]) for entry in after] == [["birth_date", "full_name"]]

    done = carry_out(staff, change)
    assert done["state"] == "confirmed"
    assert set(done["shown_once"]) == {"client_id", "issuer"}
    made = staff.gateway("accounts", "show", done["shown_once"]["client_id"], "--json").json()
    assert (made["profile"], made["state"], made["scopes"]) == ("official", "active", ["verify"])
    assert [each["kind"] for each in made["credentials"]] == ["private_key_jwt"]
    assert staff.gateway("accounts", "show", sandbox_account, "--json").json()["state"] == "active"
    assert "can.bo" not in json.dumps([change, done, made])


def test_an_activation_in_words_ends_with_what_the_portal_needs(
    staff: Staff, sandbox_account: str, key_file: Path
) -> None:
    proposed = staff.proposer("accounts", "promote", sandbox_account, "--public-key", key_file.name)
    change = proposed.out.split()[1]
    diff_hash = proposed.out.split("diff_hash: ")[1].split("\n", maxsplit=1)[0]
    preflight = staff.proposer("profiles", "preflight", change)
    approved = staff.approver("profiles", "approve", change, "--diff-hash", diff_hash)
    activated = staff.approver("profiles", "activate", change)
    client_id, issuer = activated.out.splitlines()[-2:]
    assert client_id.startswith("client_id: acc_")
    assert client_id != f"client_id: {sandbox_account}"
    assert issuer == "issuer: http://127.0.0.1:8000/official"
    assert "client_id: acc_" not in staff.approver("profiles", "show", change).out.splitlines()
    for done in (proposed, preflight, approved, activated):
        assert done.code == 0
        assert max(map(len, done.out.splitlines())) <= 80


def test_a_key_with_private_members_is_refused_and_not_repeated(staff: Staff, sandbox_account: str) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=True)
    (staff.gateway.folder / "private.json").write_text(json.dumps(key), encoding="utf-8")
    done = staff.proposer("accounts", "promote", sandbox_account, "--public-key", "private.json")
    assert "public_key: " in done.reason()
    assert "private" in done.reason()
    assert str(key["d"]) not in done.err
    assert staff.gateway("profiles", "history", "--json").json() == []


def test_a_promotion_with_fewer_grants_shows_both_in_its_diff(
    staff: Staff, sandbox_account: str, key_file: Path
) -> None:
    promote = ("accounts", "promote", sandbox_account, "--public-key", key_file.name)
    fewer = ("--procedure", "khai-sinh", "--field", "full_name")

    change = staff.proposer(*promote, *fewer, "--json").json()

    lines = {line["member"]: (line["from"], line["to"]) for line in change["diff"]}
    before, after = lines["authorization_details"]
    assert sorted(before[0]["fields"]) == ["birth_date", "full_name"]
    assert after[0]["fields"] == ["full_name"]
    beyond = staff.proposer(*promote, "--procedure", "ket-hon", "--field", "full_name").reason()
    assert "beyond the sandbox account's grants" in beyond
    half = staff.proposer(*promote, "--field", "full_name").wrong_usage()
    assert (
        half
        == "Error: Invalid value: for fewer grants give --procedure and --field, and --role if not all roles"
    )


def test_an_account_that_can_not_be_promoted_is_refused_with_the_reason(
    staff: Staff, sandbox_account: str, key_file: Path
) -> None:
    promote = ("accounts", "promote")
    with_key = ("--public-key", key_file.name)
    nobody = staff.proposer(*promote, f"acc_{'a' * 25}", *with_key).reason()
    assert nobody == f"account acc_{'a' * 25} does not exist: gateway accounts list"
    unlike = staff.proposer(*promote, "acc_x", *with_key).reason()
    assert unlike == "account acc_x does not exist: gateway accounts list"
    beyond = staff.proposer(*promote, sandbox_account, *with_key, "--scope", "ledger").reason()
    assert beyond == "scopes: beyond the sandbox account's: ledger"
    by_approver = staff.approver(*promote, sandbox_account, *with_key).reason()
    assert by_approver.startswith("needs the role proposer: ")
    missing = staff.proposer(*promote, sandbox_account, "--public-key", "none.json").reason()
    assert missing.startswith("none.json: No such file")
    staff.gateway("accounts", "suspend", sandbox_account)
    suspended = staff.proposer(*promote, sandbox_account, *with_key).reason()
    assert suspended == f"{sandbox_account} is suspended: only an active account is promoted"


def test_threat_12_with_official_a_new_operator_takes_two_people_and_is_invited(staff: Staff) -> None:
    staff.switched("official")
    refused = staff.admin("operators", "create", "tu.pham", "--role", "approver").reason()
    assert refused.endswith("gateway operators propose NAME --role ROLE")
    propose = ("operators", "propose", "tu.pham", "--role", "approver", "--json")
    assert staff.admin(*propose).reason().startswith("needs the role proposer: ")
    change = staff.proposer(*propose).json()
    assert change["profile"] is None
    done = carry_out(staff, change)
    code = done["shown_once"]["one_time_code"]
    assert sign_in(staff.gateway, "tu.pham", code).code == 0
    assert code not in json.dumps(staff.gateway("profiles", "show", change["id"], "--json").json())


def test_threat_12_with_official_another_role_takes_two_people_too(staff: Staff) -> None:
    staff.switched("official")
    change = staff.proposer("operators", "propose", "minh.tran", "--role", "approver", "--json").json()
    assert [(line["from"], line["to"]) for line in change["diff"]] == [("proposer", "approver")]
    own = staff.proposer("profiles", "activate", change["id"]).reason()
    assert own == "you proposed this change: another operator has to do this"
    carry_out(staff, change)
    again = staff.proposer("operators", "propose", "x.y", "--role", "viewer").reason()
    assert again.startswith("needs the role proposer: ")


def test_without_an_approver_nothing_can_change_on_official(staff: Staff) -> None:
    staff.switched("official")
    assert staff.admin("operators", "disable", "hoa.le").out == "hoa.le is disabled\n"
    assert "session has ended" in staff.approver("profiles", "suspend", "official").reason()
    by_change = staff.admin("operators", "create", "hoa.le", "--role", "approver").reason()
    assert "second person approves" in by_change
    change = staff.proposer("operators", "propose", "hoa.le", "--role", "approver", "--json").json()
    staff.proposer("profiles", "preflight", change["id"])
    for person in (staff.proposer, staff.admin):
        assert person("profiles", "approve", change["id"], "--diff-hash", change["diff_hash"]).code == 1
    assert staff.gateway("profiles", "show", change["id"], "--json").json()["state"] == "preflighted"
