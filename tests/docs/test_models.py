"""README.md and docs/models.md: a pipeline is saved, shown, served and asked as they say."""

import re
from contextlib import ExitStack

import numpy as np
import pytest

import modelbundle

from ..test_examples import CURRENT, Terminal, story

TRAIN = """
import pandas
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

frame = pandas.DataFrame({"age": [41.0, 22.5, 60.0, 35.0], "city": ["Oslo", "Bergen"] * 2})
kinds = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
pipeline = make_pipeline(kinds, LogisticRegression()).fit(frame, ["stays", "leaves"] * 2)
"""


def python(page):
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.fixture(scope="module")
def told(checkout):
    return {name: (checkout / name).read_text() for name in ("README.md", "docs/models.md")}


@pytest.fixture(scope="module")
def trained():
    """What is in train.py."""
    space = {}
    exec(TRAIN, space)
    return space


@pytest.fixture(scope="module")
def reader(tmp_path_factory, told, trained):
    """Who has saved the pipeline, in Python as both pages have it."""
    project = tmp_path_factory.mktemp("churn")
    (project / "train.py").write_text(TRAIN)
    (project / "rows.csv").write_text("age,city\n41,Oslo\n22.5,Bergen\n")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as closing:
        patch.setenv("BUNDLE_HOME", str(project / "store"))
        exec(python(told["docs/models.md"])[0], trained)
        exec(python(told["README.md"])[0], trained)
        yield Terminal(project, project / "store", closing)


def test_what_is_saved_is_listed_as_the_page_shows(told, reader):
    saved = reader.run("bundle", "save", "churn", "train:pipeline", "--sample", "rows.csv")
    assert re.fullmatch(r"Saved `churn:\w{12}` \(sklearn, [\d.]+ kB\)\.\n", saved)
    (shown,) = (
        text
        for command, text in story(told["docs/models.md"])
        if command == ["bundle", "show", "model:churn"]
    )
    about = reader.run("bundle", "show", "model:churn").splitlines()
    for line in shown.splitlines()[1:]:
        assert line in about or line == "  ..." or "packages:" in line, (line, about)
    assert len(shown.splitlines()) > 6


def test_the_server_of_the_pages_answers_as_they_show(told, reader, trained):
    reader.serve(["model:churn", *CURRENT])
    asked = [
        (command, answer)
        for page in told.values()
        for command, answer in story(page)
        if command[:2] == ["curl", "localhost:8080/predict"]
    ]
    assert len(asked) == 2
    for (_, _, *rest), answer in asked:
        assert reader.curl(["/predict", *rest]) == answer
    exec(python(told["README.md"])[1].replace("http://localhost:8080", reader.url), trained)
    assert trained["labels"].tolist() == ["stays", "leaves", "stays", "leaves"]


def test_a_signature_of_ones_own_is_saved(told, tmp_path, monkeypatch):
    monkeypatch.setenv("BUNDLE_HOME", str(tmp_path))
    space = {"modelbundle": modelbundle, "model": np.negative, "rows": np.ones((2, 3))}
    exec(python(told["docs/models.md"])[1], space)
    assert np.array_equal(modelbundle.load("m")([[1]]), [[-1]])
