"""The portal's settings and its program: a wrong setting stops the start by name; one program serves both profiles."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.identifiers import Profile
from portal.errors import StartRefused
from portal.settings import PREFIX, Settings, read_settings
from tests.kit.portal import open_portal, open_visit
from tests.kit.scene import Scene
from tests.portal.test_citizens_way import start

RIGHT = {"PORTAL_CLIENT_ID": "acc_x", "PORTAL_PRIVATE_KEY_FILE": "key.pem"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"PORTAL_TRUSTED_PROXIES": "10.0.0.300"}, "PORTAL_TRUSTED_PROXIES: networks such as 10.0.0.0/8"),
        (
            {"PORTAL_TRUSTED_PROXY": "10.0.0.0/8"},
            "PORTAL_TRUSTED_PROXY: no such setting; did you mean PORTAL_TRUSTED_PROXIES",
        ),
        ({"PORTAL_GATEWAYURL": "x"}, "PORTAL_GATEWAYURL: no such setting; did you mean PORTAL_GATEWAY_URL"),
        ({"portal_profile": "sandbox"}, "portal_profile: no such setting; settings are written in capitals"),
        ({"PORTAL_COLOUR": "red"}, "PORTAL_COLOUR: no such setting$"),
        ({"PORTAL_TEST_PAGE_PUBLIC": "perhaps"}, "PORTAL_TEST_PAGE_PUBLIC: true or false is expected"),
        ({"PORTAL_LOGIN_RATE": "0"}, "PORTAL_LOGIN_RATE: 1 or more is expected"),
        ({"PORTAL_RETENTION_DAYS": "9999"}, "PORTAL_RETENTION_DAYS: 3650 or less is expected"),
        ({"PORTAL_PROFILE": "test"}, "PORTAL_PROFILE: 'sandbox' or 'official' is expected"),
        ({"PORTAL_LOGIN_CLIENT_ID": ""}, "PORTAL_LOGIN_CLIENT_ID: it must not be empty"),
        ({"PORTAL_CLIENT_SECRET_FILE": "secret"}, "one of the two"),
        ({"PORTAL_PROFILE": "official", "PORTAL_MOCK_CONTROL_URL": "http://127.0.0.1:1"}, "or neither"),
        ({"PORTAL_PROFILE": "official", "PORTAL_SUSPENDED_CLIENT_ID": "acc_y"}, "belongs to sandbox"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_named(given: dict[str, str], told: str) -> None:
    with pytest.raises(StartRefused, match=told):
        read_settings(RIGHT | given, dotenv=None)


def test_a_name_in_small_letters_that_means_no_setting_is_another_programs() -> None:
    assert read_settings(RIGHT | {"portal_host": "10.0.0.1"}, dotenv=None) == read_settings(
        RIGHT, dotenv=None
    )


def test_a_line_of_the_dotenv_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('\nPORTAL_CLIENT_ID="acc_x\n', encoding="utf-8")
    with pytest.raises(StartRefused, match=r"\.env line \d: NAME=value is expected"):
        read_settings(RIGHT, dotenv=tmp_path / ".env")


@pytest.mark.parametrize("name", ["/dev/zero", "/dev"])
def test_threat_46_a_dotenv_that_is_a_folder_or_a_device_stops_the_start(name: str) -> None:
    with pytest.raises(StartRefused, match=rf"{name}: can't be read as UTF-8 text \("):
        read_settings(RIGHT, dotenv=Path(name))


def test_several_networks_of_proxies_are_separated_by_commas() -> None:
    settings = read_settings(RIGHT | {"PORTAL_TRUSTED_PROXIES": "10.0.0.0/8, ::1/128"}, dotenv=None)
    assert [str(each) for each in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]


def test_the_help_of_serve_lists_every_setting_and_no_other() -> None:
    command = [sys.executable, "-m", "portal", "serve", "--help"]
    shown = subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
    listed = re.findall(rf"^ +({PREFIX}[A-Z_]+)  ", shown, re.MULTILINE)
    assert sorted(listed) == sorted(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)


async def test_on_official_the_same_program_verifies_and_reuses_within_a_dossier_alone(
    scene: Scene, tmp_path: Path
) -> None:
    async with open_portal(scene, tmp_path, profile=Profile.OFFICIAL) as app, open_visit(app) as visit:
        path = await start(visit, "khai-sinh")
        await visit.send("/xac-thuc/requester")
        await visit.send("/xac-thuc/father", button="self=1")
        assert visit.text.count("Đã xác thực") == 2
        assert visit.text.count("không hỏi lại") == 1
        await start(visit, "ho-chieu")
        await visit.send("/xac-thuc/requester")
        assert "Đã xác thực" in visit.text
        assert "không hỏi lại" not in visit.text
        await visit.open(path)
        assert "official" in visit.page.xpath("string(//*[@class='test-note'])")
        await visit.open("/_test")
        assert visit.status == 404
    asked = [
        each for each in await scene.journal("official") if each["operation"] == "XacThucThongTinCongDan"
    ]
    assert await scene.journal("test") == []
    assert len(asked) == 2


def test_a_port_that_is_taken_stops_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("synthetic", encoding="utf-8")
    given = {"PORTAL_CLIENT_ID": "acc_x", "PORTAL_CLIENT_SECRET_FILE": "secret"}
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "portal", "serve", "--port", port]
        done = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: can't listen on 127.0.0.1 port {port}: Address already in use\n"


@pytest.mark.sockets
def test_threat_36_a_head_without_end_is_refused_and_not_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("synthetic", encoding="utf-8")
    given = {"PORTAL_CLIENT_ID": "acc_x", "PORTAL_CLIENT_SECRET_FILE": "secret"}
    command = [sys.executable, "-m", "portal", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=given, stdout=subprocess.PIPE, text=True) as portal:
        try:
            assert portal.stdout is not None
            address = [portal.stdout.readline() for _ in range(2)][1].strip().partition(": ")[2]
            host, _, port = address.removeprefix("http://").partition(":")
            with socket.create_connection((host, int(port)), timeout=30) as stranger:
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: ")
                with pytest.raises(ConnectionError):
                    stranger.sendall(b"a" * (16 << 20))
        finally:
            portal.terminate()
