"""Signatures: what a sample's own types become on the wire, and that the model gets them back."""

import enum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer

import modelbundle
from modelbundle.bundler.errors import SampleMismatch, UnsupportedModel
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.codecs import csv_rows
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.random.default_rng(0).normal(size=(40, 3))


def saved(model, sample, **options):
    item = modelbundle.save("m", model, sample=sample, **options)
    return LoadedModel.load(Store.default().directory(item))


def answer(loaded, instances, method=None):
    method = method or loaded.manifest.default_method
    batch = table.collate(loaded.manifest.methods[method].inputs, instances)
    return table.to_instances(loaded.call(method, batch))


def inputs(loaded):
    side = loaded.manifest.methods[loaded.manifest.default_method].inputs
    return {field.name: field.dtype for field in side.fields}


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (pd.array([1, 2, 3, 4], "Int64"), "int64"),
        (pd.array([1, None, 3, 4], "Int64"), "float64"),
        (pd.array([1.5, None, 3, 4], "Float64"), "float64"),
        (pd.array([True, False, True, True], "boolean"), "bool"),
        (pd.array([1, 2, 3, 4], "int32[pyarrow]"), "int32"),
        (pd.Categorical([3, 1, 3, 2]), "category[int64]"),
        (pd.Categorical(["3", "1", "3", "2"]), "category"),
    ],
)
def test_a_columns_own_dtype_is_one_of_the_wire(column, dtype):
    loaded = saved(lambda frame: [str(value) for value in frame["x"]], pd.DataFrame({"x": column}))
    assert inputs(loaded) == {"x": dtype}


def test_numbers_that_are_categories_are_numbers_in_csv_as_well():
    frame = pd.DataFrame({"kind": pd.Categorical([1, 2, 3, 4] * 10), "x": ROWS[:, 0]})
    target = frame["kind"].astype(float) * 10
    model = HistGradientBoostingRegressor(
        max_iter=5, min_samples_leaf=2, categorical_features="from_dtype"
    ).fit(frame, target)
    loaded = saved(model, frame.head(4))
    side = loaded.manifest.methods["predict"].inputs
    body = frame.head(4).to_csv(index=False).encode()
    got = answer(loaded, csv_rows.loads(body, side))
    assert got == pytest.approx(model.predict(frame.head(4)).tolist())


def test_a_table_for_a_model_that_was_fitted_on_a_matrix_is_one_of_records():
    model = Ridge().fit(ROWS, ROWS[:, 0])
    loaded = saved(model, pd.DataFrame(ROWS[:3], columns=[0, 1, 2]))
    assert inputs(loaded) == dict.fromkeys("012", "float64")
    assert answer(loaded, [{"0": 1.0, "1": 2.0, "2": 3.0}]) == pytest.approx(
        model.predict([[1.0, 2.0, 3.0]]).tolist()
    )


def test_a_model_that_takes_no_table_gets_the_matrix_of_one():
    class Raw(BaseEstimator):
        def fit(self, rows):
            self.n_features_in_ = rows.shape[1]
            return self

        def predict(self, rows):
            return rows[:, 0]

    loaded = saved(Raw().fit(ROWS), pd.DataFrame(ROWS[:3], columns=list("abc")))
    assert answer(loaded, [[7.0, 1.0, 2.0]]) == [7.0]


def test_columns_that_are_called_by_numbers_are_not_taken_for_rows():
    frame = pd.DataFrame(ROWS)
    model = FunctionTransformer(lambda table: table[[2]] * 2).fit(frame)
    with pytest.raises(SampleMismatch, match="fails on the sample"):
        saved(model, frame.head(4))


def test_tokens_and_sets_of_labels_are_rows_of_any_length():
    rows = [["a", "b"], ["c"], ["a", "c", "b"], ["b"]]
    bags = make_pipeline(CountVectorizer(analyzer=lambda row: row), LogisticRegression())
    bags.fit(rows, [0, 1, 0, 1])
    assert (
        answer(saved(bags, rows), [["a", "a"], ["c"]]) == bags.predict([["a", "a"], ["c"]]).tolist()
    )
    labels = MultiLabelBinarizer().fit(rows)
    assert answer(saved(labels, rows), [["a"], ["b", "c"]]) == [[1, 0, 0], [0, 1, 1]]


def test_an_estimators_list_of_records_is_one_of_rows():
    class Words(BaseEstimator):
        def predict(self, rows):
            return [{"score": float(row[0])} for row in rows]

    assert answer(saved(Words(), ROWS[:3]), [[1.0, 2.0, 3.0]]) == [{"score": 1.0}]


def test_an_estimators_list_of_arrays_means_the_same_in_any_batch():
    class Doubles(BaseEstimator):
        def predict(self, rows):
            return [2 * row for row in np.asarray(rows)]

    loaded = saved(Doubles(), ROWS[:3])
    rows = ROWS[:4].tolist()
    assert [answer(loaded, rows[:count]) for count in (1, 3, 4)] == [
        (2 * ROWS[:count]).tolist() for count in (1, 3, 4)
    ]


def test_the_probabilities_of_several_outputs_are_one_for_each_in_any_batch():
    labels = (ROWS[:, :2] > 0).astype(int)
    model = RandomForestClassifier(3, random_state=0).fit(ROWS, labels)
    loaded = saved(model, ROWS[:3])
    for count in (1, 2, 4):
        said = answer(loaded, ROWS[:count].tolist(), "predict_proba")
        assert [len(row) for row in said] == [2] * count


@pytest.mark.parametrize(
    "rows",
    [
        pd.DataFrame({"t": pd.to_timedelta([1, 2], "s")}),
        pd.DataFrame({"t": np.array([1, 2], "m8[ns]")}),
    ],
)
def test_what_no_request_can_bring_is_refused(rows):
    with pytest.raises(SampleMismatch, match="No request can bring rows like those of the sample"):
        saved(lambda batch: [1] * len(batch), rows)


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@pytest.mark.parametrize(
    ("value", "plain"),
    [(Color.RED, "red"), (Level.LOW, 1), (np.longdouble(1.5), 1.5), (np.str_("a"), "a")],
)
def test_values_of_other_types_are_what_they_stand_for(value, plain):
    assert answer(saved(lambda rows: [value] * len(rows), ROWS[:2]), [[1.0, 2.0, 3.0]]) == [plain]


def test_whole_numbers_beyond_64_bits_are_answers_and_not_samples():
    loaded = saved(lambda rows: [2**70] * len(rows), ROWS[:2])
    assert answer(loaded, ROWS[:2].tolist()) == [2**70, 2**70]
    with pytest.raises(SampleMismatch, match="expected a whole number of up to 64 bits"):
        saved(lambda rows: [1] * len(rows), [2**70, 1])


def test_more_bits_than_json_has_are_left_out():
    loaded = saved(lambda rows: rows.astype("longdouble"), ROWS[:2])
    assert answer(loaded, [[1.0, 2.0, 3.5]]) == [[1.0, 2.0, 3.5]]


def test_what_is_masked_is_missing():
    loaded = saved(lambda rows: np.ma.masked_less(rows.astype("int64"), 2), np.full((2, 2), 3.0))
    side = loaded.manifest.methods["predict"].inputs
    got = loaded.call("predict", table.collate(side, [[1.0, 5.0]]))
    assert table.to_instances(got, nan_as_null=True) == [[None, 5]]


def test_a_table_of_polars_is_one_of_columns():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": [1.5, 2.5], "s": ["a", "b"]})
    loaded = saved(lambda table: polars.from_dict(table.to_dict("list")), frame)
    assert answer(loaded, [{"x": 3.5, "s": "c"}]) == [{"x": 3.5, "s": "c"}]


class Pair(NamedTuple):
    """What a model says."""

    logits: Any
    score: Any


class Named(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, rows):
        logits = self.layer(rows)
        return Pair(logits, logits.sum(1))


@pytest.mark.parametrize("model", [Named(), lambda rows: Pair(rows, rows[:, 0])])
def test_the_fields_of_a_namedtuple_are_the_outputs(model):
    loaded = saved(model, ROWS[:2].astype("float32"))
    assert set(answer(loaded, [[1.0, 2.0, 3.0]])[0]) == {"logits", "score"}


class ByGet(dict):
    """Has None for each attribute that is no key of it."""

    __getattr__ = dict.get


class ByItem(dict):
    """Raises what a dict does for an attribute that is no key of it."""

    __getattr__ = dict.__getitem__


@pytest.mark.parametrize("kind", [ByGet, ByItem])
def test_a_dict_whose_keys_are_attributes_is_one_of_outputs(kind):
    class Net(Named):
        def forward(self, rows):
            return kind(logits=self.layer(rows), last=rows)

    for model in (Net(), lambda rows: kind(logits=rows, last=rows)):
        loaded = saved(model, ROWS[:2].astype("float32"))
        assert set(answer(loaded, [[1.0, 2.0, 3.0]])[0]) == {"logits", "last"}


class Sum(torch.nn.Module):
    def forward(self, left, right):
        return left + 2 * right


@pytest.mark.parametrize("by_name", [(), ("right",), ("left", "right")])
def test_an_exported_program_gets_its_inputs_as_it_was_exported(by_name):
    rows = torch.from_numpy(ROWS[:4])
    more = rows + 1
    given = [rows] if by_name == ("right",) else [] if by_name else [rows, more]
    program = torch.export.export(
        Sum(), tuple(given), {name: {"left": rows, "right": more}[name] for name in by_name}
    )
    loaded = saved(program, (ROWS[:4], ROWS[:4] + 1))
    asked = [{"left": [1.0] * 3, "right": [2.0] * 3}] * 4
    assert answer(loaded, asked) == [[5.0] * 3] * 4


def test_a_model_that_its_library_does_not_take_is_refused():
    from onnx import TensorProto, helper

    rows = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])]
    node = helper.make_node("NoSuchOperator", ["x"], ["x"], domain="nobody")
    graph = helper.make_graph([node], "g", rows, rows)
    with pytest.raises(UnsupportedModel, match="onnx model cannot be used here"):
        saved(helper.make_model(graph), np.ones(2, "float32"))
