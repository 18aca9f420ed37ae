"""Keys rotated by command while a gateway serves: it uses them within about a second, and no call fails."""

import base64
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.kit.programs import Place, Running, Served, log_in, place_beside
from tests.kit.scene import enquiry
from tests.kit.stores import Server

NEW = base64.urlsafe_b64encode(b"n" * 32).decode()
ALLOWED_S = 1.5
"""A second for the worker, and a busy machine's half."""


def kids(running: Running, name: str) -> list[str]:
    answer = httpx.get(f"{running.address}/sandbox/{name}.json")
    return [key["kid"] for key in answer.json()["keys"]]


def time_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < 10
        time.sleep(0.05)
    return time.monotonic() - started


@pytest.mark.parametrize(("purpose", "document"), [("token", "jwks"), ("receipt", "receipt-keys")])
def test_a_running_gateway_publishes_a_rotated_key_within_a_second(
    place: Place, purpose: str, document: str
) -> None:
    with place.serving() as running:
        former = kids(running, document)
        made = place.run("keys", "rotate", purpose)[0]["kid"]

        took = time_until(lambda: kids(running, document) == [*former, made])

        assert took < ALLOWED_S
        assert running.end() == 0


def test_a_leaked_token_key_is_gone_in_seconds_and_portals_log_in_again(place: Place) -> None:
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        [leaked] = kids(running, "jwks")
        made = place.run("keys", "rotate", "token", "--leaked", leaked)[0]["kid"]
        time_until(lambda: kids(running, "jwks") == [made])

        assert portal.get("/me").json()["code"] == "token_invalid"
        with log_in(running, account) as again:
            assert again.get("/me").status_code == 200


def test_rotations_under_load_leave_portal_reuse_and_receipts_unchanged(place: Place) -> None:
    account = place.make_account()
    with place.serving() as running, log_in(running, account) as portal:
        made = portal.post("/verifications", json=enquiry()).json()
        for purpose in ("token", "receipt", "lookup", "master"):
            place.run("keys", "rotate", purpose)
            time.sleep(1)
            again = portal.post("/verifications", json=enquiry())
            assert (again.status_code, again.json()["id"]) == (200, made["id"])
            checked = portal.post("/receipts/check", json={"receipt": made["receipt"]})
            assert checked.json()["valid"] is True
        place.run("keys", "rotate", "token")
        time_until(lambda: len(kids(running, "jwks")) == 3)
        assert "warning" not in place.log()


def test_a_worker_without_its_master_key_continues_and_logs_it_once(place: Place) -> None:
    present = (place.folder / "var" / "master.key").read_text().strip()
    (place.folder / "new.key").write_text(NEW)
    before = replace(place, settings={**place.settings, "GATEWAY_MASTER_KEY": present})
    after = replace(place, settings={**place.settings, "GATEWAY_MASTER_KEY": NEW})
    account = before.make_account()
    with before.serving() as running, log_in(running, account) as portal:
        before.run("keys", "rotate", "master", "--new-key-file", "new.key")
        after.run("keys", "rotate", "token")
        time.sleep(2)
        assert portal.post("/verifications", json=enquiry()).status_code == 201
        assert len(kids(running, "jwks")) == 1
    assert before.log().count("master_key_rotated") == 1
    with after.serving() as running:
        assert len(kids(running, "jwks")) == 2


@pytest.mark.postgresql
def test_two_gateways_on_one_postgresql_use_a_rotated_key_within_a_second(
    mock: Served, tmp_path: Path, postgresql_server: Server
) -> None:
    settings = {"GATEWAY_DATABASE_URL": postgresql_server.make_database(), "GATEWAY_MASTER_KEY": NEW}
    place = place_beside(mock, tmp_path, **settings)
    with place.serving() as one, place.serving() as other:
        former = kids(one, "jwks")
        assert kids(other, "jwks") == former
        made = place.run("keys", "rotate", "token")[0]["kid"]

        took = time_until(lambda: kids(one, "jwks") == kids(other, "jwks") == [*former, made])

        assert took < ALLOWED_S
