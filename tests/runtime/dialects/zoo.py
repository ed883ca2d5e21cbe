"""One bundle with a model of each layout, for whoever speaks a dialect to it."""

import dataclasses
from contextlib import contextmanager

import numpy as np

from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side, Signature

from ..conftest import MATRIX, VECTOR, Servers, Sums, write_bundle, write_model

PEOPLE = Side("columns", (Field("age", "float64", (None,)), Field("city", "str", (None,))))
PAIR = Side("tensors", (Field("a", "float32", (None, 2)), Field("n", "int64", (None,))))
TWO = Side("tensors", (Field("total", "float32", (None,)), Field("note_bytes", "str", (None,))))
TEXT = Side("array", (Field("text", "str", (None,)),))
BLOB = Side("array", (Field("blob", "bytes", (None,)),))
WHOLE = Side("array", (Field("size", "int64", (None,)),))
SCORES = Side("array", (Field("scores", "float64", (None, 2)),))


class People:
    """Says where each person lives."""

    def predict(self, frame):
        return [f"{city} {age:g}" for age, city in zip(frame["age"], frame["city"], strict=True)]


class Pair:
    """Two outputs of two inputs."""

    def predict(self, batch):
        total = batch["a"].sum(axis=1) + batch["n"]
        return {"total": total, "note_bytes": np.array([f"n{n}" for n in batch["n"]])}


class Shout:
    """Text in, text out."""

    def predict(self, rows):
        return [str(row).upper() for row in rows]


class Weigh:
    """Bytes in, their number out."""

    def predict(self, rows):
        return np.array([len(row) for row in rows.reshape(-1)])


class Scores(Sums):
    """A classifier, with an explanation."""

    def predict_proba(self, rows):
        share = rows[:, 0] / (rows.sum(axis=1) + 1e-9)
        return np.stack([share, 1 - share], axis=1)

    def explain(self, rows):
        return [{"because": float(row[0])} for row in rows]


class Things:
    """Any JSON."""

    def predict(self, rows):
        return [{"got": row} for row in rows]


MODELS = {
    "sums": (Sums(), MATRIX, VECTOR, [[1.0, 2.0], [3.0, 4.0]]),
    "people": (People(), PEOPLE, Side("objects"), ()),
    "pair": (Pair(), PAIR, TWO, ()),
    "shout": (Shout(), TEXT, Side("objects"), ()),
    "weigh": (Weigh(), BLOB, WHOLE, ()),
    "things": (Things(), Side("objects"), Side("objects"), ()),
}


def make_zoo(directory, **serve):
    """The bundle; `serve` are its settings."""
    for name, (model, inputs, outputs, sample) in MODELS.items():
        where = directory / "models" / name
        write_model(where, model, inputs=inputs, outputs=outputs, sample=sample)
    path = directory / "models" / "scores"
    write_model(path, Scores())
    _with_methods(path)
    names = (*MODELS, "scores")
    routes = [Route("/predict", "predict", model="sums")]
    return write_bundle(directory, models=names, routes=routes, serve=serve)


def _with_methods(path):
    """Let the saved classifier have two methods more."""
    manifest = ModelManifest.read(path)
    methods = {
        "predict": Signature(MATRIX, VECTOR),
        "predict_proba": Signature(MATRIX, SCORES),
        "explain": Signature(MATRIX, Side("objects")),
    }
    made = dataclasses.replace(manifest, methods=methods)
    (path / "model.json").write_bytes(made.encode())


@contextmanager
def zoo_server(tmp_path_factory, *dialects, env=None, **serve):
    """A server of the zoo that speaks `dialects`; none of our own code may fail in it."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    serve = {"workers": 1, "dialects": ["native", *dialects]} | serve
    running = started.start(make_zoo(tmp_path_factory.mktemp("zoo"), **serve), env=env)
    try:
        yield running
    finally:
        started.stop()
    assert "/runtime/dialects/" not in running.log()  # in no traceback
