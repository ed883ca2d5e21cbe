"""The same bundle served both ways, asked the same over HTTP: the bytes are the same."""

import contextlib
import shutil
from pathlib import Path

import httpx
import numpy as np
import orjson
import pandas as pd
import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side
from modelbundle.runtime.remote.decoder import LARGE

from ..conftest import MATRIX, Servers, Sums, write_bundle, write_model


class Odd(Sums):
    """Answers in many ways; the first number of the first row says which."""

    def predict(self, rows):  # noqa: PLR0911
        import numpy as np
        import pandas as pd

        way = int(rows[0, 0])
        if way == 1:
            return pd.DataFrame({"sum": rows.sum(axis=1), "text": ["é"] * len(rows)})
        if way == 2:
            return [{"row": row, "sum": row.sum()} for row in rows]
        if way == 3:
            return rows[:, 0], [str(value) for value in rows[:, 1]]
        if way == 4:
            return [float("nan") if row[1] < 0 else row[1] for row in rows]
        if way == 5:
            return np.where(rows < 0, np.nan, rows)
        if way == 6:
            return None
        if way == 7:
            raise ValueError("a secret path: /etc/passwd")
        if way == 8:
            return rows[1:]
        if way == 9:
            return [object() if row[1] < 0 else 2**70 if row[1] > 8 else "ok" for row in rows]
        return rows.astype("f2")


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """Two servers of the bundle in a directory, one of each kind."""
    made = Servers(tmp_path_factory.mktemp("servers"))

    def start(bundle):
        return [made.start(bundle, f"--isolation={each}") for each in ("thread", "process")]

    yield start
    made.stop()


@pytest.fixture(scope="module")
def odd(ways, tmp_path_factory):
    directory = tmp_path_factory.mktemp("odd")
    write_model(directory / "models" / "sums", Odd(), inputs=MATRIX)
    return ways(write_bundle(directory))


class Kinds(Sums):
    """Says what each column is."""

    def predict(self, frame):
        return [[str(dtype) for dtype in frame.dtypes]] * len(frame)


@pytest.fixture(scope="module")
def kinds(ways, tmp_path_factory):
    directory = tmp_path_factory.mktemp("kinds")
    side = Side("columns", (Field("x", "object", (None,)),))
    write_model(directory / "models" / "sums", Kinds(), inputs=side)
    return ways(write_bundle(directory))


@pytest.fixture(scope="module")
def pipeline(ways, tmp_path_factory):
    """A pipeline of scikit-learn over columns of all kinds, some of them missing."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    chance = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": chance.normal(40, 9, 200),
            "city": chance.choice(["Rome", "Oslo", "Kyiv"], 200),
            "plan": pd.Categorical(chance.choice(["a", "b"], 200)),
            "visits": chance.integers(0, 9, 200),
        }
    )
    frame.loc[::7, "age"] = np.nan
    frame.loc[::11, "city"] = None
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
            (SimpleImputer(), ["age", "visits"]),
        ),
        RandomForestClassifier(20, random_state=0),
    ).fit(frame, chance.integers(0, 3, 200))
    directory = tmp_path_factory.mktemp("pipeline")
    save(directory / "models", model, frame.head(5))
    route = Route("/predict", "predict_proba", model="clf")
    return ways(write_bundle(directory, models=("clf",), routes=[route]))


def save(models, model, sample):
    """A model directory as a bundle has it."""
    store = Store(models.parent / "store")
    saved = store.directory(modelbundle.save("clf", model, sample=sample, store=store))
    models.mkdir()
    shutil.copytree(saved, models / "clf")
    shutil.rmtree(models.parent / "store")


def answers(servers, rows, **more):
    """What each server says to the same request."""
    said = [server.post(rows, **more) for server in servers]
    return [(each.status_code, each.headers["content-type"], each.content) for each in said]


@pytest.mark.parametrize("accept", ["*/*", "application/x-npy"])
@pytest.mark.parametrize("way", range(11))
def test_answers_and_errors_of_all_kinds(odd, way, accept):
    """One row, several, and several with one that cannot be answered."""
    for rows in ([[way, 2.5]], [[way, 1.0], [1.5, 2.0]], [[way, 1.0], [0.1, -2.0], [7, 9.0]]):
        thread, process = answers(odd, rows, headers={"accept": accept})
        assert thread == process


def test_columns_of_all_kinds(pipeline):
    """Categories, texts, numbers of two kinds, and what is missing."""
    person = {"age": 31.5, "city": "Rome", "plan": "a", "visits": 3}
    odd = [{"age": 40}, {"age": None}, {"city": None}, {"city": "Bonn"}, {"plan": "z"}]
    for rows in ([person], [person | each for each in odd], [person | {"visits": "many"}], [[1]]):
        thread, process = answers(pipeline, rows)
        assert thread == process


def test_a_value_has_the_kind_that_it_has_alone(kinds):
    """Whatever comes in the same moment: a whole number stays one beside others."""
    values = [1, 2.5, "a", True, None, 3, [1], 2**63]
    bodies = [orjson.dumps({"instances": [[value]]}) for value in values]
    raw = b"".join(
        b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    )
    for server in kinds:
        alone = [server.post([[value]]).content for value in values]
        said = server.ask(raw, until=alone[-1])
        assert [said.find(each) > 0 for each in alone] == [True] * len(values)
        assert b"int64" in alone[0]
        assert said.count(alone[0]) == 2


def test_rows_that_share_a_call_and_rows_that_do_not(pipeline, in_threads):
    """64 clients at once get what each gets alone."""
    cities = ["Rome", "Oslo", None, "Bonn"]
    people = [
        [
            {
                "age": 20 + i if i % 3 else None,
                "city": cities[i % 4],
                "plan": "ab"[i % 2],
                "visits": i,
            }
        ]
        for i in range(64)
    ]
    alone = [answers(pipeline, rows) for rows in people[:8]]
    assert all(thread == process for thread, process in alone)
    for server in pipeline:
        together = in_threads(server.post, people)
        assert [each.status_code for each in together] == [200] * 64
        assert [each.content for each in together[:8]] == [said[0][2] for said in alone]


def test_large_bodies_are_read_elsewhere_and_answered_the_same(pipeline, odd):
    """By whatever way they come in; wrong ones are told so in the same words."""
    room = b" " * LARGE
    person = b'{"age": 31.5, "city": "Rome", "plan": "a", "visits": 3}'
    for servers, body in (
        (pipeline, b'{"instances": [%b%b]}' % (person, room)),
        (pipeline, b'{"instances": [%b, %b%b]}' % (person, person.replace(b"3}", b"2.5}"), room)),
        (pipeline, b'{"instances": [%b%b]' % (person, room)),
        (pipeline, b'{"instances": [{"age": true}%b]}' % room),
        (odd, b'{"instances": [[0, 1.5], [2, 3]%b]}' % room),
        (odd, b'{"instances": [[5, -1], [2, 3]%b]}' % room),
    ):
        thread, process = (
            httpx.post(
                f"{each.url}/predict", content=body, timeout=30, trust_env=False, verify=False
            )
            for each in servers
        )
        assert (thread.status_code, thread.content) == (process.status_code, process.content)
    assert "decoder_process" in processes()


def processes():
    """The command lines of this machine's processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_text(errors="replace"))
    return " ".join(lines)
