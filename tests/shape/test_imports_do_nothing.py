"""Sign of decay D6: importing a module opens nothing, reads no environment, starts nothing."""

import subprocess
import sys
from pathlib import Path

from tests.kit.source import PROGRAMS, ROOT, read_python

IMPORTER = ROOT / "tests" / "shape" / "import_everything.py"


def _import_all(root: Path, modules: list[str]) -> str:
    ended = subprocess.run(
        [sys.executable, "-B", str(IMPORTER), str(root)],
        input="\n".join(modules),
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={"PYTHONPATH": str(root), "PYTHONUTF8": "1"},
    )
    return ended.stdout.strip() + ended.stderr.strip()


def test_importing_any_module_has_no_effect() -> None:
    modules = [".".join(source.parts).removesuffix(".__init__") for source in read_python(*PROGRAMS)]
    assert _import_all(ROOT, modules) == ""


def test_a_module_that_acts_on_import_is_found(tmp_path: Path) -> None:
    effects = 'import os\nHOME = os.environ.get("HOME")\nopen(__file__).close()\nimport socket\nsocket.socket().close()\n'
    (tmp_path / "acts.py").write_text(effects, encoding="utf-8")
    found = _import_all(tmp_path, ["acts"])
    assert [line.split(" ")[0] for line in found.splitlines()] == ["acts.py:2:", "acts.py:3:", "acts.py:5:"]
