"""The master key: exactly 32 bytes of base64url, made once, readable by its owner only, never repeated."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors.operators import SettingInvalid
from gateway.keys.model import parse_master_key
from gateway.keys.sealing import new_key
from gateway.keys.vault import load_or_make_master_key
from gateway.settings import Settings

GOOD = base64.urlsafe_b64encode(b"k" * 32).decode()


@given(st.binary(min_size=32, max_size=32))
def test_every_key_of_32_bytes_is_read_with_or_without_padding(key: bytes) -> None:
    text = base64.urlsafe_b64encode(key).decode()

    assert (
        parse_master_key(text) == parse_master_key(text.rstrip("=")) == parse_master_key(f" {text}\n") == key
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "short",
        GOOD[:-3],
        GOOD + GOOD,
        GOOD.rstrip("=") + "!",
        GOOD[:10] + " " + GOOD[10:],
        GOOD[:10] + "+" + GOOD[10:],
        "é" * 43,
        "6b" * 32,
    ],
)
def test_a_malformed_master_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SettingInvalid, match="GATEWAY_MASTER_KEY: 32 bytes as base64url") as refused:
        parse_master_key(text)

    assert not text or text not in str(refused.value)


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    made = load_or_make_master_key(path)

    assert load_or_make_master_key(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    for number in range(20):
        path = tmp_path / f"{number}.key"
        with ThreadPoolExecutor(8) as starts:
            found = list(starts.map(lambda _, path=path: load_or_make_master_key(path), range(8)))
        assert len(set(found)) == 1


def test_a_damaged_key_file_is_refused_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"\xff\xfe damaged")

    with pytest.raises(SettingInvalid):
        load_or_make_master_key(path)
    assert path.read_bytes() == b"\xff\xfe damaged"


def test_settings_never_show_the_master_key(tmp_path: Path) -> None:
    secret = base64.urlsafe_b64encode(new_key()).decode()
    settings = Settings.model_validate({"master_key": secret})

    assert secret not in repr(settings)
    assert secret not in str(settings)
