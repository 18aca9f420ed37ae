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


@pytest.mark.parametrize(
    "variable", ["GATEWAY_master_key_file", "gateway_master_key_file", "gateway_master_kye"]
)
def test_a_name_in_small_letters_is_refused_before_the_file_is_read(variable: str) -> None:
    """It left the key unset, and a server made a key of its own."""
    told = refusal({variable: "/nowhere/master.key", "GATEWAY_MASTER_KEY": SECRET})
    assert told == f"{variable}: no such setting; settings are written in capitals"


@pytest.mark.parametrize(
    "variable", ["gateway_ip", "gateway_port", "Gateway_Name", "gateway_sandbox", "gateway_"]
)
def test_a_name_in_small_letters_that_means_no_setting_is_another_programs(variable: str) -> None:
    """It stopped the start, though a shell or another program had set it for itself."""
    assert read({variable: "192.0.2.1"}) == read({})


@pytest.mark.parametrize("variable", ["GATEWAY_IP", "GATEWAY_Ip"])
def test_a_name_with_our_prefix_in_capitals_is_ours(variable: str) -> None:
    assert refusal({variable: "192.0.2.1"}).startswith(f"{variable}: no such setting")
