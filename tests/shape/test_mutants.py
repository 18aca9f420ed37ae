"""The list of defects of `tools/mutants.py` matches the code: otherwise the script can't plant a defect."""

from pathlib import Path

from tools.mutants import ROOT, read_defects


def test_each_defects_text_occurs_exactly_once_in_its_file() -> None:
    wrong = {
        defect.name: count
        for defect in read_defects()
        if (count := (ROOT / defect.file).read_text(encoding="utf-8").count(defect.before)) != 1
    }
    assert wrong == {}


def test_each_defect_has_a_unique_name_and_existing_tests() -> None:
    defects = read_defects()
    missing = [
        path for defect in defects for path in defect.tests if not (ROOT / "tests" / Path(path)).exists()
    ]
    assert len({defect.name for defect in defects}) == len(defects) >= 60
    assert missing == []
