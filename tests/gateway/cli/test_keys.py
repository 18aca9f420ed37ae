"""`gateway keys`: what is listed and rotated, in words and as JSON, and what is refused."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.cli.commands import Commands

NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
PRESENT = base64.urlsafe_b64encode(b"k" * 32).decode()


def listed(gateway: Commands, purpose: str, profile: str = "sandbox") -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = gateway("keys", "list", "--json").json()
    return [key for key in keys if (key["purpose"], key["profile"]) == (purpose, profile)]


@pytest.mark.parametrize("purpose", ["token", "receipt", "lookup"])
def test_a_rotation_says_from_when_the_new_key_serves_and_until_when_the_old_stays(
    gateway: Commands, purpose: str
) -> None:
    [former] = listed(gateway, purpose)

    made = gateway("keys", "rotate", purpose, "--json").json()

    assert [each["profile"] for each in made] == ["sandbox", "official"]
    assert made[0]["purpose"] == purpose
    assert made[0]["serial"] == 2
    [ended] = made[0]["former"]
    assert ended["kid"] == former["kid"]
    assert (ended["accepted_until"] is None) == (purpose == "receipt")
    first, second = listed(gateway, purpose)
    assert (first["kid"], first["state"], first["accepted_until"]) == (
        former["kid"],
        "serving",
        ended["accepted_until"],
    )
    assert (second["kid"], second["state"]) == (made[0]["kid"], "coming")
    assert second["serves_from"] == made[0]["serves_from"] > second["created_at"]


def test_one_profile_is_rotated_where_one_is_named(gateway: Commands) -> None:
    made = gateway("keys", "rotate", "token", "--profile", "official", "--json").json()

    assert [each["profile"] for each in made] == ["official"]
    assert len(listed(gateway, "token")) == 1
    assert len(listed(gateway, "token", "official")) == 2


def test_a_rotation_in_words_fits_80_columns_and_shows_no_key(gateway: Commands) -> None:
    for purpose in ("token", "receipt", "lookup"):
        done = gateway("keys", "rotate", purpose)
        assert (done.code, done.err) == (0, "")
        first, second = done.out.splitlines()[:2]
        assert first.startswith(f"sandbox {purpose}: key_")
        assert " serves from 20" in first
        assert second.startswith("  key_")
        assert "accepted" in second
        assert max(map(len, done.out.splitlines())) <= 80
    table = gateway("keys", "list").out.splitlines()
    assert table[0].split() == ["KID", "PROFILE", "PURPOSE", "STATE", "SERVES_FROM"]
    assert max(map(len, table)) <= 80
    assert {line.split()[3] for line in table[1:]} == {"coming", "serving"}


def test_a_leaked_key_is_named_and_ends_its_own_profiles_alone(gateway: Commands) -> None:
    [leaked] = listed(gateway, "receipt")

    made = gateway("keys", "rotate", "receipt", "--leaked", leaked["kid"], "--json").json()

    assert [each["profile"] for each in made] == ["sandbox"]
    assert made[0]["former"] == [{"kid": leaked["kid"], "accepted_until": made[0]["serves_from"]}]
    refused = gateway("keys", "rotate", "receipt", "--leaked", "key_unknown").reason()
    assert refused == "key_unknown is no accepted receipt key there: gateway keys list"


@pytest.mark.parametrize(
    "arguments",
    [
        ("pseudonym",),
        ("data",),
        ("nothing",),
        (),
        ("lookup", "--leaked", "key_a"),
        ("master", "--leaked", "key_a"),
        ("master", "--profile", "sandbox"),
        ("token", "--new-key-file", "new.key"),
        ("token", "--profile", "nowhere"),
    ],
    ids=" ".join,
)
def test_what_a_purpose_does_not_have_is_wrong_usage(gateway: Commands, arguments: tuple[str, ...]) -> None:
    done = gateway("keys", "rotate", *arguments)

    assert done.code == 2
    assert "Usage: " in done.err


def test_the_key_file_of_an_embedded_store_is_replaced_by_the_command(
    gateway: Commands, tmp_path: Path
) -> None:
    before = gateway("keys", "list", "--json").json()
    file = tmp_path / "var" / "master.key"
    former = file.read_text()

    made = gateway("keys", "rotate", "master", "--json").json()

    assert made == {"purpose": "master", "resealed": len(before), "file": "var/master.key"}
    assert file.read_text() != former
    assert gateway("keys", "list", "--json").json() == before
    assert "master key does not open" in gateway("keys", "list", GATEWAY_MASTER_KEY=former.strip()).reason()
    words = gateway("keys", "rotate", "master").out
    assert "sealed anew" in words
    assert file.read_text().strip() not in words


def test_a_master_key_that_is_a_setting_is_given_by_file(gateway: Commands, tmp_path: Path) -> None:
    (tmp_path / "new.key").write_text(NEW + "\n")
    before = gateway("keys", "list", "--json", GATEWAY_MASTER_KEY=PRESENT).json()
    arguments = ("keys", "rotate", "master", "--new-key-file", "new.key")

    done = gateway(*arguments, GATEWAY_MASTER_KEY=PRESENT)

    assert (done.code, done.err) == (0, "")
    assert "where GATEWAY_MASTER_KEY_FILE names it" in done.out
    assert "restart them" in done.out
    assert NEW not in done.out
    assert gateway("keys", "list", "--json", GATEWAY_MASTER_KEY=NEW).json() == before
    assert "does not open" in gateway("keys", "list", GATEWAY_MASTER_KEY=PRESENT).reason()
    assert "present one" in gateway(*arguments, GATEWAY_MASTER_KEY=NEW).reason()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "new.key: can't be read (No such file or directory)"),
        (b"short", "new.key: 32 bytes as base64url (43 characters) is expected"),
        (b"\xff\xfe", "new.key: 32 bytes as base64url (43 characters) is expected"),
    ],
    ids=["missing", "short", "binary"],
)
def test_a_new_master_key_that_is_none_is_refused_by_its_file(
    gateway: Commands, tmp_path: Path, content: bytes | None, named: str
) -> None:
    if content is not None:
        (tmp_path / "new.key").write_bytes(content)

    done = gateway("keys", "rotate", "master", "--new-key-file", "new.key", GATEWAY_MASTER_KEY=PRESENT)

    assert done.reason() == named


def test_a_setting_without_a_file_and_a_file_beside_a_key_file_are_refused(
    gateway: Commands, tmp_path: Path
) -> None:
    (tmp_path / "new.key").write_text(NEW)
    asked = gateway("keys", "rotate", "master", GATEWAY_MASTER_KEY=PRESENT).reason()
    (tmp_path / "var" / "gateway.db").unlink()
    given = gateway("keys", "rotate", "master", "--new-key-file", "new.key").reason()

    assert asked == "the master key is a setting here: give the new one by --new-key-file FILE"
    assert given == "var/master.key is replaced by this command itself: leave --new-key-file out"
