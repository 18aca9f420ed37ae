"""Write the packages of each program as CycloneDX 1.6 JSON: `.cache/sbom/gateway.cdx.json` and `mock-c06.cdx.json`.

The input is the locks, which have every package's exact version and hashes: the same locks give the same bytes (no time,
no serial number). Licences are left out, since a lock has none.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".cache" / "sbom"
PROGRAMS = {"gateway": "requirements.lock", "mock-c06": "requirements-mock.lock"}


def main(folder: Path = OUT) -> int:
    """Write both documents; return 0 if they are valid."""
    folder.mkdir(parents=True, exist_ok=True)
    for program, lock in PROGRAMS.items():
        path = folder / f"{program}.cdx.json"
        command = [
            sys.executable,
            "-m",
            "cyclonedx_py",
            "requirements",
            "--output-reproducible",
            "--validate",
        ]
        command += [
            "--short-PURLs",
            "--pyproject",
            "pyproject.toml",
            "--spec-version",
            "1.6",
            "--output-format",
            "JSON",
        ]
        done = subprocess.run([*command, "--output-file", str(path), lock], cwd=ROOT, check=False)
        if done.returncode != 0:
            print(f"sbom: FAILED: {lock}", file=sys.stderr)
            return 1
        print(f"sbom: {path}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OUT, help="where to write (.cache/sbom)")
    sys.exit(main(parser.parse_args().folder))
