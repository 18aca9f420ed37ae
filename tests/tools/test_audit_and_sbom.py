"""Threat 45: dependencies are audited, and an audit without data never reports that there are no vulnerabilities."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.kit.source import ROOT

LOCK = ROOT / "requirements.lock"
HASH = "--hash=sha256:" + "0" * 64


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / "audit.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def advisory(name: str, **affected: Any) -> dict[str, Any]:
    return {
        "id": "PYSEC-2026-1",
        "affected": [{"package": {"ecosystem": "PyPI", "name": name}, **affected}],
    }


def within(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


def audit(folder: Path, *records: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    """Audit a lock of two packages against a kept copy of these records."""
    lock, kept = folder / "requirements.lock", folder / "advisories.json"
    lock.write_text(
        f"Some_Package==1.4.2 \\\n    {HASH}\nother[extra]==2.0 ; python_version >= '3.11' \\\n    {HASH}\n"
    )
    kept.write_text(json.dumps(records))
    return run("--offline", "--advisories", kept, lock)


@pytest.mark.parametrize(
    "affected",
    [
        {"versions": ["1.4.1", "1.4.2"]},
        within({"introduced": "0"}, {"fixed": "1.4.3"}),
        within({"introduced": "1.0"}, {"last_affected": "1.4.2"}),
        within({"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "1.4"}),
    ],
    ids=["version", "fixed later", "last affected", "introduced again"],
)
def test_threat_45_a_known_vulnerability_in_a_lock_fails_the_audit(
    tmp_path: Path, affected: dict[str, Any]
) -> None:
    done = audit(tmp_path, advisory("some.package", **affected))

    assert done.returncode == 1
    assert "audit: VULNERABLE: some-package 1.4.2: PYSEC-2026-1" in done.stdout


@pytest.mark.parametrize(
    "record",
    [
        advisory("some-package", **within({"introduced": "0"}, {"fixed": "1.4.2"})),
        advisory("some-package", versions=["1.4.3"]),
        advisory("some-package-2", versions=["1.4.2"]),
        advisory("some-package", versions=["1.4.2"]) | {"withdrawn": "2026-01-01T00:00:00Z"},
    ],
    ids=["fixed", "other version", "other package", "withdrawn"],
)
def test_an_advisory_that_does_not_apply_to_the_lock_is_no_finding(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    done = audit(tmp_path, record)

    assert (done.returncode, done.stdout) == (
        0,
        "audit: ok: 2 locked packages looked up, no known vulnerability\n",
    )


def test_a_kept_copy_may_be_the_zip_that_osv_publishes(tmp_path: Path) -> None:
    kept = tmp_path / "advisories.zip"
    with zipfile.ZipFile(kept, "w") as packed:
        packed.writestr("PYSEC-2026-1.json", json.dumps(advisory("fastapi", **within({"introduced": "0"}))))

    done = run("--offline", "--advisories", kept)

    assert done.returncode == 1
    assert "VULNERABLE: fastapi 0.165.0" in done.stdout


@pytest.mark.parametrize(
    "kept",
    [
        "[]",
        "[1, null]",
        '[{"id": 3, "affected": [{"package": {"ecosystem": "npm", "name": "other"}}]}]',
        "{}",
    ],
    ids=["empty", "no records", "another ecosystem's", "no list"],
)
def test_threat_45_a_kept_copy_without_these_packages_does_not_pass_the_audit(
    tmp_path: Path, kept: str
) -> None:
    audit(tmp_path)
    (tmp_path / "advisories.json").write_text(kept)

    done = run("--offline", "--advisories", tmp_path / "advisories.json", tmp_path / "requirements.lock")

    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert "audit: not audited: " in done.stdout


def test_a_missing_lock_is_reported_as_wrong_usage_and_not_as_a_finding(tmp_path: Path) -> None:
    done = run("--offline", tmp_path / "nothing.lock")

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@pytest.mark.parametrize("kept", [None, "no such file", "{}", "not JSON"])
def test_threat_45_an_audit_without_data_says_so_and_does_not_pass(tmp_path: Path, kept: str | None) -> None:
    lock, copy = tmp_path / "some.lock", tmp_path / "advisories.json"
    lock.write_text(f"some-package==1.4.2 \\\n    {HASH}\n")
    if kept not in {None, "no such file"}:
        copy.write_text(str(kept))
    given = () if kept is None and not _has_kept_copy() else ("--advisories", copy)

    done = run("--offline", *given, lock)

    assert done.returncode == 3
    assert done.stdout.startswith("audit: not audited: no advisory database reachable")
    assert "ok" not in done.stdout


def _has_kept_copy() -> bool:
    return any((ROOT / ".cache" / name).is_file() for name in ("advisories.zip", "advisories.json"))


def test_threat_45_ci_fails_on_a_finding_and_only_warns_without_data() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    began = text.index("audited=0")
    part = text[began : text.index("esac", began) + len("esac")]
    for status, ends in ((0, 0), (1, 1), (2, 2), (3, 0)):
        script = part.replace(".venv/bin/python tools/audit.py", f"(exit {status})")
        assert script != part
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False
        )
        assert done.returncode == ends
        assert ("not audited" in done.stderr) == (status == 3)


def test_the_bill_of_materials_names_each_package_with_its_exact_version(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "sbom.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr

    for program, lock in (("gateway", "requirements.lock"), ("mock-c06", "requirements-mock.lock")):
        document = json.loads((tmp_path / f"{program}.cdx.json").read_text(encoding="utf-8"))
        assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
        assert "serialNumber" not in document
        assert "timestamp" not in document["metadata"]
        found = {part["name"]: part["version"] for part in document["components"]}
        assert found["fastapi"] == "0.165.0"
        pinned = [
            line.partition("==")[0]
            for line in (ROOT / lock).read_text().splitlines()
            if "==" in line and line[0].isalnum()
        ]
        assert sorted(found) == sorted(name.partition("[")[0] for name in pinned)


def test_make_help_lists_both_commands_with_their_purpose() -> None:
    done = subprocess.run(["make", "help"], capture_output=True, text=True, check=True, cwd=ROOT)

    assert [name for name in ("make audit", "make sbom") if name not in done.stdout] == []
