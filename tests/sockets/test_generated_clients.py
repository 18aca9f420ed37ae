"""Clients that are generated from `openapi/gateway.json`, in Python and in TypeScript, fill a form at a running gateway.

The generators are those that portal developers use. The TypeScript client needs npm and its packages: without them its
test is skipped, with the reason.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.scene import Scene
from tests.kit.answers_seen import read_document
from tests.kit.source import ROOT
from tests.sockets.scenes import SEARCH_PATH, run_here, serving_scene

TYPESCRIPT = ROOT / "examples" / "typescript"

PROGRAM = """
import datetime
import sys

sys.path.insert(0, sys.argv[1])
import httpx
from generated import AuthenticatedClient
from generated.api.portals import file_discrepancy, prefill_form, verify_citizen
from generated.models import (
    ClaimByCitizenIdAndBirthDate, ClaimInvalidProblem, DiscrepancyBody, FieldNotGrantedProblem, FilledField,
    InitiatedByCitizen, InitiatedByCitizenKind, PrefillByReceipt, VerificationBody,
)
from generated.models.verify_citizen_profile import VerifyCitizenProfile as Profile

issuer, client_id, secret = sys.argv[2:]
token = httpx.post(
    f"{issuer}/oauth2/token", auth=(client_id, secret), data={"grant_type": "client_credentials"}, timeout=30
).json()["access_token"]
client = AuthenticatedClient(base_url=issuer.removesuffix("/sandbox"), token=token, timeout=httpx.Timeout(30))
act = {"procedure": "khai-sinh", "dossier": "HN-2022-000777", "subject_role": "requester"}
citizen = InitiatedByCitizen(kind=InitiatedByCitizenKind.CITIZEN)
claim = ClaimByCitizenIdAndBirthDate(
    citizen_id="001090000123", full_name="Nguyễn Văn An", birth_date=datetime.date(1990, 1, 31)
)
found = verify_citizen.sync("sandbox", client=client, body=VerificationBody(claim=claim, initiated_by=citizen, **act))
print("verified:", found.verdict.value)
form = prefill_form.sync(
    "sandbox", client=client,
    body=PrefillByReceipt(receipt=found.receipt, fields=["full_name", "gender"], initiated_by=citizen, **act),
)
name = form.fields["full_name"]
print("filled:", isinstance(name, FilledField), name.value)
declared = {each.field: (each.type_.value, each.required, each.code_list) for each in form.to_declare}
print("declare:", declared["child_birth_date"], declared["child_gender"])
disputed = file_discrepancy.sync_detailed(
    "sandbox", client=client, body=DiscrepancyBody(prefill=form.id, field="gender", note="Sai")
)
print("disputed:", disputed.status_code.value, disputed.parsed.state.value)
claim.citizen_id = "12345"
wrong = verify_citizen.sync("sandbox", client=client, body=VerificationBody(claim=claim, initiated_by=citizen, **act))
print("refused:", isinstance(wrong, ClaimInvalidProblem), wrong.errors[0].field, "|", wrong.errors[0].detail_vi)
print("citizen:", wrong.citizen_vi)
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serving_scene(tmp_path_factory.mktemp("serve")) as running:
        yield running


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The client in Python, and what its generator printed."""
    folder = tmp_path_factory.mktemp("python")
    options = [
        "--path",
        ROOT / "openapi" / "gateway.json",
        "--output-path",
        folder / "generated",
        "--meta",
        "none",
    ]
    done = run_here([Path(sys.executable).parent / "openapi-python-client", "generate", *map(str, options)])
    assert done.returncode == 0, done.stderr
    return folder, done.stdout + done.stderr


def test_the_python_generator_leaves_out_no_call_and_no_answer(generated: tuple[Path, str]) -> None:
    folder, printed = generated
    calls = {path.stem for path in (folder / "generated" / "api").glob("*/*.py")} - {"__init__"}
    document = read_document()
    named = {each["operationId"] for calls in document["paths"].values() for each in calls.values()}
    assert calls == named
    assert "Warning" not in printed
    verify = (folder / "generated" / "api" / "portals" / "verify_citizen.py").read_text(encoding="utf-8")
    statuses = {int(found) for found in re.findall(r"response\.status_code == (\d{3})", verify)}
    declared = document["paths"]["/{profile}/v1/verifications"]["post"]["responses"]
    assert statuses == set(map(int, declared))


def test_a_program_with_the_python_client_fills_a_form_and_reads_a_refusal(
    generated: tuple[Path, str], scene: Scene
) -> None:
    folder, _ = generated
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    account = scene.sandbox
    done = run_here(
        [
            sys.executable,
            program,
            str(folder),
            account.issuer,
            account.client_id,
            account.client_secret or "",
        ],
        PYTHONUTF8="1",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "verified: confirmed",
        "filled: True NGUYỄN VĂN AN",
        "declare: ('date', True, None) ('code', True, 'gender')",
        "disputed: 201 open",
        "refused: True claim.citizen_id | 12 chữ số như trên thẻ căn cước",
        "citizen: Vui lòng kiểm tra và sửa mục được đánh dấu theo đúng thẻ căn cước.",
    ]


def in_npm(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run npm in a folder."""
    return subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={"PATH": SEARCH_PATH, "HOME": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example in TypeScript, with its client generated and itself compiled."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm or node is missing: the client in TypeScript can't be generated")
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "openapi", root / "openapi")
    folder = root / "examples" / "typescript"
    left_out = shutil.ignore_patterns("node_modules", "gateway.d.ts", "*.js")
    shutil.copytree(TYPESCRIPT, folder, ignore=left_out)
    installed = in_npm(folder, "ci", "--no-audit", "--no-fund")
    if installed.returncode != 0:
        pytest.skip(f"npm can't install openapi-typescript here: {installed.stderr.strip()[-200:]}")
    done = in_npm(folder, "run", "--silent", "build")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_example_in_typescript_compiles_and_fills_a_form(compiled: Path, scene: Scene) -> None:
    account = scene.sandbox
    done = run_here(
        ["node", compiled / "walk.js"],
        ISSUER=account.issuer,
        CLIENT_ID=account.client_id,
        CLIENT_SECRET=account.client_secret or "",
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("verified: confirmed, origin ")
    assert lines[1:3] == ["filled: full_name NGUYỄN VĂN AN", "filled: birth_date 1990-01-31"]
    assert lines[3] in (ROOT / "docs" / "portal-developers.md").read_text(encoding="utf-8").splitlines()
    assert lines[4:] == ["next procedure: confirmed, origin reuse", "receipt: valid for ket-hon"]


@pytest.mark.parametrize("missing", ["ISSUER", "CLIENT_ID", "CLIENT_SECRET"])
def test_the_example_in_typescript_names_a_variable_that_is_missing_and_how_to_set_it(
    compiled: Path, missing: str
) -> None:
    given = {"ISSUER": "http://127.0.0.1:9/sandbox", "CLIENT_ID": "acc_any", "CLIENT_SECRET": "any"}
    done = run_here(["node", compiled / "walk.js"], **(given | {missing: ""}))
    assert (done.returncode, done.stdout) == (2, "")
    first, example = done.stderr.splitlines()
    assert first.startswith(f"{missing} is not set: set it to what make serve prints")
    assert f"{missing}=" in example


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"CLIENT_SECRET": "wrong"}, 'oauth2/token: expected 200, got 401: {"error":"invalid_client"}'),
        ({"ISSUER": "http://127.0.0.1:1/sandbox"}, "failed: http://127.0.0.1:1/sandbox gave no answer"),
    ],
)
def test_the_example_in_typescript_ends_with_the_gateways_reason_or_the_address_that_does_not_answer(
    compiled: Path, scene: Scene, given: dict[str, str], told: str
) -> None:
    account = {"ISSUER": scene.sandbox.issuer, "CLIENT_ID": scene.sandbox.client_id, "CLIENT_SECRET": "any"}
    done = run_here(["node", compiled / "walk.js"], **(account | given))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"{told}\n")


WRONG = (
    '{ receipt: "x" }',
    '{ ...act, verification: "v", receipt: "x" }',
    '{ ...act, verification: "v", initiated_by: { kind: "officer" } }',
)


def test_a_body_in_typescript_without_what_it_needs_does_not_compile(compiled: Path) -> None:
    """Each wrong body is on a line of its own, below a right one."""
    bodies = [
        f'export const body{line}: components["schemas"]["PrefillBody"] = {body};\n'
        for line, body in enumerate(('{ ...act, receipt: "x" }', *WRONG), 4)
    ]
    (compiled / "wrong.ts").write_text(
        'import type { components } from "./gateway.js";\n'
        'const act = { procedure: "a", dossier: "b", subject_role: "c", fields: ["d"],\n'
        '  initiated_by: { kind: "citizen" as const } };\n' + "".join(bodies),
        encoding="utf-8",
    )
    options = (
        "--strict",
        "--noEmit",
        "--skipLibCheck",
        "--target",
        "ES2022",
        "--moduleResolution",
        "bundler",
    )
    done = in_npm(compiled, "exec", "--", "tsc", *options, "--module", "ES2022", "wrong.ts")
    found = re.findall(r"^wrong\.ts\((\d+),", done.stdout, re.MULTILINE)
    assert set(found) == {"5", "6", "7"}, done.stdout
