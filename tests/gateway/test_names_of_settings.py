"""A variable whose name is written otherwise reads no secret by another way."""

from pathlib import Path

import pytest

from gateway.errors.operators import SettingInvalid
from gateway.settings import Settings, read_settings

SECRET = "kHlUj1Yb-secret"


def read(environ: dict[str, str]) -> Settings:
    return read_settings(environ, dotenv=None)


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(SettingInvalid) as info:
        read(environ)
    return info.value.reason


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text(SECRET, encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    "name", ["MASTER_KEY_FILE", "CHECKPOINT_FILE", "AUDIT_HEAD_FILE", "SANDBOX_CA_FILE", "OFFICIAL_CA_FILE"]
)
def test_the_content_of_a_file_is_no_name_of_another_file(secret_file: Path, name: str) -> None:
    """It was the master key's path, and the key stayed unset: a server made a key of its own."""
    variable = f"GATEWAY_{name}_FILE"
    assert refusal({variable: str(secret_file)}).startswith(f"{variable}: no such setting")


@pytest.mark.parametrize("variable", ["GATEWAY_master_key_file", "GATEWAY_MASTER_KEY_file"])
def test_a_name_in_small_letters_has_the_checks_of_the_same_name_in_capitals(
    secret_file: Path, variable: str
) -> None:
    found = read({variable: str(secret_file)})
    assert found.master_key is not None
    assert (found.master_key.get_secret_value(), found.master_key_file) == (SECRET, secret_file)
    secret_file.chmod(0o666)
    assert "other users can write the file it names" in refusal({variable: str(secret_file)})
    twice = refusal({variable: str(secret_file), "GATEWAY_MASTER_KEY": SECRET})
    assert twice == "GATEWAY_MASTER_KEY and GATEWAY_MASTER_KEY_FILE: set one of the two"
