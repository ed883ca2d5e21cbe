"""SOURCE: what can be imported, and what is said when it cannot."""

import os
import pickle
import sys
from pathlib import Path

import pytest

from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving import model_source
from modelbundle.runtime.pickles import scanning


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_attribute_of_a_module_in_the_current_directory_is_imported(here):
    (here / "source_one.py").write_text("class Box:\n    model = 7\n")
    assert model_source.import_object("source_one:Box.model") == 7


def test_a_package_under_src_is_imported_from_the_root_of_the_project(here):
    package = here / "src" / "source_five" / "deep"
    package.mkdir(parents=True)
    (package / "train.py").write_text("from ..part import model\n")
    (package.parent / "part.py").write_text("model = 7\n")
    before = list(sys.path)
    assert model_source.import_object("source_five.deep.train:model") == 7
    assert sys.path == before


def test_a_module_may_set_the_path_as_it_likes(here, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = f"import sys\nsys.path.remove({str(here)!r})\nmodel = 7\n"
    (here / "source_seven.py").write_text(text)
    assert model_source.import_object("source_seven:model") == 7


def test_what_a_library_says_of_its_absent_part_is_one_sentence(here):
    (here / "source_six.py").write_text("raise ImportError('frames require pandas.')\n")
    with pytest.raises(InvalidSource) as told:
        model_source.import_object("source_six:model")
    assert str(told.value) == "Importing `source_six` failed: frames require pandas."


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("absent:model", "no module `absent`", "leave out `.py`"),
        ("source_tow:model", "no module `source_tow`", "Did you mean `source_two`?"),
        ("source_two:modle", "has no attribute `modle`", "Did you mean `model`"),
        ("source_two", "neither a file nor", "train:model"),
        ("source_two:", "neither a file nor", "train:model"),
        ("source_three:model", "No module named 'surely_not_there'", "-m pip install"),
        ("source_two:net", "has no attribute `net`", "There is `source_two:model`."),
        ("source_four:model", "ZeroDivisionError", None),
        ("source_eight:model", "cannot open shared object", "system that has `libnowhere.so.1`"),
        ("absent.part:model", "no module `absent.part`", "leave out `.py`"),
    ],
)
def test_each_thing_that_can_be_wrong_is_told_apart(here, text, message, hint):
    (here / "source_two.py").write_text("model = 7\n")
    (here / "source_three.py").write_text("import surely_not_there\n")
    (here / "source_four.py").write_text("1 / 0\n")
    (here / "source_eight.py").write_text("import ctypes\nctypes.CDLL('libnowhere.so.1')\n")
    with pytest.raises(InvalidSource, match=message) as caught:
        model_source.import_object(text)
    assert caught.value.hint is None if hint is None else hint in caught.value.hint


def test_a_pipe_is_no_file_that_is_missing(here):
    os.mkfifo(here / "pipe")

    with pytest.raises(InvalidSource, match="`pipe` is a pipe, a socket or a device") as caught:
        model_source.recognize(Path("pipe"), Path)
    assert "Write what comes out of it to a file" in caught.value.hint


def test_a_file_that_is_not_there_is_named(here):
    with pytest.raises(InvalidSource, match=r"no file `gone\.pkl`"):
        model_source.recognize(Path("gone.pkl"), Path)
    (here / "model.pkl").write_bytes(b"")
    for typed, hint in {"modle.pkl": "Did you mean `model.pkl`?", "no/model.pkl": "`no`"}.items():
        with pytest.raises(InvalidSource) as caught:
            model_source.recognize(Path(typed), Path)
        assert hint in caught.value.hint


def test_a_pickle_is_looked_at_once_however_many_adapters_ask(here, monkeypatch):
    """A scan of a long pickle takes seconds, and eight adapters ask."""
    looks = []
    real = scanning._scan_file
    monkeypatch.setattr(scanning, "_scan_file", lambda *given: looks.append(1) or real(*given))
    path = here / "model.pkl"
    path.write_bytes(pickle.dumps({"a": 1}))

    found = model_source.recognize(path, lambda: here)

    assert (found.framework.name, found.format) == ("generic", "pickle")
    assert len(looks) == 1
    path.write_bytes(b"no model")
    with pytest.raises(InvalidSource):
        model_source.recognize(path, lambda: here)
