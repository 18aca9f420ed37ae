"""`gateway profiles` on a real store in a folder, with preflights against a real mock, by two people where it takes two."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.commands import Done
from tests.kit.programs import Place, control_headers
from tests.kit.staff import Staff

WRONG = "not-the-secret-that-was-issued"


def asked(staff: Staff, environment: str) -> int:
    """Return how many questions of an environment the registry has received."""
    url = f"{staff.mock.control}/runs/default/journal"
    answer = httpx.get(url, params={"environment": environment}, headers=control_headers(staff.mock))
    return len(answer.json()["entries"])


def state_of(staff: Staff, change: dict[str, Any]) -> str:
    found: str = staff.proposer("profiles", "show", change["id"], "--json").json()["state"]
    return found


def listed(staff: Staff, profile: str) -> dict[str, Any]:
    found = staff.gateway("profiles", "list", "--json").json()
    return next(each for each in found if each["profile"] == profile)


def test_on_sandbox_a_proposer_changes_the_connection_alone(staff: Staff) -> None:
    file = staff.write("sandbox")
    proposed = staff.proposer("profiles", "propose", "sandbox", "--file", file)
    assert proposed.code == 0
    change = proposed.out.split()[1]
    preflight = staff.proposer("profiles", "preflight", change)
    assert preflight.code == 0
    assert "FAIL" not in preflight.out
    assert "preflight: passed; change: preflighted\n" in preflight.out
    assert "state: active\n" in staff.proposer("profiles", "activate", change).out
    assert (listed(staff, "sandbox")["state"], listed(staff, "sandbox")["active"]) == ("ready", 1)


def test_on_official_two_people_rotate_a_credential_and_roll_back(staff: Staff) -> None:
    first = staff.switched("official")
    second = staff.switched("official", deadline_ms=4000)
    assert (first["proposed_by"], first["approved_by"], first["activated_by"]) == (
        "minh.tran",
        "hoa.le",
        "hoa.le",
    )
    assert (listed(staff, "official")["active"], listed(staff, "official")["former"]) == (2, 1)
    assert state_of(staff, first) == "retired"

    rolled = staff.approver("profiles", "rollback", second["id"], "--reason", "answers are slow")
    assert "state: rolled_back\n" in rolled.out
    assert "      reason: answers are slow\n" in rolled.out
    assert listed(staff, "official")["active"] == 1
    assert state_of(staff, first) == "confirmed"
    nothing = staff.approver("profiles", "rollback", second["id"]).reason()
    assert nothing == f"change {second['id']} is rolled_back"


@pytest.mark.parametrize("act", ["approve", "activate", "rollback"])
def test_threat_12_the_proposer_reads_that_another_person_is_needed(staff: Staff, act: str) -> None:
    change = staff.ready("official")
    if act == "rollback":
        staff.approver("profiles", "activate", change["id"])
    seen = ("--diff-hash", change["diff_hash"]) if act == "approve" else ()
    reason = staff.proposer("profiles", act, change["id"], *seen).reason()
    assert reason == "you proposed this change: another operator has to do this"


def test_threat_12_an_operator_without_the_role_reads_which_role_is_needed(staff: Staff) -> None:
    change = staff.ready("official")
    file = staff.write("official")
    remedy = ": gateway operators list shows who has it"
    assert staff.admin("profiles", "activate", change["id"]).reason() == f"needs the role approver{remedy}"
    for person in (staff.admin, staff.approver):
        told = person("profiles", "propose", "official", "--file", file).reason()
        assert told == f"needs the role proposer{remedy}"
    assert staff.proposer("profiles", "suspend", "official").reason() == f"needs the role approver{remedy}"
    told = staff.admin("profiles", "suspend", "sandbox").reason()
    assert told == f"needs the role proposer or approver{remedy}"


def test_without_a_sign_in_every_act_names_the_login_command(staff: Staff) -> None:
    change = staff.ready("official")["id"]
    file = staff.write("official")
    acts: list[Sequence[str]] = [
        ("propose", "official", "--file", file),
        ("set-policy", "official", "--reuse-seconds", "900"),
        ("resume", "official"),
        ("preflight", change),
        ("approve", change, "--diff-hash", "0" * 64),
        ("activate", change),
        ("reject", change),
        ("rollback", change),
        ("suspend", "official"),
    ]
    for act in acts:
        reason = staff.gateway("profiles", *act).reason()
        assert reason == "no operator is signed in here: gateway login NAME"
    assert listed(staff, "official")["state"] == "unconfigured"


def test_a_change_without_a_preflight_is_neither_approved_nor_activated(staff: Staff) -> None:
    remedy = "the preflight was not run: gateway profiles preflight CHANGE"
    official, sandbox = staff.propose("official"), staff.propose("sandbox")
    seen = ("--diff-hash", official["diff_hash"])
    assert staff.approver("profiles", "approve", official["id"], *seen).reason() == remedy
    assert staff.approver("profiles", "activate", official["id"]).reason() == remedy
    assert staff.proposer("profiles", "activate", sandbox["id"]).reason() == remedy


def test_a_dry_run_of_a_proposal_prints_no_hash_that_the_change_will_not_have(staff: Staff) -> None:
    done = staff.proposer("profiles", "set-policy", "sandbox", "--reuse-seconds", "900", "--dry-run")
    assert done.out == "dry run: change_proposed:set_policy sandbox\ndry run: nothing is written\n"


def test_a_hash_that_is_not_of_the_change_is_refused_as_such(staff: Staff) -> None:
    change = staff.propose("official")
    reason = staff.approver("profiles", "approve", change["id"], "--diff-hash", "deadbeef").reason()
    assert (
        reason == f"diff_hash: deadbeef is not this change's: read gateway profiles show {change['id']} again"
    )


def test_threat_10_a_failed_preflight_exits_1_with_remedies_and_stops_the_change(staff: Staff) -> None:
    change = staff.propose("official", c06_secret=WRONG)
    before = asked(staff, "official")
    failed = staff.proposer("profiles", "preflight", change["id"])
    assert (failed.code, failed.err) == (1, "")
    assert "FAIL  login (" in failed.out
    assert "remedy: correct c06_user and c06_secret; C06 locks the account" in failed.out
    assert "skip  operation_003 (" in failed.out
    assert "remedy: correct what failed before" not in failed.out
    assert "preflight: failed; change: proposed\n" in failed.out
    assert asked(staff, "official") == before + 1

    as_json = staff.proposer("profiles", "preflight", change["id"], "--json")
    assert (as_json.code, json.loads(as_json.out)["passed"]) == (1, False)
    seen = ("--diff-hash", change["diff_hash"])
    reason = staff.approver("profiles", "approve", change["id"], *seen).reason()
    assert reason.startswith("the preflight failed (login, timestamp_unit, operation_003, ")


def test_threat_10_the_other_profiles_account_is_refused_before_anything_is_sent(staff: Staff) -> None:
    staff.switched("sandbox")
    sandbox = staff.members("sandbox")
    before = (asked(staff, "official"), asked(staff, "test"))
    change = staff.propose("official", c06_user=sandbox["c06_user"], c06_secret=sandbox["c06_secret"])
    done = staff.proposer("profiles", "preflight", change["id"])
    assert done.code == 1
    assert "the other profile has the same c06_user, c06_secret\n" in done.out
    assert (asked(staff, "official"), asked(staff, "test")) == before


def test_a_diff_other_than_the_one_seen_is_not_approved(staff: Staff) -> None:
    first = staff.propose("official")
    seen = staff.proposer("profiles", "preflight", first["id"], "--json").json()["diff_hash"]
    assert seen == first["diff_hash"]
    staff.switched("official", deadline_ms=3000)
    reason = staff.approver("profiles", "approve", first["id"], "--diff-hash", seen).reason()
    assert reason.startswith("the change differs from the one that you saw: run its preflight again")
    anew = staff.proposer("profiles", "preflight", first["id"], "--json").json()["diff_hash"]
    assert anew != seen
    assert staff.approve(first["id"], anew)["state"] == "approved"


@pytest.mark.parametrize("diff_hash", ["", "9f2c…", "G" * 64])
def test_a_malformed_diff_hash_is_refused_by_its_form(staff: Staff, diff_hash: str) -> None:
    change = staff.propose("official")
    reason = staff.approver("profiles", "approve", change["id"], "--diff-hash", diff_hash).reason()
    assert reason.startswith("diff_hash: ")


def test_an_unknown_change_is_refused_with_where_to_look(staff: Staff) -> None:
    for act in ("show", "preflight", "activate", "reject", "rollback"):
        reason = staff.approver("profiles", act, "chg_nobody").reason()
        assert (
            reason
            == "there is no such change, and no such profile: gateway profiles history, gateway profiles list"
        )


def test_a_proposal_is_rejected_by_proposer_or_approver_with_its_reason(staff: Staff) -> None:
    own, other = staff.propose("official"), staff.propose("official")
    assert "state: rejected\n" in staff.proposer("profiles", "reject", own["id"]).out
    done = staff.approver("profiles", "reject", other["id"], "--reason", "wrong agency", "--json").json()
    assert (done["state"], done["ended_by"], done["reason"]) == ("rejected", "hoa.le", "wrong agency")
    again = staff.approver("profiles", "reject", other["id"]).reason()
    assert again == f"change {other['id']} is rejected"


def test_one_approver_suspends_and_two_people_resume(staff: Staff) -> None:
    staff.switched("official")
    done = staff.approver("profiles", "suspend", "official", "--reason", "C06 asked for it")
    assert done.out == "official is suspended; gateway profiles resume official ends it\n"
    again = staff.approver("profiles", "suspend", "official").reason()
    assert again == "official is suspended already: C06 asked for it"
    found = listed(staff, "official")
    assert (found["state"], found["suspended_by"], found["reason"]) == (
        "suspended",
        "hoa.le",
        "C06 asked for it",
    )

    change = staff.proposer("profiles", "resume", "official", "--json").json()
    seen = staff.proposer("profiles", "preflight", change["id"], "--json").json()
    own = staff.proposer("profiles", "activate", change["id"]).reason()
    assert own == "you proposed this change: another operator has to do this"
    staff.approve(change["id"], seen["diff_hash"])
    assert "state: confirmed\n" in staff.approver("profiles", "activate", change["id"]).out
    assert listed(staff, "official")["state"] == "ready"


def test_a_profile_that_is_not_suspended_is_not_resumed(staff: Staff) -> None:
    staff.switched("sandbox")
    refused = staff.proposer("profiles", "resume", "sandbox")
    assert refused.reason() == "sandbox is not suspended: there is nothing to resume"


def test_a_policy_change_shows_what_changes_and_keeps_the_rest(staff: Staff) -> None:
    arguments = ("--reuse-seconds", "900", "--account-hour", "20", "--watch-seconds", "60")
    change = staff.proposer("profiles", "set-policy", "official", *arguments, "--json").json()
    assert {line["member"]: line["to"] for line in change["diff"]} == {
        "budget_account_hour": 20,
        "reuse_seconds": 900,
        "watch": {"seconds": 60, "refused_logins": 2, "invalid_answers": 3, "failures": 5},
    }
    seen = staff.proposer("profiles", "preflight", change["id"], "--json").json()
    staff.approve(change["id"], seen["diff_hash"])
    staff.approver("profiles", "activate", change["id"])
    policy = staff.gateway("profiles", "show", "official", "--json").json()["policy"]
    assert (policy["reuse"], policy["reuse_seconds"], policy["budget_subject_day"]) == ("dossier", 900, 5)


def test_an_invalid_policy_is_refused_naming_what_is_expected(staff: Staff) -> None:
    policy = ("profiles", "set-policy", "official")
    assert "name what to change, such as --reuse-seconds 900" in staff.proposer(*policy).wrong_usage()
    reason = staff.proposer(*policy, "--reuse", "account").reason()
    assert reason == "policy.legal_basis: reuse across dossiers on official needs its legal basis"
    assert staff.proposer(*policy, "--reuse", "always").reason().startswith("policy.reuse: ")
    assert staff.proposer(*policy, "--reuse-seconds", "0").code == 2


def test_no_secret_is_printed_or_readable_in_the_store(staff: Staff) -> None:
    secret = staff.members("official")["c06_secret"]
    change = staff.switched("official")
    wrong = staff.propose("official", c06_secret=WRONG)
    shown = [
        staff.proposer("profiles", "preflight", wrong["id"]),
        staff.proposer("profiles", "show", change["id"], "--json"),
        *(
            staff.gateway("profiles", *act, *form)
            for act in (("list",), ("show", "official"), ("history", "official"))
            for form in ((), ("--json",))
        ),
    ]
    printed = "".join(done.out + done.err for done in shown)
    stored = b"".join(path.read_bytes() for path in (staff.gateway.folder / "var").iterdir())
    for word in (secret, WRONG):
        assert word not in printed
        assert word.encode() not in stored
    assert "(sealed)" in printed


def test_a_rehearsal_asks_once_and_its_result_does_not_count(staff: Staff) -> None:
    change = staff.propose("official")
    before = asked(staff, "official")
    done = staff.proposer("profiles", "preflight", change["id"], "--login-only")
    assert (done.code, asked(staff, "official") - before) == (0, 1)
    assert "operation_037" not in done.out
    assert "preflight: passed; change: proposed\n" in done.out


def test_a_test_identity_of_a_revision_is_confirmed_and_never_shown(staff: Staff, tmp_path: Path) -> None:
    person = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-01-31"}
    (tmp_path / "person.json").write_text(json.dumps(person), encoding="utf-8")
    change = staff.propose("sandbox", test_identity={"file": "person.json"})
    done = staff.proposer("profiles", "preflight", change["id"])
    assert "the registry knows it, in every operation that was asked" in " ".join(done.out.split())
    shown = staff.proposer("profiles", "show", change["id"]).out
    assert "test_identity: none → (sealed)" in shown
    shown += staff.proposer("profiles", "show", "sandbox").out
    for word in person.values():
        assert word not in done.out + shown


def test_a_test_identity_that_is_malformed_is_refused_and_not_repeated(staff: Staff, tmp_path: Path) -> None:
    person = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_date": "1990-02-30"}
    file = staff.write("sandbox", test_identity=person)
    refused = staff.proposer("profiles", "propose", "sandbox", "--file", file)
    assert refused.reason().startswith("revision.test_identity")
    for word in person.values():
        assert word not in refused.err
    assert "--test-identity" not in staff.proposer("profiles", "preflight", "--help").out


def test_a_spent_preflight_budget_says_when_to_try_again(staff: Staff) -> None:
    person = {"citizen_id": "001090000123", "full_name": "Nguyễn Văn An", "birth_year": 1990}
    change = staff.propose("sandbox", test_identity=person)
    for _ in range(4):
        staff.proposer("profiles", "preflight", change["id"])
    refused = staff.proposer("profiles", "preflight", change["id"])
    assert "the questions about a test identity are used up for this hour" in refused.reason()


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (31, None),
        (30, "the credentials end in 30 days: ask for new ones and propose a revision"),
        (1, "the credentials end in 1 day: ask for new ones and propose a revision"),
        (0, "the credentials end today: ask for new ones and propose a revision"),
    ],
)
def test_the_list_warns_of_credentials_that_end_soon(staff: Staff, days: int, told: str | None) -> None:
    today = (datetime.now(UTC) + timedelta(hours=7)).date()  # noqa: TID251 - the program's own clock
    staff.switched("sandbox", expires_on=(today + timedelta(days=days)).isoformat())
    assert (listed(staff, "sandbox")["days_left"], listed(staff, "sandbox")["warning"]) == (days, told)
    words = " ".join(staff.gateway("profiles", "list").out.split())
    assert words.partition("warning: ")[2] == ("" if told is None else f"sandbox: {told}")


def test_history_shows_who_did_what_in_one_profile_or_all(staff: Staff) -> None:
    official = staff.switched("official")
    assert staff.gateway("profiles", "history", "sandbox").out == "no changes\n"
    sandbox = staff.propose("sandbox")
    staff.proposer("profiles", "reject", sandbox["id"], "--reason", "a try")
    everything = staff.gateway("profiles", "history", "--json").json()
    assert [each["id"] for each in everything] == [sandbox["id"], official["id"]]
    assert staff.gateway("profiles", "history", "official", "--json").json() == everything[1:]
    text = staff.gateway("profiles", "history").out
    assert text.index(f"{sandbox['id']}  activate_revision, sandbox: rejected\n") == 0
    for line in ("      proposed by minh.tran at ", "      approved by hoa.le at ", "      reason: a try\n"):
        assert line in text


def test_output_for_people_is_plain_and_within_80_columns(staff: Staff) -> None:
    contact = "Phòng Công nghệ thông tin, Sở Thông tin và Truyền thông thành phố Hà Nội, 024 3333 4444"
    long_word = {"contact": contact, "x_road_client": "VN/GOV/" + "a" * 120}
    file = staff.write("official", **long_word)
    proposed = staff.proposer("profiles", "propose", "official", "--file", file)
    change = proposed.out.split()[1]
    printed: list[Done] = [
        proposed,
        staff.proposer("profiles", "preflight", change),
        staff.proposer("profiles", "reject", change, "--reason", contact),
        staff.proposer("profiles", "set-policy", "official", "--watch-seconds", "60", NO_COLOR="1"),
        staff.approver("profiles", "suspend", "official", "--reason", contact),
        staff.proposer("profiles", "resume", "official"),
        *(staff.gateway("profiles", *act) for act in (("list",), ("show", "official"), ("history",))),
    ]
    for done in printed:
        assert (done.code, done.err) == (0, "")
        assert "\x1b" not in done.out
    lines = "".join(done.out for done in printed).splitlines()
    assert max(map(len, lines)) <= 80
    assert contact.split(",", maxsplit=1)[0] in "".join(lines)


def test_the_json_of_commands_is_what_the_api_answers(staff: Staff) -> None:
    place = Place(folder=staff.gateway.folder, settings=staff.proposer.settings)
    change = staff.switched("official")
    with place.serving() as running:
        headers = {"Authorization": f"Bearer {staff.proposer.token}"}
        with httpx.Client(base_url=f"{running.address}/ops/v1", headers=headers) as api:
            profiles = api.get("/profiles").json()["profiles"]
            revisions = api.get("/profiles/official/revisions").json()["revisions"]
            changes = api.get("/changes").json()["changes"]
            one = api.get(f"/changes/{change['id']}").json()
            body = {"kind": "set_policy", "profile": "sandbox", "policy": {"reuse_seconds": 900}}
            proposed = api.post("/changes", json=body).json()
            tried = api.post(f"/changes/{proposed['id']}/preflight", json={}).json()
    assert staff.gateway("profiles", "list", "--json").json() == profiles
    shown = staff.gateway("profiles", "show", "official", "--json").json()
    assert shown.pop("revisions") == revisions
    assert shown == profiles[1]
    assert staff.gateway("profiles", "history", "official", "--json").json() == changes
    assert staff.gateway("profiles", "show", change["id"], "--json").json() == one
    assert one.pop("checks")
    assert one == change
    policy = ("profiles", "set-policy", "sandbox", "--reuse-seconds", "900", "--json")
    again = staff.proposer(*policy).json()
    assert set(again) == set(proposed)
    assert staff.proposer("profiles", "preflight", again["id"], "--json").json() == tried | {
        "diff_hash": again["diff_hash"]
    }
