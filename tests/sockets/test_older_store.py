"""A gateway that serves keeps the audit's head beside its master key, and notices at the next start a restored backup."""

import json
from pathlib import Path

from tests.kit.commands import Commands
from tests.kit.programs import Place, wait_for


def test_a_restored_backup_is_noticed_at_the_next_start(place: Place, tmp_path: Path) -> None:
    gateway, kept = Commands(tmp_path), tmp_path / "var" / "gateway.db.audit-head"
    with place.serving():
        assert gateway("backup", "copy.db").code == 0
        account = place.make_account()
        assert gateway("accounts", "revoke", account["client_id"], "--yes").code == 0
        rows = gateway("audit", "verify", "--json").json()["rows"]
        wait_for(lambda: kept.exists() and json.loads(kept.read_text(encoding="utf-8"))["rows"] == rows)
    assert kept.stat().st_mode & 0o777 == 0o600

    assert gateway("restore", "copy.db").code == 0
    refused = gateway.program("serve", "--port", "0", **place.settings)
    assert "the store went back in time" in refused.reason()
    assert gateway("accept-older-store", "--reason", "a drill").code == 0
    with place.serving() as running:
        assert running.lines[0].startswith("gateway: ")
