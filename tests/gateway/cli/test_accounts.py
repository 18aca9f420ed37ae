"""Commands on organisations, accounts, officers and keys."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from tests.gateway.cli.terminals import type_at_terminal
from tests.kit.commands import Commands

CREATE = ("accounts", "create", "dvctt", "--organisation", "000.00.01.H26", "--profile", "sandbox")


@pytest.fixture
def agency(gateway: Commands) -> Commands:
    """The program, with one organisation."""
    gateway("organisations", "add", "000.00.01.H26", "UBND TP Hà Nội")
    return gateway


def test_an_organisation_is_added_listed_and_never_twice(gateway: Commands) -> None:
    added = gateway("organisations", "add", "000.00.01.H26", "  UBND TP Hà Nội ", "--json").json()
    assert added == {"id": "000.00.01.H26", "name": "UBND TP Hà Nội"}
    assert gateway("organisations", "list", "--json").json() == [added]
    assert "exists already" in gateway("organisations", "add", "000.00.01.H26", "again").reason()


@pytest.mark.parametrize(
    ("organisation", "name"),
    [("000.00.01.H26", " "), ("000.00.01.H26", "a\x1b[2Jb"), ("000.00.01.H26", "x" * 201)],
)
def test_an_organisation_with_a_wrong_name_is_refused(
    gateway: Commands, organisation: str, name: str
) -> None:
    assert " is 1 to " in gateway("organisations", "add", organisation, name).reason()
    assert gateway("organisations", "list", "--json").json() == []


@pytest.mark.parametrize(
    "organisation", ["bad", "a b", "000.00.01", "000.00.01.h26", "0.0.1.H26", "001090000123"]
)
def test_an_organisation_whose_id_is_no_agencys_e_id_is_refused(gateway: Commands, organisation: str) -> None:
    reason = gateway("organisations", "add", organisation, "X").reason()
    assert (
        reason == "ID is an agency's e-id (QĐ 20/2020/QĐ-TTg), such as 000.00.01.H26, never a person's number"
    )
    assert gateway("organisations", "list", "--json").json() == []


def test_an_account_is_shown_its_secret_once(gateway: Commands) -> None:
    made = gateway.account("--field", "full_name", "--field", "birth_date", "--role", "requester")
    assert set(made) == {"client_id", "client_secret", "issuer"}
    assert len(made["client_secret"]) >= 43
    assert made["issuer"] == "http://127.0.0.1:8000/sandbox"
    shown = gateway("accounts", "show", made["client_id"], "--json").json()
    assert shown["authorization_details"] == [
        {
            "type": "citizen_enquiry",
            "procedures": ["*"],
            "subject_roles": ["requester"],
            "fields": ["birth_date", "full_name"],
        }
    ]
    assert (shown["scopes"], shown["state"]) == (["prefill", "verify"], "active")
    assert [credential["kind"] for credential in shown["credentials"]] == ["client_secret"]
    for arguments in (("accounts", "show", made["client_id"]), ("accounts", "list"), ("keys", "list")):
        assert made["client_secret"] not in gateway(*arguments).out + gateway(*arguments, "--json").out


def test_the_public_url_is_the_issuers_base(gateway: Commands) -> None:
    gateway("organisations", "add", "000.00.01.H26", "UBND TP Hà Nội")
    done = gateway(
        *CREATE, "--all-procedures", "--all-fields", "--json", GATEWAY_PUBLIC_URL="https://gw.example/"
    )
    assert done.json()["issuer"] == "https://gw.example/sandbox"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--procedure", "khai-sin", "--all-fields"), "--procedure khai-sin: not in the catalogue"),
        (("--all-procedures", "--field", "shoe_size"), "--field shoe_size: not in the catalogue"),
        (("--all-procedures", "--role", "king"), "--role king: not in the catalogue"),
        (("--all-procedures", "--officers-file", "/nowhere"), "/nowhere: can't be read"),
        (("--all-procedures", "--public-key", "/nowhere"), "/nowhere: No such file"),
    ],
)
def test_an_account_with_unknown_names_is_refused_naming_them(
    agency: Commands, arguments: Sequence[str], reason: str
) -> None:
    assert reason in agency(*CREATE, *arguments).reason()
    assert agency("accounts", "list", "--json").json() == []


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (("--all-fields",), "give procedures"),
        (("--all-procedures", "--procedure", "khai-sinh"), "one of the two"),
        (("--all-procedures", "--all-fields", "--field", "full_name"), "--all-fields is every field except"),
        (("--all-procedures", "--all-fields", "--scope", "everything"), "everything: one of verify"),
    ],
)
def test_contradicting_or_unknown_options_of_an_account_are_wrong_usage(
    agency: Commands, options: Sequence[str], wrong: str
) -> None:
    assert wrong in agency(*CREATE, *options).wrong_usage()
    assert agency("accounts", "list", "--json").json() == []


def test_an_unknown_organisation_is_named_with_the_remedy(gateway: Commands) -> None:
    reason = gateway(*CREATE, "--all-procedures", "--all-fields").reason()
    assert reason == "organisation 000.00.01.H26 does not exist: gateway organisations add ID NAME"


@pytest.mark.parametrize("as_set", [True, False])
def test_a_key_with_private_members_is_refused_and_not_kept(
    agency: Commands, tmp_path: Path, *, as_set: bool
) -> None:
    key = ECKey.generate_key("P-256").as_dict(private=True)
    file = tmp_path / "key.json"
    file.write_text(json.dumps({"keys": [key]} if as_set else key), encoding="utf-8")
    done = agency(*CREATE, "--all-procedures", "--all-fields", "--public-key", str(file))
    assert "private" in done.reason()
    assert str(key["d"]) not in done.err
    assert agency("accounts", "list", "--json").json() == []


def test_an_account_with_a_public_key_gets_no_secret(agency: Commands, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=False)), encoding="utf-8")
    made = agency(*CREATE, "--all-procedures", "--all-fields", "--public-key", str(file), "--json").json()
    assert set(made) == {"client_id", "issuer"}


def test_an_official_account_needs_loopback_networks_and_a_key(agency: Commands, tmp_path: Path) -> None:
    arguments = [word if word != "sandbox" else "official" for word in CREATE]
    grant = ("--all-procedures", "--all-fields")
    file = tmp_path / "key.json"
    file.write_text(json.dumps(ECKey.generate_key("P-256").as_dict(private=False)), encoding="utf-8")
    with_key = (*arguments, *grant, "--public-key", str(file))
    elsewhere = {"GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8,10.1.0.0/16"}
    assert "needs a promotion" in agency(*with_key, **elsewhere).reason()
    local = {"GATEWAY_OFFICIAL_NETWORKS": "127.0.0.0/8"}
    assert "--public-key" in agency(*arguments, *grant, **local).reason()
    assert agency(*with_key, "--json", **local).json()["issuer"].endswith("/official")


def test_officers_come_by_stdin_and_are_kept_as_pseudonyms(gateway: Commands, tmp_path: Path) -> None:
    made = gateway.account("--all-fields")
    officers = ("accounts", "officers")
    assert gateway(*officers, "add", made["client_id"], stdin="can.bo.01\ncan.bo.02\n").out == "2 added\n"
    assert gateway(*officers, "disable", made["client_id"], stdin="can.bo.02\n").out == "1 disabled\n"
    unknown = gateway(*officers, "disable", made["client_id"], stdin="can.bo.99\n").reason()
    assert "none was changed" in unknown
    malformed = gateway(*officers, "add", made["client_id"], stdin="can bo số 7\n").reason()
    assert malformed == "officers: one id a line, each 1 to 20 of A-Z a-z 0-9 . _ @ -"
    assert "officers: one id a line" in gateway(*officers, "add", made["client_id"]).reason()
    assert not any(b"can.bo" in path.read_bytes() for path in (tmp_path / "var").iterdir())


def test_states_change_by_word_and_wrong_changes_are_refused(gateway: Commands) -> None:
    client = gateway.account("--all-fields")["client_id"]
    assert gateway("accounts", "suspend", client).out == f"{client} is suspended\n"
    assert gateway("accounts", "suspend", client).reason() == f"{client} is suspended already"
    assert gateway("accounts", "resume", client, "--json").json()["state"] == "active"
    assert gateway("accounts", "revoke", client, "--yes").out == f"{client} is revoked\n"
    assert "is revoked, which can't be undone" in gateway("accounts", "resume", client).reason()
    assert "does not exist" in gateway("accounts", "show", "acc_nobody").reason()


@pytest.mark.parametrize(("answer", "state"), [("n", "active"), ("", "active"), ("y", "revoked")])
def test_at_a_terminal_an_account_is_revoked_only_after_a_yes(
    gateway: Commands, answer: str, state: str
) -> None:
    client = gateway.account("--all-fields")["client_id"]
    out, _ = type_at_terminal(
        gateway.folder,
        *("accounts", "revoke", client),
        typed={f"Revoke {client} permanently? [y/N]:": answer},
        hidden=False,
    )
    assert (f"{client} is revoked" in out) is (state == "revoked")
    assert gateway("accounts", "show", client, "--json").json()["state"] == state


def test_a_rotation_gives_a_second_live_secret(gateway: Commands) -> None:
    made = gateway.account("--all-fields")
    rotated = gateway("accounts", "rotate", made["client_id"], "--json").json()
    assert rotated["client_secret"] != made["client_secret"]
    shown = gateway("accounts", "show", made["client_id"], "--json").json()
    assert len(shown["credentials"]) == 2


def test_keys_are_listed_by_profile_and_purpose_without_material(gateway: Commands) -> None:
    keys = gateway("keys", "list", "--json").json()
    assert {(key["profile"], key["purpose"]) for key in keys} >= {
        (profile, purpose)
        for profile in ("sandbox", "official")
        for purpose in ("token", "receipt", "lookup")
    }
    members = {"kid", "profile", "purpose", "serial", "state", "created_at", "serves_from", "accepted_until"}
    assert all(set(key) == members for key in keys)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", key["created_at"]) for key in keys)
