"""Settings: an unknown or malformed one stops the start and is named."""

from pathlib import Path

import pytest

from mock_c06.errors import StartRefused
from mock_c06.settings import ENVIRONMENT_NAMES, read_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT_NAMES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_without_settings_everything_has_its_default() -> None:
    settings = read_settings()
    assert (settings.control_token, settings.secret_seed) == (None, None)


def test_environment_and_env_file_are_both_read(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_folder / ".env").write_text("MOCK_C06_SECRET_SEED=seven\nGATEWAY_MASTER_KEY=x\n")
    monkeypatch.setenv("MOCK_C06_CONTROL_TOKEN", "a-long-token")
    settings = read_settings()
    assert settings.control_token is not None
    assert settings.control_token.get_secret_value() == "a-long-token"
    assert settings.secret_seed == "seven"
    assert "a-long-token" not in repr(settings)


def test_an_env_file_that_is_no_text_stops_the_start_in_one_line(empty_folder: Path) -> None:
    (empty_folder / ".env").write_bytes(b"\xff\xfe")
    with pytest.raises(StartRefused, match=r"^\.env: UTF-8 text is expected$"):
        read_settings()


def test_a_line_of_the_env_file_that_cannot_be_read_stops_the_start(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("MOCK_C06_SECRET_SEED='seven\n")
    with pytest.raises(StartRefused, match=r"^\.env line 1: NAME=value is expected"):
        read_settings()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_an_unknown_setting_stops_the_start_and_is_named(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "file":
        (empty_folder / ".env").write_text("MOCK_C06_TOKEN=x\n")
    else:
        monkeypatch.setenv("MOCK_C06_TOKEN", "x")
    with pytest.raises(
        StartRefused, match="MOCK_C06_TOKEN: no such setting; there are MOCK_C06_CONTROL_TOKEN"
    ):
        read_settings()


def test_a_setting_in_small_letters_is_none(empty_folder: Path) -> None:
    """Beside the one in capitals, which of the two counts would be chance."""
    (empty_folder / ".env").write_text("mock_c06_secret_seed=8\nMOCK_C06_SECRET_SEED=7\n")
    with pytest.raises(StartRefused, match="mock_c06_secret_seed: no such setting; there are"):
        read_settings()


def test_an_empty_setting_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_C06_CONTROL_TOKEN", "")
    with pytest.raises(StartRefused, match="MOCK_C06_CONTROL_TOKEN"):
        read_settings()


@pytest.mark.parametrize("name", ENVIRONMENT_NAMES)
@pytest.mark.parametrize("value", ["production", "PROD", "cloud,prod", "live"])
def test_threat_43_the_mock_does_not_start_in_production(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartRefused, match=f"{name} says {value}"):
        read_settings()


def test_threat_43_an_env_file_that_says_production_stops_the_start_too(empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("APP_ENV=production\n")
    with pytest.raises(StartRefused, match="APP_ENV says production"):
        read_settings()


@pytest.mark.parametrize("value", ["", "development", "test", "staging", "preproduction", "delivery"])
def test_other_environments_than_production_let_the_mock_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ENV", value)
    assert read_settings().secret_seed is None


@pytest.mark.parametrize("kind", ["a folder", "a device", "a large file"])
def test_an_env_file_that_is_no_plain_file_stops_the_start_and_is_not_skipped(
    empty_folder: Path, kind: str
) -> None:
    match kind:
        case "a folder":
            (empty_folder / ".env").mkdir()
        case "a device":
            (empty_folder / ".env").symlink_to("/dev/zero")
        case _:
            (empty_folder / ".env").write_bytes(b"#" * 65_537)
    with pytest.raises(StartRefused, match="a file of NAME=value lines is expected"):
        read_settings()
