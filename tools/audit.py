"""Look the locked packages up in databases of known vulnerabilities, and report packages that were not looked up.

First the online databases of pip-audit (the package index's own, then OSV), then a local copy of OSV's records: the
file of `--advisories`, else `.cache/advisories.zip` or `.json` (OSV's export of its ecosystem PyPI, or a JSON list).

Exit codes: 0 every package was looked up and none is known to be vulnerable; 1 a known vulnerability; 3 some or all were
not looked up, which CI shows as a warning. An index without advisories answers pip-audit "not found" for each package,
and pip-audit then exits with 0; so only packages that it reports as looked up count here.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parent.parent
KEPT = (ROOT / ".cache" / "advisories.zip", ROOT / ".cache" / "advisories.json")
ONLINE = ("pypi", "osv")
PATIENCE_S = 120
NOT_AUDITED = 3
ACCEPTED: Mapping[str, str] = {}
"""Advisories that don't apply here: id → why. Each needs a record in docs/decisions/."""

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Package:
    """One version of a package, by its normalised name (PEP 503)."""

    name: str
    version: str


Found = Mapping[Package, tuple[str, ...]]
"""The packages that were looked up, each with the ids of its advisories."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit the locks and print the result in one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--advisories", type=Path, help="a local copy of OSV's records: .zip or .json")
    parser.add_argument("--offline", action="store_true", help="ask no online database")
    parser.add_argument("locks", nargs="*", type=Path, help="default: every requirements*.lock")
    told = parser.parse_args(arguments)
    locks = told.locks or sorted(ROOT.glob("requirements*.lock"))
    if missing := [str(lock) for lock in locks if not lock.is_file()]:
        parser.error(f"no such lock: {', '.join(missing)}")
    wanted = {package for lock in locks for package in read_lock(lock)}
    found: dict[Package, tuple[str, ...]] = {}
    for database in () if told.offline else ONLINE:
        if wanted - found.keys():
            found |= ask_online(database, wanted)
    kept = told.advisories or next((path for path in KEPT if path.is_file()), None)
    if kept is not None:
        try:
            found = merge(found, look_up(wanted, read_advisories(kept)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            # A file with other content: nothing was looked up, and nothing was found.
            print(f"audit: {kept}: can't be read ({type(error).__name__})", file=sys.stderr)
    return _conclude(wanted, found)


def _conclude(wanted: set[Package], found: Found) -> int:
    vulnerable = {
        package: ids
        for package in sorted(wanted & found.keys())
        if (ids := tuple(each for each in found[package] if each not in ACCEPTED))
    }
    for package, ids in vulnerable.items():
        print(f"audit: VULNERABLE: {package.name} {package.version}: {', '.join(ids)}")
    missing = wanted - found.keys()
    if vulnerable:
        print(f"audit: FAILED: {len(vulnerable)} of {len(wanted)} locked packages have known vulnerabilities")
        return 1
    if len(missing) == len(wanted):
        print("audit: not audited: no advisory database reachable, and no local copy (see --help)")
        return NOT_AUDITED
    if missing:
        names = ", ".join(package.name for package in sorted(missing))
        print(f"audit: not audited: {len(missing)} of {len(wanted)} locked packages: {names}")
        return NOT_AUDITED
    print(f"audit: ok: {len(wanted)} locked packages looked up, no known vulnerability")
    return 0


def read_lock(lock: Path) -> Iterator[Package]:
    """Yield the packages that a lock pins."""
    for name, version in _PINNED.findall(lock.read_text(encoding="utf-8")):
        yield Package(_normal(name), version)


def ask_online(database: str, wanted: Iterable[Package]) -> Found:
    """Return the packages that pip-audit looked up in one database; none if that can't be reached.

    It gets exact versions without the locks' markers, so that packages for other systems are looked up too.
    """
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
    command += ["--format", "json", "--vulnerability-service", database, "--timeout", "15"]
    command += ["--cache-dir", str(ROOT / ".cache" / "pip-audit")]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.writelines(f"{package.name}=={package.version}\n" for package in sorted(wanted))
        listed.flush()
        command += ["--requirement", listed.name]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE_S)
            report = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            return {}
    return {
        Package(_normal(each["name"]), each["version"]): tuple(one["id"] for one in each["vulns"])
        for each in report["dependencies"]
        if "vulns" in each and "skip_reason" not in each
    }


def read_advisories(path: Path) -> Iterator[dict[str, Any]]:
    """Yield OSV records from a zip of JSON files, or from a JSON list. Raises `OSError`, `ValueError`, `BadZipFile`."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield json.loads(packed.read(name))
        return
    records = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(records, list):
        raise ValueError("a JSON list of OSV records is expected")  # noqa: TRY004 - one error for all malformed input
    yield from records


def look_up(wanted: Iterable[Package], advisories: Iterable[dict[str, Any]]) -> Found:
    """Return every package with the ids of the records that affect its version.

    Raises:
        ValueError: no record is about a package of PyPI, so the file is not a usable database.
    """
    knows_pypi = False
    by_name: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for record in advisories:
        for affected in record.get("affected", ()):
            package = affected.get("package", {})
            if package.get("ecosystem") != "PyPI":
                continue
            knows_pypi = True
            if not record.get("withdrawn"):
                by_name.setdefault(_normal(package["name"]), []).append((record["id"], affected))
    if not knows_pypi:
        raise ValueError("no record is about a package of PyPI")
    return {
        package: tuple(
            name for name, affected in by_name.get(package.name, ()) if _affects(affected, package)
        )
        for package in wanted
    }


def merge(one: Found, other: Found) -> dict[Package, tuple[str, ...]]:
    """Return the packages of both, with the advisories of both."""
    return {
        package: (*one.get(package, ()), *other.get(package, ())) for package in one.keys() | other.keys()
    }


def _affects(affected: Mapping[str, Any], package: Package) -> bool:
    if package.version in affected.get("versions", ()):
        return True
    ranges = [each for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM"]
    try:
        return any(_is_within(each["events"], Version(package.version)) for each in ranges)
    except InvalidVersion:
        return True  # it can't be compared: a person must check


def _is_within(events: Sequence[Mapping[str, str]], version: Version) -> bool:
    """Return whether a version is in a range (OSV §affected[].ranges: the events in order decide)."""
    inside = False
    for event in events:
        ((kind, value),) = event.items()
        if kind == "introduced" and (value == "0" or Version(value) <= version):
            inside = True
        elif (kind == "fixed" and Version(value) <= version) or (
            kind == "last_affected" and Version(value) < version
        ):
            inside = False
    return inside


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
