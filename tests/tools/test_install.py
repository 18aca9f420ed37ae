"""`make install` in a folder whose name the locale can't write."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.install import make_relative


@pytest.mark.parametrize("locale", ["C", "vi_VN.none", "C.UTF-8"])
def test_programs_start_in_every_locale_from_a_folder_with_vietnamese_letters(
    tmp_path: Path, locale: str
) -> None:
    project = tmp_path / "bản sao mới"
    site = project / ".venv" / "lib" / "python3" / "site-packages"
    site.mkdir(parents=True)
    file = site / "_editable_impl_project.pth"
    file.write_text(f"{project}\n{project}", encoding="utf-8")

    make_relative(file, project)

    show = f"import site, sys; site.addsitedir({str(site)!r}); print(ascii(sys.path))"
    done = subprocess.run(
        [sys.executable, "-c", show],
        env={"LC_ALL": locale},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ascii(str(project)) in done.stdout
