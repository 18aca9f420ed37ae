"""The store of the demo's gateway, and the master key that a PostgreSQL store needs."""

from pathlib import Path

import pytest

from demo.processes import StartFailed
from demo.store import choose_store, is_server
from demo.used_store import _tell, unused
from gateway.keys.model import parse_master_key
from tests.kit.stores import Server

SERVER = {"GATEWAY_DATABASE_URL": "postgresql://postgres@127.0.0.1/gateway"}


def test_without_a_named_store_nothing_is_set_or_made(tmp_path: Path) -> None:
    assert choose_store(tmp_path, {"GATEWAY_LOG_LEVEL": "debug"}) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_a_key_gets_one_that_later_runs_use_again(tmp_path: Path) -> None:
    first = choose_store(tmp_path, SERVER)
    kept = Path(first["GATEWAY_MASTER_KEY_FILE"])
    assert is_server(first)
    assert kept.stat().st_mode & 0o777 == 0o600
    key = parse_master_key(kept.read_text(encoding="ascii"))
    assert choose_store(tmp_path, SERVER) == first
    assert parse_master_key(kept.read_text(encoding="ascii")) == key


def test_a_given_key_is_used_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = choose_store(tmp_path, SERVER | {"GATEWAY_MASTER_KEY_FILE": "own.key"})
    assert chosen["GATEWAY_MASTER_KEY_FILE"] == str(tmp_path / "own.key")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_file_is_the_one_in_the_folder_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    chosen = choose_store(tmp_path, {"GATEWAY_DATABASE_URL": "sqlite:///var/serve/var/gateway.db"})
    assert chosen == {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/var/serve/var/gateway.db"}
    assert choose_store(tmp_path, chosen) == chosen


def test_the_demo_uses_a_file_of_its_own_instead_of_the_one_that_is_named() -> None:
    with unused({"GATEWAY_DATABASE_URL": "sqlite:////srv/gateway.db", "GATEWAY_MASTER_KEY": "k"}) as store:
        assert store == {"GATEWAY_MASTER_KEY": "k"}


@pytest.mark.postgresql
def test_a_used_database_of_a_server_is_left_alone_also_where_its_address_has_parameters(
    postgresql_server: Server,
) -> None:
    address = f"{postgresql_server.make_database()}?sslmode=disable&application_name=demo"
    with unused({"GATEWAY_DATABASE_URL": address}) as store:
        assert store["GATEWAY_DATABASE_URL"] == address  # a template of the schema: no run has used it
    _tell(address, "INSERT INTO revisions VALUES ('sandbox', 1, '{}', 'someone', now())")
    with unused({"GATEWAY_DATABASE_URL": address}) as store:
        own = store["GATEWAY_DATABASE_URL"]
        assert own.endswith("?sslmode=disable&application_name=demo")
        assert "/dancu_demo_" in own
        assert _tell(own, "SELECT current_database() LIKE 'dancu_demo_%'")
    with pytest.raises(StartFailed, match=r"^PostgreSQL: InvalidCatalogNameError: "):
        _tell(own, "SELECT true")
