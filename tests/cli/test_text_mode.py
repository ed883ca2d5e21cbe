"""Names of files are the same under every locale."""

import subprocess
import sys

import pytest

from .conftest import BUNDLE

LATIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("start", [[BUNDLE], [sys.executable, "-P", "-m", "modelbundle"]], ids=len)
def test_a_name_beyond_ascii_is_itself_under_a_locale_that_has_no_such(tmp_path, start):
    (tmp_path / "é.py").write_text("model = None\n")
    command = [*start, "save", "iris", "é.pkl"]
    done = subprocess.run(
        command, cwd=tmp_path, env=LATIN, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "There is no file `\\xe9.pkl`" in done.stderr  # what an ASCII terminal can show of it
    assert "Did you mean `\\xe9.py`?" in done.stderr
