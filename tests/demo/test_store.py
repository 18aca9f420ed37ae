"""The store of the demo's gateway, and the master key that a PostgreSQL store needs."""

from pathlib import Path

import pytest

from demo.store import choose_store, is_server
from gateway.keys.model import parse_master_key

SERVER = "postgresql://postgres@127.0.0.1/gateway"


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "MASTER_KEY", "MASTER_KEY_FILE"):
        monkeypatch.delenv(f"GATEWAY_{name}", raising=False)


def test_without_a_named_store_nothing_is_set_or_made(tmp_path: Path) -> None:
    assert choose_store(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []


def test_a_server_without_a_key_gets_one_that_later_runs_use_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", SERVER)
    first = choose_store(tmp_path)
    kept = Path(first["GATEWAY_MASTER_KEY_FILE"])
    assert is_server(first)
    assert kept.stat().st_mode & 0o777 == 0o600
    key = parse_master_key(kept.read_text(encoding="ascii"))
    assert choose_store(tmp_path) == first
    assert parse_master_key(kept.read_text(encoding="ascii")) == key


def test_a_given_key_is_used_and_none_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", SERVER)
    monkeypatch.setenv("GATEWAY_MASTER_KEY_FILE", "own.key")
    monkeypatch.chdir(tmp_path)
    assert choose_store(tmp_path)["GATEWAY_MASTER_KEY_FILE"] == str(tmp_path / "own.key")
    assert list(tmp_path.iterdir()) == []
