"""Settings: one reader, named refusals, no secret ever repeated."""

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.errors.operators import SettingInvalid
from gateway.identifiers import Profile
from gateway.settings import ProfileSettings, Settings, read_settings

SECRET = "correct-horse-battery"  # a value that must never be seen again
BROKEN = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
SOAP = {
    "GATEWAY_SANDBOX_REGISTRY_URL": "http://127.0.0.1:8100/",
    "GATEWAY_SANDBOX_C06_USER": "dvctt-hanoi",
    "GATEWAY_SANDBOX_C06_SECRET": SECRET,
    "GATEWAY_SANDBOX_AGENCY": "000.00.01.H26",
    "GATEWAY_SANDBOX_OFFICER": "dvctt.dichvu",
}


def read(environ: Mapping[str, str], dotenv: Path | None = None) -> Settings:
    return read_settings(environ, dotenv=dotenv)


def refusal(environ: Mapping[str, str], dotenv: Path | None = None) -> str:
    with pytest.raises(SettingInvalid) as refused:
        read(environ, dotenv)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_nothing_set_gives_an_embedded_store_and_no_connection() -> None:
    settings = read({})
    assert settings.database_url == "sqlite:///var/gateway.db"
    assert (settings.master_key, settings.public_url) == (None, None)
    assert [settings.of(profile).connection(profile) for profile in Profile] == [None, None]


def test_every_member_of_a_connection_is_read_from_its_variable() -> None:
    adapter = {
        "access_key": "a",
        "secret_key": SECRET,
        "app_name": "n",
        "partner_code": "p",
        "partner_code_cus": "c",
    }
    official = read(
        {
            "GATEWAY_OFFICIAL_REGISTRY_URL": "https://registry.example/c06",
            "GATEWAY_OFFICIAL_DIALECT": "lgsp-camel",
            "GATEWAY_OFFICIAL_NGSP_KEY": "key",
            "GATEWAY_OFFICIAL_NGSP_SECRET": SECRET,
            "GATEWAY_OFFICIAL_ADAPTER": json.dumps(adapter),
            "GATEWAY_OFFICIAL_X_ROAD_CLIENT": "VN/GOV/1",
            "GATEWAY_OFFICIAL_AGENCY": "000.00.01.H26",
            "GATEWAY_OFFICIAL_OFFICER": "dvctt.dichvu",
            "GATEWAY_OFFICIAL_TIMESTAMP_UNIT": "s",
            "GATEWAY_OFFICIAL_SERVICE_CODES": '{"khai-sinh": "G15-TP110"}',
            "GATEWAY_OFFICIAL_INTEGRATION_CODES": '{"XacThucThongTinCongDan": "037"}',
            "GATEWAY_OFFICIAL_DEADLINE_MS": "2500",
            "GATEWAY_OFFICIAL_HOSTS": "registry.example, other.example",
            "GATEWAY_OFFICIAL_NETWORKS": "10.1.0.0/16,127.0.0.0/8",
            "GATEWAY_OFFICIAL_EXPIRES_ON": "2099-01-31",
            "GATEWAY_OFFICIAL_CONTACT": "it@example.org",
        }
    ).official
    connection = official.connection(Profile.OFFICIAL)
    assert connection is not None
    assert (connection.dialect.value, connection.timestamp_unit.value) == ("lgsp-camel", "s")
    assert official.hosts == ("registry.example", "other.example")
    assert official.networks == ("10.1.0.0/16", "127.0.0.0/8")
    assert (connection.deadline_ms, connection.x_road_client) == (2500, "VN/GOV/1")
    assert connection.service_codes == {"khai-sinh": "G15-TP110"}
    assert [(key.value, code) for key, code in connection.integration_codes.items()] == [
        ("XacThucThongTinCongDan", "037")
    ]
    assert SECRET not in repr(connection)


def test_a_policy_is_read_and_needs_no_connection() -> None:
    sandbox = read(
        {
            "GATEWAY_SANDBOX_REUSE": "dossier",
            "GATEWAY_SANDBOX_REUSE_SECONDS": "1",
            "GATEWAY_SANDBOX_BUDGET_ACCOUNT_HOUR": "3",
            "GATEWAY_SANDBOX_BUDGET_SUBJECT_DAY": "2",
            "GATEWAY_SANDBOX_RATE_PER_SECOND": "7",
            "GATEWAY_SANDBOX_NETWORKS": "127.0.0.0/8",
            "GATEWAY_SANDBOX_HOSTS": "localhost",
        }
    ).sandbox
    assert (sandbox.reuse, sandbox.reuse_seconds) == ("dossier", 1)
    assert (sandbox.budget_account_hour, sandbox.budget_subject_day) == (3, 2)
    assert sandbox.rate_per_second == 7
    assert sandbox.connection(Profile.SANDBOX) is None


@pytest.mark.parametrize(
    "variable",
    ["GATEWAY_COLOUR", "GATEWAY_SANDBOX_COLOUR", "GATEWAY_METRICS_COLOUR", "GATEWAY_TEST_REGISTRY_URL"],
)
def test_an_unknown_variable_is_named_and_stops(variable: str) -> None:
    assert refusal({variable: SECRET}) == f"{variable}: no such setting"


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("GATEWAY_DATABASE_URL", f"mysql://u:{SECRET}@h/n", "sqlite:///path or postgresql://"),
        ("GATEWAY_DATABASE_URL", "sqlite:///", "sqlite:///path or postgresql://"),
        ("GATEWAY_DATABASE_URL", "sqlite:///:memory:", "sqlite:///path or postgresql://"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h:99999/n", "sqlite:///path or postgresql://"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h", "sqlite:///path or postgresql://"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a@{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a/{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a#{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a?{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a@b/{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:1/a?{SECRET}=1@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:a@b/c?{SECRET}@h/n", "%40 %2F %23 %3F %25 for @ / # ? %"),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?connect_timeout=3",
            "parameter 'connect_timeout' is not",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?sslmode=require&pool=1",
            "the parameter 'pool' is not",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?sslmode=required",
            "the parameter 'sslmode' is one of disable, allow, prefer, require, verify-ca, verify-full",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?ssl_min_protocol_version=1.2",
            "the parameter 'ssl_min_protocol_version' is one of TLSv1,",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?target_session_attrs=rw",
            "the parameter 'target_session_attrs' is one of any,",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
            "the parameter 'sslrootcert' names no file",
        ),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?sslmode=require&sslmode=disable",
            "the parameter 'sslmode' is there twice",
        ),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h/n?sslmode=verify-ca", "needs sslrootcert"),
        (
            "GATEWAY_DATABASE_URL",
            f"postgresql://u:{SECRET}@h/n?sslrootcert=/{'a' * 300}",
            "the parameter 'sslrootcert' names no file",
        ),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h/n?sslmode=require&", "name=value&name=value"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h/n?&sslmode=require", "name=value&name=value"),
        ("GATEWAY_DATABASE_URL", f"postgresql://u:{SECRET}@h/n?{SECRET}", "name=value&name=value"),
        ("GATEWAY_PUBLIC_URL", f"https://u:{SECRET}@gateway.example", "without user"),
        ("GATEWAY_PUBLIC_URL", "gateway.example", "http or https address"),
        ("GATEWAY_PUBLIC_URL", "http://gateway.example:123456", "http or https address"),
        ("GATEWAY_PUBLIC_URL", "http://[::1", "http or https address"),
        ("gateway_public_url", "https://gateway.example", "settings are written in capitals"),
        ("GATEWAY_Public_Url", "https://gateway.example", "settings are written in capitals"),
        ("GATEWAY_LOG_FORMAT", "xml", "'json' or 'console'"),
        ("GATEWAY_SANDBOX_REUSE_SECONDS", "0", ": 1 or more is expected"),
        ("GATEWAY_SANDBOX_REUSE_SECONDS", "9" * 12, ": 1000000000 or less is expected"),
        ("GATEWAY_SANDBOX_BUDGET_SUBJECT_DAY", "9" * 30, ": 1000000000 or less is expected"),
        ("GATEWAY_SANDBOX_REUSE", "always", "'account' or 'dossier'"),
        ("GATEWAY_OFFICIAL_REUSE", SECRET, "REUSE: dossier is expected"),
        ("GATEWAY_SANDBOX_NETWORKS", "10.0.0.0/99", ": networks are expected, such as 10.1.0.0/16"),
        ("GATEWAY_TRUSTED_PROXIES", f"10.0.0.1,{SECRET}", ": networks are expected, such as 10.1.0.0/16"),
        ("GATEWAY_SANDBOX_HOSTS", "c06.example,http://c06.example", "without scheme, port and path"),
        ("GATEWAY_OFFICIAL_HOSTS", "c06.example:8443", "without scheme, port and path"),
        ("GATEWAY_SANDBOX_DEADLINE_MS", "soon", "a whole number is expected"),
        ("GATEWAY_SANDBOX_SERVICE_CODES", "{", ": a JSON object is expected, such as"),
        (
            "GATEWAY_SANDBOX_ADAPTER",
            json.dumps({"secret_key": SECRET}),
            "ADAPTER: access_key: this member is required",
        ),
        ("GATEWAY_SANDBOX_EXPIRES_ON", "31/01/2027", "a date written YYYY-MM-DD"),
        ("GATEWAY_WITNESS_KEY", "x", "a witness's vkey"),
        ("GATEWAY_WITNESS_KEY", f"w.example+0a1b2c3d+{'A' * 44}", "a witness's vkey"),
        ("GATEWAY_WITNESS_KEY", f"w.example+0a1b2c3d+B{'A' * 43}", "a witness's vkey"),  # another key's
    ],
)
def test_a_malformed_variable_is_named_with_what_is_expected(
    variable: str, value: str, expected: str
) -> None:
    reason = refusal(SOAP | {variable: value})
    assert reason.startswith(variable)
    assert expected in reason


@pytest.mark.parametrize("roots", ["", "/nowhere/ca.pem"])
def test_a_checked_certificate_needs_an_authority_that_the_driver_finds(
    monkeypatch: pytest.MonkeyPatch, roots: str
) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", roots)
    told = refusal({"GATEWAY_DATABASE_URL": f"postgresql://u:{SECRET}@h/n?sslmode=verify-full"})
    assert "needs sslrootcert" in told


def test_a_home_folder_that_cannot_be_searched_has_no_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)
    monkeypatch.setenv("HOME", f"/{'a' * 300}")  # as under systemd's ProtectHome: the system refuses to look
    url = f"postgresql://u:{SECRET}@h/n"
    assert read({"GATEWAY_DATABASE_URL": url}).database_url == url
    assert "needs sslrootcert" in refusal({"GATEWAY_DATABASE_URL": f"{url}?sslmode=verify-ca"})


LIBRARY = re.compile(
    r"[Ii]nput|should|[Vv]alue error|[Ff]ield required|pydantic|valid (string|integer|list|date)"
)


def _variables() -> list[str]:
    both = {"sandbox", "official"}
    return [
        *(f"GATEWAY_{name.upper()}" for name in Settings.model_fields if name not in both),
        *(
            f"GATEWAY_SANDBOX_{name.upper()}"
            for name in ProfileSettings.model_fields
            if name != "authorities"
        ),
    ]


@pytest.mark.parametrize("variable", [name for name in _variables() if not name.endswith("_FILE")])
def test_no_reason_is_a_message_of_the_library_that_checks_settings(variable: str) -> None:
    for value in ("", "x", "-1", "99999999", "{", "[1]", '{"a": 1}'):
        with contextlib.suppress(SettingInvalid):
            read(SOAP | {variable: value})
            continue
        reason = refusal(SOAP | {variable: value})
        assert LIBRARY.search(reason) is None, (value, reason)


@pytest.mark.parametrize("missing", ["C06_USER", "C06_SECRET", "AGENCY", "OFFICER"])
def test_a_connection_with_a_missing_member_stops_naming_it(missing: str) -> None:
    environ = {name: value for name, value in SOAP.items() if not name.endswith(missing)}
    assert refusal(environ) == f"GATEWAY_SANDBOX: with REGISTRY_URL set, {missing} must be set too"


def test_members_of_a_connection_without_its_address_stop_the_start() -> None:
    environ = {name: value for name, value in SOAP.items() if not name.endswith("URL")}
    assert refusal(environ) == "GATEWAY_SANDBOX: with AGENCY set, REGISTRY_URL must be set too"


def test_the_environment_wins_over_the_dotenv_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("GATEWAY_LOG_FORMAT=json\nGATEWAY_LOG_LEVEL=debug\nOTHER_TOOL=1\n", encoding="utf-8")
    settings = read({"GATEWAY_LOG_LEVEL": "error"}, dotenv)
    assert (settings.log_format, settings.log_level) == ("json", "error")


def test_a_dollar_in_a_dotenv_secret_stays_a_dollar(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_MASTER_KEY='a${HOME}b'\n", encoding="utf-8")
    master = read({}, tmp_path / ".env").master_key
    assert master is not None
    assert master.get_secret_value() == "a${HOME}b"


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GATEWAY_DATABSE_URL", "GATEWAY_DATABASE_URL"),
        ("GATEWAY_SANDBOX_REUSE_SECOND", "GATEWAY_SANDBOX_REUSE_SECONDS"),
        ("GATEWAY_OFFICIAL_CAFILE", "GATEWAY_OFFICIAL_CA_FILE"),
        ("GATEWAY_SANBOX_REUSE", "GATEWAY_SANDBOX_REUSE"),
        ("GATEWAY_OFICIAL_REUSE_SECONDS", "GATEWAY_OFFICIAL_REUSE_SECONDS"),
        ("GATEWAY_TRUSTED_PROXY", "GATEWAY_TRUSTED_PROXIES"),
        ("GATEWAY_CHECKPOINTS_FILE", "GATEWAY_CHECKPOINT_FILE"),  # no file is read
    ],
)
def test_a_variable_with_a_slip_names_the_setting_that_is_meant(variable: str, meant: str) -> None:
    assert refusal({variable: SECRET}) == f"{variable}: no such setting; did you mean {meant}?"


def test_an_unknown_variable_in_the_dotenv_file_stops_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_COLOUR=red\n", encoding="utf-8")
    assert refusal({}, tmp_path / ".env") == "GATEWAY_COLOUR: no such setting"


def test_a_dotenv_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"GATEWAY_LOG_LEVEL=\xff\xfe\n")
    assert ".env: can't be read as UTF-8" in refusal({}, tmp_path / ".env")


@pytest.mark.parametrize("broken", ['GATEWAY_DATABASE_URL="sqlite:///a.db', "GATEWAY LOG_LEVEL: debug"])
def test_a_line_of_the_dotenv_file_that_cannot_be_read_stops_the_start(tmp_path: Path, broken: str) -> None:
    (tmp_path / ".env").write_text(f"GATEWAY_LOG_FORMAT=json\n{broken}\n", encoding="utf-8")
    told = refusal({}, tmp_path / ".env")
    assert told.endswith(".env line 2: NAME=value is expected, and a quoted value ends with its quote")


@pytest.mark.parametrize("name", ["GATEWAY_MASTER_KEY", "GATEWAY_SANDBOX_C06_SECRET"])
def test_a_secret_is_read_from_the_file_that_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    others = {variable: value for variable, value in SOAP.items() if variable != name}
    settings = read(others | {f"{name}_FILE": str(file)})
    found = settings.master_key if name == "GATEWAY_MASTER_KEY" else settings.sandbox.c06_secret
    assert found is not None
    assert found.get_secret_value() == SECRET


def test_a_secret_file_that_is_not_there_is_named_by_its_variable_with_the_remedy() -> None:
    reason = refusal({"GATEWAY_MASTER_KEY_FILE": "the-secret-by-mistake"})
    assert reason == (
        "GATEWAY_MASTER_KEY_FILE: can't read the file it names (No such file or directory): make that file with the secret "
        f"alone, readable by this user; a relative name is looked up in {Path.cwd()}"
    )


@pytest.mark.parametrize("content", [None, b"", b"not a certificate", b"\x30\x82\x01\x0a\xff", BROKEN])
def test_a_file_that_holds_no_authorities_stops_the_start_with_the_remedy(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)
    reason = refusal({"GATEWAY_OFFICIAL_CA_FILE": str(file)})
    assert reason.startswith("GATEWAY_OFFICIAL_CA_FILE: ")
    assert reason.endswith("name a PEM file of the authorities to trust, or leave the setting out")
    assert ("No such file" in reason) is (content is None)


def test_a_folder_in_place_of_a_file_of_authorities_stops_the_start(tmp_path: Path) -> None:
    assert "can't read the file it names" in refusal({"GATEWAY_SANDBOX_CA_FILE": str(tmp_path)})


@pytest.mark.parametrize("name", ["AUDIT_HEAD_FILE", "CHECKPOINT_FILE"])
def test_nothing_or_a_folder_in_place_of_a_file_stops_the_start(tmp_path: Path, name: str) -> None:
    """The start said of a folder that it holds no audit head, and advised to delete it."""
    for path in ("", ".", str(tmp_path)):
        reason = refusal({f"GATEWAY_{name}": path})
        assert reason == f"GATEWAY_{name}: a file is expected, not a folder or nothing"


@pytest.mark.parametrize("name", ["CA", "AUTHORITIES"])
def test_authorities_are_named_by_their_file_alone(name: str) -> None:
    assert refusal({f"GATEWAY_SANDBOX_{name}": "x"}) == f"GATEWAY_SANDBOX_{name}: no such setting"


def test_a_secret_given_twice_is_refused_instead_of_one_chosen(tmp_path: Path) -> None:
    twice = {"GATEWAY_MASTER_KEY": SECRET, "GATEWAY_MASTER_KEY_FILE": str(tmp_path)}
    assert refusal(twice) == "GATEWAY_MASTER_KEY and GATEWAY_MASTER_KEY_FILE: set one of the two"


def test_a_secret_file_of_the_environment_wins_over_a_dotenv_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY_MASTER_KEY=old\n", encoding="utf-8")
    (tmp_path / "key").write_text("new", encoding="utf-8")
    settings = read({"GATEWAY_MASTER_KEY_FILE": str(tmp_path / "key")}, tmp_path / ".env")
    assert settings.master_key is not None
    assert settings.master_key.get_secret_value() == "new"


def test_no_secret_shows_in_the_settings_repr() -> None:
    environ = SOAP | {
        "GATEWAY_MASTER_KEY": SECRET,
        "GATEWAY_DATABASE_URL": f"postgresql://gateway:{SECRET}@db/gateway",
    }
    settings = read(environ)
    assert SECRET not in repr(settings)
    assert SECRET not in repr(settings.sandbox.connection(Profile.SANDBOX))
    assert settings.sandbox.registry_url == "http://127.0.0.1:8100"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_master_key_that_other_users_may_read_is_taken(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "key"
    key.write_text("k" * 43, encoding="utf-8")
    key.chmod(mode)
    assert read({"GATEWAY_MASTER_KEY_FILE": str(key)}).master_key_file == key


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_master_key_that_other_users_may_write_stops_the_start_and_says_what_to_do(
    tmp_path: Path, mode: int
) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET, encoding="utf-8")
    key.chmod(mode)
    assert refusal({"GATEWAY_MASTER_KEY_FILE": str(key)}).startswith(
        "GATEWAY_MASTER_KEY_FILE: other users can write the file it names, and so replace the key: chmod go-w"
    )
