"""`gateway keys`: what is listed and rotated, in words and as JSON, and what is refused."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.kit.commands import Commands

NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
PRESENT = base64.urlsafe_b64encode(b"k" * 32).decode()


def listed(gateway: Commands, purpose: str, profile: str = "sandbox") -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = gateway("keys", "list", "--json").json()
    return [key for key in keys if (key["purpose"], key["profile"]) == (purpose, profile)]


@pytest.mark.parametrize("purpose", ["token", "receipt", "lookup", "data", "credential", "idempotency"])
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
    assert (ended["accepted_until"] is None) == (purpose in {"receipt", "data", "credential"})
    first, second = listed(gateway, purpose)
    assert (first["kid"], first["state"], first["accepted_until"]) == (
        former["kid"],
        "serving",
        ended["accepted_until"],
    )
    assert (second["kid"], second["state"]) == (made[0]["kid"], "coming")
    assert second["serves_from"] == made[0]["serves_from"] > second["created_at"]


@pytest.mark.parametrize("purpose", ["pseudonym", "issuance", "application"])
def test_a_key_that_needs_no_notice_serves_at_once(gateway: Commands, purpose: str) -> None:
    made = gateway("keys", "rotate", purpose, "--profile", "sandbox", "--json").json()

    former, key = listed(gateway, purpose)
    assert made[0]["former"] == [{"kid": former["kid"], "accepted_until": None}]
    assert (former["state"], key["state"]) == ("accepted", "serving")


def test_a_leaked_look_up_key_ends_with_the_next_one(gateway: Commands) -> None:
    [leaked] = listed(gateway, "lookup")
    made = gateway("keys", "rotate", "lookup", "--leaked", leaked["kid"], "--json").json()
    assert made[0]["former"] == [{"kid": leaked["kid"], "accepted_until": made[0]["serves_from"]}]


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
    assert table[0].split() == ["KID", "PROFILE", "PURPOSE", "STATE", "FROM", "(UTC)"]
    assert max(map(len, table)) <= 80
    assert {line.split()[3] for line in table[1:]} == {"coming", "serving"}


def test_a_leaked_key_is_named_and_ends_its_own_profiles_alone(gateway: Commands) -> None:
    [leaked] = listed(gateway, "receipt")

    short = leaked["kid"][: len("key_") + 8]
    made = gateway("keys", "rotate", "receipt", "--leaked", short, "--json").json()

    assert [each["profile"] for each in made] == ["sandbox"]
    assert made[0]["former"] == [{"kid": leaked["kid"], "accepted_until": made[0]["serves_from"]}]
    refused = gateway("keys", "rotate", "receipt", "--leaked", "key_unknown").reason()
    assert refused == "key_unknown is not an accepted receipt key there: gateway keys list"


@pytest.mark.parametrize(
    "arguments",
    [
        ("pseudonym", "--leaked", "key_a"),
        ("data", "--leaked", "key_a"),
        ("nothing",),
        (),
        ("master", "--leaked", "key_a"),
        ("master", "--profile", "sandbox"),
        ("token", "--new-key-file", "new.key"),
        ("token", "--profile", "nowhere"),
    ],
    ids=" ".join,
)
def test_an_option_that_a_purpose_lacks_is_wrong_usage(gateway: Commands, arguments: tuple[str, ...]) -> None:
    done = gateway("keys", "rotate", *arguments)

    assert done.code == 2
    assert "Usage: " in done.err


def test_the_key_file_of_a_sqlite_store_is_replaced_by_the_command(gateway: Commands, tmp_path: Path) -> None:
    before = gateway("keys", "list", "--json").json()
    file = tmp_path / "var" / "master.key"
    former = file.read_text()

    made = gateway("keys", "rotate", "master", "--json").json()

    expected = {"purpose": "master", "resealed": len(before), "file": "var/master.key"}
    assert made == expected | {"journal_emptied": True}
    assert file.read_text() != former
    assert gateway("keys", "list", "--json").json() == before
    assert "master key does not open" in gateway("keys", "list", GATEWAY_MASTER_KEY=former.strip()).reason()
    words = gateway("keys", "rotate", "master").out
    assert "resealed" in words
    assert file.read_text().strip() not in words


def test_a_master_key_is_not_replaced_while_another_store_is_sealed_under_it(
    gateway: Commands, tmp_path: Path
) -> None:
    """Stores of one folder share its key file: after a rotation for one, nothing could open the other any more."""
    other = {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/var/official.db"}
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    gateway("backup", "var/backup.db")  # of this store: it needs the former key, which the docs say to keep
    assert gateway("migrate", **other).code == 0
    assert gateway("organisations", "add", "000.00.01.H26", "Hà Nội", **other).code == 0

    refused = gateway("keys", "rotate", "master").reason()

    assert refused.startswith("var/official.db is another store under var/master.key")
    assert gateway("keys", "list", **other).code == 0
    (tmp_path / "var" / "official.db").rename(tmp_path / "official.db")
    assert gateway("keys", "rotate", "master").code == 0


def test_a_new_store_does_not_delete_the_next_key_of_another_one(gateway: Commands, tmp_path: Path) -> None:
    """A store without keys opens with any key: it can't show that the next one is not needed."""
    gateway("organisations", "add", "000.00.01.H26", "Hà Nội")
    file = tmp_path / "var" / "master.key"
    former = file.read_bytes()
    assert gateway("keys", "rotate", "master").code == 0
    coming = file.rename(file.with_name("master.key.next"))  # as if the rotation had been killed before
    file.write_bytes(former)

    made = gateway("organisations", "add", "000.00.01.H26", "Huế", GATEWAY_DATABASE_URL="sqlite:///var/b.db")

    assert "opens this database's keys" in made.reason()
    assert coming.exists()
    assert gateway("keys", "list").code == 0


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
def test_a_malformed_new_master_key_is_refused_naming_its_file(
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
    gateway("migrate")
    given = gateway("keys", "rotate", "master", "--new-key-file", "new.key").reason()

    assert asked == "the master key is a setting here: give the new key by --new-key-file FILE"
    assert given == "var/master.key is replaced by this command itself: leave --new-key-file out"


def test_a_command_that_needs_no_key_refuses_a_malformed_one_too(tmp_path: Path) -> None:
    done = Commands(tmp_path)("migrate", GATEWAY_MASTER_KEY="short")

    assert done.reason() == "GATEWAY_MASTER_KEY: 32 bytes as base64url (43 characters) is expected"
    assert not (tmp_path / "var").exists()


def test_a_malformed_part_of_a_list_is_reported_under_the_settings_own_name(gateway: Commands) -> None:
    for name in ("GATEWAY_SANDBOX_NETWORKS", "GATEWAY_OFFICIAL_NETWORKS", "GATEWAY_TRUSTED_PROXIES"):
        refused = gateway("migrate", **{name: "10.0.0.0/8,nonsense"})
        assert refused.reason() == f"{name}: networks are expected, such as 10.1.0.0/16"
