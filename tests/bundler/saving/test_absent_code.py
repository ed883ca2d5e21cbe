"""Modules of the author's that are imported only when a model is called."""

import subprocess
import sys

import numpy as np
import pytest

import modelbundle
from modelbundle.bundler.saving import absent_code, saving
from modelbundle.bundler.saving.save_options import SaveOptions

from ..recorded_progress import RecordedProgress

SAMPLE = np.ones((2, 1))


@pytest.fixture
def late(tmp_path, monkeypatch):
    """A module whose function imports another one each time that it is called."""
    (tmp_path / "late_rules.py").write_text("FACTOR = 2\n")
    (tmp_path / "late.py").write_text(
        "def double(rows):\n    import late_rules\n\n    return rows * late_rules.FACTOR\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import late

    yield late
    for name in ("late", "late_rules"):
        sys.modules.pop(name, None)


def test_what_a_function_imports_when_it_is_called_is_told_when_it_is_saved(late):
    late.double(SAMPLE)  # as in training: the module is there by now
    with pytest.warns(UserWarning, match="imports `late_rules` when it is called") as told:
        item = modelbundle.save("m", late.double, sample=SAMPLE)
    assert told[0].filename == __file__
    assert sys.modules["late"] is late
    code = f"import modelbundle, numpy; modelbundle.load({item.tag!r})(numpy.ones(1))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    assert "No module named 'late_rules'" in done.stderr  # as it was told


def test_the_command_line_tells_it_as_a_warning(late):
    progress = RecordedProgress()
    saving.save_object("m", late.double, SaveOptions(sample=SAMPLE), progress=progress)
    assert any("imports `late_rules`" in text for text in progress.warnings)


@pytest.mark.filterwarnings("error")
def test_nothing_is_told_of_what_travels_or_is_installed():
    import json

    def length(rows):
        import json as installed

        return rows + len(installed.dumps(1))

    modelbundle.save("m", length, sample=SAMPLE)
    assert sys.modules["json"] is json


def test_another_failure_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError):
        absent_code.asked_for(lambda: 1 / 0)
