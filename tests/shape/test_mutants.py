"""The list of defects of `tools/mutants.py` fits the code as it is: otherwise a defect can't be planted."""

from pathlib import Path

from tools.mutants import ROOT, read_defects


def test_each_defects_text_occurs_exactly_once_in_its_file() -> None:
    wrong = {
        defect.name: count
        for defect in read_defects()
        if (count := (ROOT / defect.file).read_text(encoding="utf-8").count(defect.before)) != 1
    }
    assert wrong == {}


def test_each_defect_has_a_name_of_its_own_and_tests_that_exist() -> None:
    defects = read_defects()
    missing = [
        path for defect in defects for path in defect.tests if not (ROOT / "tests" / Path(path)).exists()
    ]
    assert len({defect.name for defect in defects}) == len(defects) >= 60
    assert missing == []
