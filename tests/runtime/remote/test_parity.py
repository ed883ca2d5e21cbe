"""Whether a model is in a thread or in a process of its own: no client can tell."""

import asyncio
import io
from collections import OrderedDict
from datetime import UTC, date, datetime

import numpy as np
import orjson
import pandas as pd
import pytest

from modelbundle.runtime.batching.batcher import Batcher
from modelbundle.runtime.batching.execution.executor import ThreadExecutor
from modelbundle.runtime.batching.policy.window import Limits
from modelbundle.runtime.data.media import CSV, JSON, NPY
from modelbundle.runtime.data.payload import Codec
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.errors import InvalidInput, PredictionFailed, RequestError
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side

from .conftest import Nursery


def array(dtype, *shape, name="input"):
    return Side("array", (Field(name, dtype, (None, *shape), True),))


def fields(layout, **dtypes):
    return Side(layout, tuple(Field(name, dtype, (None,), True) for name, dtype in dtypes.items()))


MATRIX = array("float64", 2)
RECORDS = fields("columns", a="float64", b="str", c="category", d="object", t="datetime64[ns]")
ROWS = [[[1.0, 2.0]], [[3.5, -1.0], [0.0, 1e300]], [[-7.0, 5.0]], [[2.0, 2.0]]]
PEOPLE = [
    [{"a": 1.5, "b": "x", "c": "red", "d": 1, "t": "2024-02-29"}],
    [
        {"a": None, "b": None, "c": "blue", "d": 2, "t": None},
        {"a": 2, "b": "é", "c": None, "d": 3, "t": "1999-12-31T23:59:59"},
    ],
    [{"a": -1, "b": "", "c": 4, "d": 2.5, "t": "2000-01-01"}],
    [{"a": 0, "b": "y", "c": "red", "d": [1, {"k": None}], "t": "2000-01-01"}],
    [{"a": 0, "b": "y", "c": "red", "d": None, "t": "2000-01-01"}],
]
ANYTHING = [[1], ["two", {"a": [None, True]}], [3], [[[]]], [{"deep": {"er": 1.25}}]]


def told(batch):
    """Everything that a model can see of a batch, in words."""
    if isinstance(batch, pd.DataFrame):
        kinds = [
            f"{dtype} {dtype.categories.tolist() if dtype == 'category' else ''}"
            for dtype in batch.dtypes
        ]
        return [f"{list(row)} {kinds}" for row in batch.itertuples(index=False)]
    if isinstance(batch, dict):
        return list(zip(*(told(part) for part in batch.values()), strict=True))
    if isinstance(batch, np.ndarray):
        kind = f"{batch.dtype} {batch.shape[1:]} {batch.flags.c_contiguous} {batch.flags.writeable}"
        return [f"{row!r} {type(row)} {kind}" for row in batch.tolist()]
    return [f"{row!r}" for row in batch]


def nan_where_negative(batch):
    return np.where(batch[:, 0] < 0, np.nan, batch[:, 0])


def some_objects(batch):
    values = ["text", None, 1, 2.5, float("nan"), b"bytes", date(2024, 2, 29), {1: (2,)}, object()]
    return [values[i % len(values)] for i in range(len(batch))]


def raises(error):
    def call(batch):
        raise error

    return call


def refuses_negative(error):
    def call(batch):
        if (batch[:, 0] < 0).any():
            raise error
        return batch.sum(axis=1)

    return call


class Text(str):
    __slots__ = ()


class Odd:
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length


def tensors(batch):
    import torch

    from modelbundle.runtime.frameworks.pytorch.lane import to_arrays

    rows = torch.as_tensor(batch)
    kinds = (torch.float32, torch.bfloat16, torch.float16, torch.int8, torch.bool)
    return to_arrays({"a": tuple(rows.to(kind) for kind in kinds), "b": rows[:, 0]})


RECORD = np.dtype([("name", "U3"), ("size", "f4")])
OUTPUTS = {
    **{
        f"numbers as {dtype}": lambda x, dtype=dtype: (np.abs(x) % 100).astype(dtype)
        for dtype in [
            "f2",
            "f4",
            "f8",
            "i1",
            "i2",
            "i4",
            "i8",
            "u1",
            "u2",
            "u4",
            "u8",
            "?",
            "c8",
            "c16",
            ">f8",
            ">i4",
            "M8[D]",
            "M8[ns]",
            "m8[s]",
            "U5",
            "S5",
        ]
    },
    "long numbers": lambda x: np.zeros((len(x), 2), "g"),  # others have padding of any value
    "one axis": lambda x: x[:, 0],
    "three axes": lambda x: np.stack([x, x * 2], axis=2),
    "not contiguous": lambda x: np.stack([x, x * 2], axis=2)[:, ::-1, 1],
    "reversed": lambda x: x[::-1],
    "Fortran's order": np.asfortranarray,
    "no values at all": lambda x: np.empty((len(x), 0)),
    "the inputs themselves": lambda x: x,
    "a matrix": np.asmatrix,
    "NaN in one row": nan_where_negative,
    "NaN deep in one row": lambda x: np.where(x[:, :, None] < 0, np.inf, x[:, :, None]),
    "NaT": lambda x: np.where(
        x[:, 0] < 0, np.datetime64("NaT", "ms"), np.datetime64("2024-02-29T01:02")
    ),
    "records of numpy": lambda x: np.array([("abc", row[0]) for row in x], RECORD),
    "voids": lambda x: np.zeros(len(x), "V3"),
    "objects": lambda x: np.array(some_objects(x), object),
    "objects in a matrix": lambda x: np.array([[str(v) for v in row] for row in x], object),
    "texts": lambda x: np.array([f'"{row[0]}\\ é\n' for row in x]),
    "texts of numpy": lambda x: np.array([str(row[0]) for row in x], np.dtypes.StringDType()),
    "a list": some_objects,
    "a list of floats": lambda x: [float(row[0]) for row in x],
    "a list of numbers of numpy": lambda x: list(x[:, 0]),
    "a list of arrays": lambda x: [np.arange(i + 1) for i in range(len(x))],
    "a list of arrays with NaN": lambda x: [np.array([1.0, row[0] ** 0.5]) for row in x],
    "a list of dicts": lambda x: [{"sum": row.sum(), "all": row} for row in x],
    "a list of dicts with NaN": lambda x: [
        {"a": 1, "b": [np.nan, v]} for v in nan_where_negative(x)
    ],
    "a list of dicts with odd keys": lambda x: [{1: 1, None: 2, (3,): 4} for _ in x],
    "a list of huge numbers": lambda x: [2**70 if row[0] < 0 else 2**63 for row in x],
    "a list of odd texts": lambda x: ["\ud800" if row[0] < 0 else Text("ok") for row in x],
    "a list of datetimes": lambda x: [datetime(2024, 2, 29, 1, 2, 3, tzinfo=UTC) for _ in x],
    "a list of scalars of numpy": lambda x: [
        np.datetime64("2024", "ns"),
        *[np.bool_(True)] * (len(x) - 1),
    ],
    "tensors of torch": tensors,
    "a tuple": lambda x: (x[:, 0], x.astype("i4"), [str(row) for row in x]),
    "a tuple with NaN": lambda x: (x[:, 0], nan_where_negative(x), some_objects(x)),
    "a dict": lambda x: {"sum": x.sum(axis=1), "texts": np.array(["a"] * len(x), object), 3: x},
    "an ordered dict in a dict": lambda x: {"in": OrderedDict(b=x, a=(x, x)), "out": x},
    "a dict with trouble": lambda x: {"objects": some_objects(x), "nan": nan_where_negative(x)},
    "a dict of nothing": lambda x: {},
    "a DataFrame": lambda x: pd.DataFrame(
        {"x": x[:, 0], "s": ["é"] * len(x), "n": [None] * len(x)}
    ),
    "a DataFrame with numbers for names": pd.DataFrame,
    "a DataFrame with NaN": lambda x: pd.DataFrame(
        {"x": nan_where_negative(x), "s": some_objects(x)}
    ),
    "a DataFrame with one name twice": lambda x: pd.DataFrame(x, columns=["a", "a"]),
    "a DataFrame of pandas' own": lambda x: pd.DataFrame(
        {
            "i": pd.array([1 if row[0] > 0 else None for row in x], "Int64"),
            "b": pd.array([bool(row[0] > 0) for row in x], "boolean"),
            "c": pd.Categorical(["a"] * len(x)),
            "t": pd.to_datetime(["2024-02-29"] * len(x)).tz_localize("UTC"),
        }
    ),
    "a Series": lambda x: pd.Series(x[:, 0]),
    "a Series of texts": lambda x: pd.Series(["a"] * len(x), index=range(5, 5 + len(x))),
    "a Series of categories": lambda x: pd.Series(["a"] * len(x), dtype="category"),
    "too few rows": lambda x: x[1:],
    "too many rows": lambda x: np.concatenate([x, x]),
    "too few dicts": lambda x: [{}] * (len(x) - 1),
    "unequal parts": lambda x: (x, x[1:]),
    "unequal parts of a dict": lambda x: {"a": x, "b": [1]},
    "nothing": lambda x: None,
    "a number": lambda x: 1.5,
    "one value": lambda x: np.float64(3),
    "one value in an array": lambda x: np.array(3),
    "one object in an array": lambda x: np.array({}, object),
    "a text as long as the rows": lambda x: "a" * len(x),
    "a set": lambda x: set(range(len(x))),
    "something with a length": lambda x: Odd(len(x)),
    "a generator": lambda x: (row for row in x),
    "a dict of numbers": lambda x: {"a": 1},
    "ValueError": raises(ValueError("a secret path: /etc/passwd")),
    "an error without words": raises(KeyError()),
    "MemoryError": raises(MemoryError()),
    "out of memory in one row": refuses_negative(RuntimeError("CUDA out of memory")),
    "SystemExit": raises(SystemExit(3)),
    "StopIteration": raises(StopIteration()),
    "one bad row": refuses_negative(ValueError("no")),
    "one row refused": refuses_negative(InvalidInput("instances: nothing below zero.")),
    "one row failed": refuses_negative(PredictionFailed("Not that one.")),
}
INPUTS = {
    "floats": (array("float32", 2), ROWS),
    "one float a row": (array("float64"), [[1], [2.5, None]]),
    "a column": (array("int16", 1), [[[1]], [[2], [3]]]),
    "whole numbers": (array("uint64"), [[1], [2**64 - 1, 0]]),
    "booleans": (array("bool", 2), [[[True, False]], [[False, False]]]),
    "texts": (array("str"), [["a"], ["é\n", None], [""]]),
    "texts in a matrix": (array("str", 2), [[["a", "b"]], [["c", None], ["", "é"]]]),
    "bytes": (array("bytes"), [["AAE="], [{"b64": ""}, "eHl6"]]),
    "bytes in a matrix": (array("bytes", 2), [[["AAE=", ""]], [["eHl6", "AA=="]]]),
    "times": (array("datetime64[s]"), [["2024-02-29"], [None, "2024-02-29T01:02:03+01:00"]]),
    "categories": (array("category"), [["a"], [1, None, 2.5, True]]),
    "objects": (array("object", 2), [[["a", 1]], [[None, 2.5], [True, "é"]]]),
    "dimensions that vary": (array("float64", None), [[[1]], [[1, 2]], [[3], [4]], [[]]]),
    "tensors": (
        Side("tensors", (Field("x", "float32", (None, 2)), Field("y", "int64", (None,)))),
        [[{"x": [1, 2], "y": 3}], [{"x": [1, 2], "y": 3}, {"x": [5, 6], "y": 7}]],
    ),
    "tensors of all kinds": (
        fields("tensors", a="bytes", b="str", c="datetime64[ms]", d="bool", e="float16"),
        [[["AA==", "x", "2024-01-01", True, 0.5]], [["", None, None, False, None]]],
    ),
    "records": (RECORDS, PEOPLE),
    "many columns": (
        fields("columns", **{f"column {i} é": "float64" for i in range(3000)}),
        [[list(range(3000))], [list(range(3000, 0, -1))]],
    ),
    "bytes in columns": (fields("columns", a="bytes", b="bool"), [[["AAE=", True]], [["", False]]]),
    "times with a zone": (
        fields("columns", t="datetime64[ns, Europe/Paris]"),
        [[["2024-02-29"]], [["2024-02-29T01:02:03+01:00"], ["2000-01-01"]]],
    ),
    "anything": (OBJECTS, ANYTHING),
    "not as it should be": (MATRIX, [[[1.0]], [[1.0, "2"]], [[1.0, 2.0]]]),
}


class Both:
    """The same calls in a thread, and in a process of their own."""

    def __init__(self):
        self.calls = {f"in {name}": told for name in INPUTS} | {
            f"out {name}": call for name, call in OUTPUTS.items()
        }
        self.sides = {f"in {name}": side for name, (side, _) in INPUTS.items()}
        self.nursery = Nursery(self.call)
        self.nursery.fork()

    def call(self, method, batch):
        return self.calls[method](table.assemble(self.sides.get(method, MATRIX), batch))

    def answers(self, method, bodies, *, mergeable, null, accept="", together=True):
        """What each body is answered in a thread, and in a process."""
        side = self.sides.get(method, MATRIX)
        codec = Codec(side, nan_as_null=null)

        async def ask(executor):
            batcher = Batcher(executor, table, Limits(mergeable=mergeable))
            await batcher.start()
            if executor is not thread:
                await self.nursery.ready()

            async def one(body):
                try:
                    batch = codec.decode(*body)
                    answer = await batcher.submit(
                        batch, rows=table.rows(batch), key=table.key(side, batch)
                    )
                    return codec.encode(answer, accept)
                except RequestError as error:
                    return type(error), error.status, error.detail, error.retry_after
                except Exception:  # noqa: BLE001 - it is compared
                    return "a 500 without words, and a traceback in the log"

            if together:
                answers = await asyncio.gather(*map(one, bodies))
            else:
                answers = [await one(body) for body in bodies]
            await batcher.stop()
            return answers

        thread = ThreadExecutor(lambda batch: self.call(method, batch), table)
        process = self.nursery.link.executor(method, side)
        return asyncio.run(ask(thread)), asyncio.run(ask(process))


@pytest.fixture(scope="module")
def both():
    """One process for all cases."""
    made = Both()
    yield made
    made.nursery.close()


def as_json(pieces):
    return [(orjson.dumps({"instances": piece}), JSON) for piece in pieces]


@pytest.mark.parametrize("null", [False, True])
@pytest.mark.parametrize("name", OUTPUTS)
def test_whatever_a_model_answers_its_clients_read_the_same(both, name, null):
    """In one batch and alone, as JSON and as npy, merged and as it came; errors too."""
    for more in (
        {"mergeable": True},
        {"mergeable": True, "together": False},
        {"mergeable": False},
        {"mergeable": True, "accept": NPY},
    ):
        thread, process = both.answers(f"out {name}", as_json(ROWS), null=null, **more)
        assert thread == process


@pytest.mark.parametrize("mergeable", [True, False])
@pytest.mark.parametrize("name", INPUTS)
def test_whatever_clients_send_a_model_sees_the_same(both, name, mergeable):
    """Values, dtypes, shapes, and which requests share a call."""
    _, pieces = INPUTS[name]
    thread, process = both.answers(f"in {name}", as_json(pieces), mergeable=mergeable, null=True)
    assert thread == process


def test_npy_and_csv_are_no_different(both):
    """Bodies of other types lead to the same batches."""
    matrix = np.array([[1, 2], [3, 4]], ">i2")
    file = io.BytesIO()
    np.save(file, matrix)
    bodies = [(file.getvalue(), NPY), (b"1,2\n3,4\n", CSV)]
    thread, process = both.answers("in floats", bodies, mergeable=True, null=False)
    assert thread == process
    assert thread[0].body == thread[1].body


def test_a_body_of_no_rows_and_a_batch_of_none(both):
    """Nothing is asked; and a model may be asked for nothing."""
    thread, process = both.answers("in floats", as_json([[]]), mergeable=True, null=False)
    assert thread == process
