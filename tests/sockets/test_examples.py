"""`examples/`: each example runs against `make serve`, and prints a clear reason if it can not."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.scene import Scene
from tests.kit.source import ROOT, read_python
from tests.sockets.scenes import need_curl, run_here, serving_scene

CURL = ROOT / "examples" / "curl"
PYTHON = ROOT / "examples" / "python"
ENDED = "http://127.0.0.1:9/sandbox"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serving_scene(tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture
def official_key(scene: Scene, tmp_path: Path) -> Path:
    assert scene.official.key is not None
    path = tmp_path / "key.jwk.json"
    path.write_text(json.dumps(scene.official.key.as_dict(private=True)), encoding="utf-8")
    return path


def in_curl(script: str, scene: Scene, **other: str) -> "subprocess.CompletedProcess[str]":
    need_curl()
    account = {
        "ISSUER": scene.sandbox.issuer,
        "CLIENT_ID": scene.sandbox.client_id,
        "CLIENT_SECRET": scene.sandbox.client_secret or "",
    }
    return run_here([CURL / script], **account | other)


def in_python(script: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return run_here([sys.executable, PYTHON / script, *arguments])


def test_the_walk_in_curl_fills_a_form_and_can_be_repeated(scene: Scene) -> None:
    for _ in range(2):
        done = in_curl("walk.sh", scene)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert "filled: full_name NGUYỄN VĂN AN" in lines
        assert "next procedure: confirmed, origin reuse" in lines
        assert lines[-1].startswith("ledger: answered answered delivered reused")


def test_the_refusals_in_curl_are_those_that_the_script_names(scene: Scene) -> None:
    done = in_curl("refusals.sh", scene)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "401 token_invalid",
        "201 not_confirmed",
        "422 claim_invalid",
        "403 field_not_granted",
        "422 receipt_invalid",
        "403 profile_mismatch",
    ]


ON_THE_PAGE = re.findall(
    r"gateway (accounts create dvctt(?: |[^\n\\]|\\\n)*)",
    (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"),
)


def test_the_deploy_page_creates_an_account_of_sandbox_twice() -> None:
    assert len(ON_THE_PAGE) == 2


@pytest.mark.parametrize("command", ON_THE_PAGE)
def test_an_account_as_the_deploy_page_creates_it_is_enough_for_the_guides_program(
    scene: Scene, command: str
) -> None:
    arguments = command.replace("\\\n", " ").replace("dvctt", f"page-{len(command)}")
    account = scene.programs.gateway(*shlex.split(arguments))
    done = in_curl("walk.sh", scene, CLIENT_ID=account["client_id"], CLIENT_SECRET=account["client_secret"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("ledger: ")


def test_an_example_without_its_account_says_what_to_set_and_exits_with_two() -> None:
    need_curl()
    in_bash = run_here([CURL / "walk.sh"], CLIENT_ID="", CLIENT_SECRET="")
    assert (in_bash.returncode, in_bash.stdout) == (2, "")
    assert in_bash.stderr.startswith("set CLIENT_ID and CLIENT_SECRET to what make serve prints")
    without = in_python("walk.py")
    assert (without.returncode, without.stdout) == (2, "")
    assert "walk.py http://127.0.0.1:8000/official acc_… var/serve/official-key.jwk.json" in without.stderr
    assert "required: issuer, client_id, key" in without.stderr


@pytest.mark.parametrize("script", ["walk.sh", "refusals.sh"])
def test_a_wrong_secret_ends_a_curl_script_with_its_reason(scene: Scene, script: str) -> None:
    done = in_curl(script, scene, CLIENT_SECRET="wrong")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"failed: {scene.sandbox.issuer}/oauth2/token: expected 200, got 401")
    assert "Traceback" not in done.stderr


def test_an_unreachable_gateway_ends_the_curl_walk_with_one_line(scene: Scene) -> None:
    done = in_curl("walk.sh", scene, ISSUER=ENDED)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"failed: {ENDED}/oauth2/token gave no answer"


def test_an_issuer_that_is_no_profiles_address_is_named(scene: Scene, official_key: Path) -> None:
    """The program in Python told of a codec, and the script of an unknown address."""
    base = scene.sandbox.issuer.removesuffix("/sandbox")
    curl = in_curl("walk.sh", scene, ISSUER=base)
    assert (curl.returncode, curl.stdout) == (1, "")
    assert curl.stderr == (
        "failed: ISSUER is the address of a profile, such as http://127.0.0.1:8000/sandbox\n"
    )
    python = in_python("walk.py", base, scene.official.client_id, official_key)
    assert python.returncode == 2
    assert python.stderr.endswith("argument issuer: such as http://127.0.0.1:8000/official is expected\n")
    assert in_curl("walk.sh", scene, ISSUER=f"{scene.sandbox.issuer}/").returncode == 0


def test_the_python_walk_verifies_at_official_with_a_private_key(scene: Scene, official_key: Path) -> None:
    done = in_python("walk.py", scene.official.issuer, scene.official.client_id, official_key)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "token: DPoP, 300 s, ledger prefill verify"
    assert "filled: full_name NGUYỄN VĂN AN" in lines
    assert (
        "next procedure: confirmed, origin registry" in lines
    )  # at official, reuse is limited to the dossier


def test_a_newly_made_key_works_for_the_walk_on_sandbox(scene: Scene, tmp_path: Path) -> None:
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    made = in_python("make_key.py", private)
    assert (made.returncode, made.stderr) == (0, "")
    assert "d" not in json.loads(made.stdout)
    assert private.stat().st_mode & 0o777 == 0o600
    public.write_text(made.stdout, encoding="utf-8")
    grants = ["--procedure", "khai-sinh", "--procedure", "ket-hon", "--all-fields", "--scope", "ledger"]
    grants += ["--scope", "verify", "--scope", "prefill", "--public-key", str(public)]
    place = ["--organisation", "000.00.01.H26", "--profile", "sandbox"]
    account = scene.programs.gateway("accounts", "create", "mine", *place, *grants)
    done = in_python("walk.py", account["issuer"], account["client_id"], private)
    assert (done.returncode, done.stderr) == (0, "")
    assert "next procedure: confirmed, origin reuse" in done.stdout


def test_an_existing_key_file_is_never_overwritten(tmp_path: Path) -> None:
    private = tmp_path / "private.json"
    private.write_text("precious", encoding="utf-8")
    done = in_python("make_key.py", private)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"failed: {private}: File exists\n"
    assert private.read_text(encoding="utf-8") == "precious"


def test_a_question_for_help_makes_no_key_file(tmp_path: Path) -> None:
    command = [sys.executable, str(PYTHON / "make_key.py"), "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "example: python examples/python/make_key.py" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_failing_python_walk_prints_its_reason_in_one_line(scene: Scene, official_key: Path) -> None:
    unknown = in_python("walk.py", scene.official.issuer, "acc_unknown", official_key)
    assert unknown.returncode == 1
    assert unknown.stderr == 'failed: /official/oauth2/token: 401 {"error":"invalid_client"}\n'
    away = in_python("walk.py", ENDED, scene.official.client_id, official_key)
    assert away.returncode == 1
    assert re.fullmatch(rf"failed: {ENDED} gave no answer \(.*\)\n", away.stderr)


@pytest.mark.parametrize("content", [None, b"", b"[1]", b"{}", b'{"kty": "RSA"}', b"\xf6", "public"])
def test_a_file_without_the_private_key_ends_the_python_walk_with_its_name(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "key.jwk.json"
    if content == "public":
        path.write_text(in_python("make_key.py", tmp_path / "private.json").stdout, encoding="utf-8")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    done = in_python("walk.py", ENDED, "acc_any", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"failed: {path}[: ].*\n", done.stderr)


def test_this_file_runs_every_script_of_the_examples() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    scripts = [path for path in (ROOT / "examples").rglob("*") if path.suffix in {".sh", ".py"}]
    assert len(scripts) >= 5
    for script in scripts:
        assert f'"{script.name}"' in text or script.name == "gateway.sh"


def test_the_examples_import_nothing_of_our_programs() -> None:
    imported = {name.split(".")[0] for source in read_python("examples") for _, name in source.imports()}
    assert {"httpx", "joserfc"} <= imported
    assert not imported & {"gateway", "mock_c06", "portal", "demo", "tests"}


def test_the_curl_scripts_pass_the_checks_of_bash() -> None:
    bash = shutil.which("bash")
    assert bash
    for script in CURL.glob("*.sh"):
        assert run_here([bash, "-n", script]).returncode == 0
