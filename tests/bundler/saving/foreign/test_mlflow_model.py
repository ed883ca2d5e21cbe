"""MLflow directories: each flavor's own file, its signature, its example and its packages."""

import json
import pickle

import numpy as np
import pytest

from modelbundle.bundler.errors import InvalidSource
from modelbundle.runtime.errors import MissingFramework, NotTrusted
from modelbundle.runtime.manifests.signature import Field, Side

SKLEARN = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}


def predicted(model, records):
    import pandas as pd

    return model.predict(pd.DataFrame(records)).tolist()


def columns(*names):
    return Side("columns", tuple(Field(name, "float64", (None,)) for name in names))


@pytest.fixture
def logged(tmp_path, forms, sklearn_model):
    """A scikit-learn model that was logged with everything."""
    return forms.mlflow(
        tmp_path / "logged",
        {"sklearn": SKLEARN},
        {"model.pkl": pickle.dumps(sklearn_model)},
        outputs=json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]),
        example={"columns": forms.NAMES, "data": forms.ROWS[:2].tolist()},
        requirements="mlflow==3.17.2\nscikit-learn==1.9.1\ncloudpickle==3.1.2  # a remark\npandas\n",
    )


def test_a_pickle_is_not_opened_and_its_signature_is_mlflows(logged, take):
    taken = take(logged)
    told = taken.manifest
    assert taken.item.executes_code
    assert not taken.store.trust.is_trusted(taken.item.digest)
    assert dict(told.packages) == {"scikit-learn": "1.9.1", "cloudpickle": "3.1.2"}
    assert told.python == "3.10.4"
    assert told.methods["predict"].inputs == columns("a", "b", "c")
    assert told.methods["predict"].outputs.fields[0].dtype == "int64"
    assert told.samples == {}
    assert told.metadata == {"mlflow": {"flavor": "sklearn", "version": "3.17.2"}}
    assert any("`pandas`" in said for said in taken.said)
    assert any("not opened" in said for said in taken.said)


def test_with_trust_the_example_is_recorded_and_the_answers_are_the_librarys(
    logged, take, forms, sklearn_model
):
    taken = take(logged, trust=True)
    rows = [dict(zip(forms.NAMES, row, strict=True)) for row in forms.ROWS[:9].tolist()]
    assert taken.answer(rows) == predicted(sklearn_model, rows)
    assert "predict" in taken.manifest.samples
    assert {"predict", "predict_proba"} <= set(taken.manifest.methods)


def test_the_same_model_logged_twice_is_one_model(tmp_path, forms, take, sklearn_model):
    digests = set()
    for number in range(2):
        directory = forms.mlflow(
            tmp_path / str(number), {"sklearn": SKLEARN}, {"model.pkl": pickle.dumps(sklearn_model)}
        )
        digests.add(take(directory).item.digest)
    assert len(digests) == 1


def test_a_predict_fn_is_the_method(tmp_path, forms, take, sklearn_model):
    flavors = {"sklearn": SKLEARN, "python_function": {"predict_fn": "predict_proba"}}
    source = forms.mlflow(tmp_path / "m", flavors, {"model.pkl": pickle.dumps(sklearn_model)})
    assert list(take(source).manifest.methods) == ["predict_proba"]


def test_an_xgboost_wrapper_answers_as_itself_and_not_as_its_booster(
    tmp_path, forms, take, boosted
):
    model, data = boosted
    source = forms.mlflow(
        tmp_path / "m",
        {"xgboost": {"data": "model.ubj", "model_class": "xgboost.sklearn.XGBClassifier"}},
        {"model.ubj": data},
        inputs=json.dumps(
            [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]
        ),
        example=forms.ROWS[:2].tolist(),
    )
    taken = take(source)
    assert not taken.item.executes_code
    assert taken.answer(forms.ROWS[:9].tolist()) == model.predict(forms.ROWS[:9]).tolist()
    assert set(taken.manifest.samples) == {"predict", "predict_proba"}


def test_a_lightgbm_booster(tmp_path, forms, take):
    import lightgbm

    data = lightgbm.Dataset(forms.ROWS, forms.CODES)
    booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}, data, 2)
    source = forms.mlflow(
        tmp_path / "m",
        {"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}},
        {"model.lgb": booster.model_to_string()},
        inputs=None,
        example=forms.ROWS[:2].tolist(),
    )
    assert np.allclose(
        take(source).answer(forms.ROWS[:5].tolist()), booster.predict(forms.ROWS[:5])
    )


def test_a_pickled_module_brings_its_own_source(tmp_path, forms, take, net):
    rows, answers, files = net
    flavor = {"model_data": "data", "code": "code"}
    source = forms.mlflow(
        tmp_path / "m",
        {"pytorch": flavor},
        {"data/model.pth": files["whole"], "code/carried_net.py": forms.NET},
        inputs=forms.MATRIX,
        example=rows,
        requirements="torch==2.13.0+cpu\n",
    )
    untrusted = take(source)
    assert untrusted.manifest.code == ("code/carried_net.py",)
    assert dict(untrusted.manifest.packages) == {"torch": "2.13.0"}
    assert "carried_net.Net" in untrusted.manifest.globals["model.pt"]
    assert np.allclose(take(source, trust=True).answer(rows), answers)


def test_torchscript_is_a_program_and_needs_trust(tmp_path, forms, take, net):
    rows, answers, files = net
    source = forms.mlflow(
        tmp_path / "m",
        {"pytorch": {"model_data": "data", "code": None}},
        {"data/model.pth": files["script"]},
        inputs=forms.MATRIX,
    )
    assert take(source).item.executes_code
    assert np.allclose(take(source, trust=True).answer(rows), answers)


def test_onnx_with_its_weights_beside_it(tmp_path, forms, take):
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((3, 2), "float32"), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [weights],
    )
    home = tmp_path / "onnx"
    home.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save_model(
        model, home / "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    files = {f"data/{name}": (home / name).read_bytes() for name in ("model.onnx", "w.bin")}
    source = forms.mlflow(tmp_path / "m", {"onnx": {"data": "data"}}, files, inputs=None)
    taken = take(source)
    assert taken.answer([[1.0, 2.0, 3.0]]) == [[6.0, 6.0]]


def test_skops_files_are_known_with_their_types(tmp_path, forms, take, sklearn_model):
    import skops.io

    flavor = {"pickled_model": "model.skops", "serialization_format": "skops"}
    source = forms.mlflow(
        tmp_path / "m", {"sklearn": flavor}, {"model.skops": skops.io.dumps(sklearn_model)}
    )
    taken = take(source, trust=True)
    assert taken.manifest.format == "skops"
    names = taken.manifest.globals["model.skops"]
    assert "sklearn.linear_model._logistic.LogisticRegression" in names
    rows = [dict(zip(forms.NAMES, row, strict=True)) for row in forms.ROWS[:9].tolist()]
    assert taken.answer(rows) == predicted(sklearn_model, rows)


@pytest.fixture
def custom(tmp_path, forms, canary):
    """A model that only MLflow can load."""
    flavor = {
        "loader_module": "mlflow.pyfunc.model",
        "python_model": "python_model.pkl",
        "artifacts": {"k": {"path": "artifacts/k.txt"}},
    }
    files = {"python_model.pkl": canary, "artifacts/k.txt": "2.5", "code/own.py": "k = 1\n"}
    return forms.mlflow(
        tmp_path / "custom",
        {"python_function": flavor},
        files,
        requirements="mlflow==3.17.2\nnumpy==2.4.6\n",
    )


def test_a_python_function_is_kept_whole_for_mlflow(custom, take):
    taken = take(custom)
    told = taken.manifest
    assert (told.framework, told.format) == ("mlflow", "pyfunc")
    assert taken.item.executes_code
    assert dict(told.packages) == {"mlflow": "3.17.2", "numpy": "2.4.6"}
    assert told.globals["mlflow/python_model.pkl"] == ("posix.mkdir",)
    assert (taken.directory / "mlflow" / "artifacts" / "k.txt").read_text() == "2.5"
    assert told.methods["predict"].inputs == columns("a", "b", "c")
    assert not told.methods["predict"].batchable


@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_a_python_function_asks_for_mlflow_and_for_all_pickles(custom, take):
    from modelbundle.runtime.frameworks.mlflow import Mlflow
    from modelbundle.runtime.pickles.policy import Policy

    directory = take(custom).directory
    try:
        import mlflow  # noqa: F401
    except ImportError:
        with pytest.raises(MissingFramework, match="`mlflow`"):
            Mlflow().load(directory, "pyfunc", {}, "cpu", Policy())
    else:
        with pytest.raises(NotTrusted, match="no list of globals"):
            Mlflow().load(directory, "pyfunc", {}, "cpu", Policy("allow-listed"))


@pytest.mark.parametrize(
    ("flavors", "message"),
    [
        ({"sklearn": {"pickled_model": "../model.pkl"}}, "outside of itself"),
        ({"sklearn": {"pickled_model": "/etc/passwd"}}, "outside of itself"),
        ({"sklearn": {"pickled_model": "a/../../model.pkl"}}, "outside of itself"),
        ({"sklearn": {"pickled_model": "."}}, "outside of itself"),
        ({"sklearn": {"pickled_model": ["model.pkl"]}}, "outside of itself"),
        ({"sklearn": {"pickled_model": "link.pkl"}}, "a link out of it"),
        ({"sklearn": {"pickled_model": "gone.pkl"}}, "which it lacks"),
        ({"sklearn": {"pickled_model": "x\x1b[2J"}}, r"\\x1b"),
        ({"sklearn": {}}, "outside of itself"),
        ({"sklearn": "text"}, "no flavors"),
        ({"sklearn": {"pickled_model": "text.txt"}}, "not a model file"),
        ({"pytorch": {"model_data": "text.txt", "code": "../.."}}, "not a model file"),
        ({"xgboost": {"data": "model.xgb"}}, "not a model file"),
    ],
)
def test_tricks_with_paths_are_refused(tmp_path, forms, take, flavors, message):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(1))
    files = {"text.txt": "hello", "model.xgb": b"binf\0\0\0"}
    source = forms.mlflow(tmp_path / "m", flavors, files)
    (source / "link.pkl").symlink_to(tmp_path / "model.pkl")
    with pytest.raises(InvalidSource, match=message) as caught:
        take(source)
    assert "\x1b" not in str(caught.value)
    assert take.store.items("model") == []


@pytest.mark.parametrize(
    "text",
    [
        "flavors: !!python/object/apply:os.mkdir [sang]\n",
        "!!python/object/new:os.system [echo]\n",
        "flavors: &a [*a]\n",
        "flavors: {a: 1, a: 2}\n",
        "flavors: [\n",
        "--- {}\n--- {}\n",
        "flavors: " + "[" * 4000,
        "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(20)
        ),
        "\xff\xfe",
        "x: " + "y" * (5 << 20),
        "42",
        "",
    ],
)  # fmt: skip
def test_an_mlmodel_is_plain_data_or_refused(tmp_path, take, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidSource, match="MLmodel"):
        take(tmp_path / "m")
    assert not (tmp_path / "sang").exists()


def test_an_example_that_does_not_fit_is_left_out_and_said(tmp_path, forms, take, boosted):
    source = forms.mlflow(
        tmp_path / "m",
        {"xgboost": {"data": "model.ubj", "model_class": "xgboost.core.Booster"}},
        {"model.ubj": boosted[1]},
        inputs=None,
        example=[[1.0, 2.0, 3.0, 4.0, 5.0]],
    )
    taken = take(source)
    assert taken.manifest.samples == {}
    assert any("example is left out" in said for said in taken.said)


def test_a_flavor_that_nobody_reads_is_named(tmp_path, take):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text("flavors: {prophet: {data: x}}")
    with pytest.raises(InvalidSource, match="prophet") as caught:
        take(tmp_path / "m")
    assert "python_function" in caught.value.hint
