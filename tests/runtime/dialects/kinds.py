"""A bundle whose models take and give every datatype of the Open Inference Protocol."""

import numpy as np

from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side

from ..conftest import Sums, write_bundle, write_model
from .zoo import PEOPLE, TEXT, People, Shout

NUMBERS = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
EVERY = Side(
    "tensors",
    (
        *(Field(name, dtype, (None, 2)) for name, dtype in NUMBERS.items()),
        Field("TEXT", "str", (None, 2)),
        Field("BYTES", "bytes", (None, 2)),
    ),
)


class Every:
    """Gives back what it gets."""

    def predict(self, batch):
        return dict(batch)


class Spread:
    """As many values as there are columns, each doubled; a NaN for what is negative."""

    def predict(self, rows):
        return np.where(rows < 0, np.nan, 2 * rows)


FREE = Side("array", (Field("values", "float32", (None, None)),))
MODELS = {
    "sums": (Sums(), None, None, [[1.0, 2.0], [3.0, 4.0]]),
    "every": (Every(), EVERY, EVERY, ()),
    "spread": (Spread(), FREE, Side("array", (Field("doubled", "float32", (None, None)),)), ()),
    "people": (People(), PEOPLE, Side("objects"), ()),
    "shout": (Shout(), TEXT, Side("objects"), ()),
}
PAIRS = Side("array", (Field("pair", "bytes", (None, 2)),))
MORE = {"pairs": (Every(), PAIRS, PAIRS, ())}  # for whoever names it


def make_kinds(directory, *, models=tuple(MODELS), **serve):
    """The bundle, of these models; `serve` are its settings."""
    for name in models:
        model, inputs, outputs, sample = (MODELS | MORE)[name]
        sides = {} if inputs is None else {"inputs": inputs, "outputs": outputs}
        write_model(directory / "models" / name, model, sample=sample, **sides)
    routes = [Route("/predict", "predict", model=models[0])]
    return write_bundle(directory, models=models, routes=routes, serve=serve)
