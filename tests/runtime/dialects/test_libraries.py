"""Models of real libraries, asked in every dialect at once: the answers are those of the library."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import modelbundle

from ..conftest import free_port, is_ready

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [6.9, 3.1, 5.4, 2.1]], np.float32)
PROJECT = """
name: zoo
models: [{names}]
serve:
  workers: 1
  dialects: [native, v2, v1, torchserve, seldon, sagemaker, vertex]
"""


def sklearn_model(rows, kinds):
    """A classifier, whose `predict_proba` is served, too."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500).fit(rows, kinds)


def named_model(rows, kinds):
    """A pipeline whose classes have names, one of them with what separates a name from a score."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names = np.array(["it's a: setosa", "versicolor", "virginica"])[kinds]
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(rows, names)


def xgboost_model(rows, kinds):
    """A regression."""
    import xgboost

    return xgboost.XGBRegressor(n_estimators=3).fit(rows, kinds)


def torch_model(*_):
    """A linear layer."""
    import torch

    torch.manual_seed(0)
    return torch.nn.Linear(4, 1).eval()


def onnx_model(*_):
    """A graph that adds up."""
    from onnx import TensorProto, helper

    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", [None, 4]), ("y", [None, 4]))
    ]
    node = helper.make_node("Add", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "double", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


MAKERS = {
    "sklearn": sklearn_model,
    "xgboost": xgboost_model,
    "torch": torch_model,
    "onnx": onnx_model,
}


class Here:
    """A server process, as `is_ready` knows it."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path):
        return httpx.get(f"{self.url}{path}", timeout=60, trust_env=False)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """A server of all of them, and what each answers by itself."""
    from sklearn.datasets import load_iris

    home, project = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("project")
    rows, kinds = load_iris(return_X_y=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUNDLE_HOME", str(home))
        for name, make in (*MAKERS.items(), ("named", named_model)):
            modelbundle.save(name, make(rows.astype(np.float32), kinds), sample=ROWS)
    text = PROJECT.format(names=", ".join((*MAKERS, "named")))
    (project / "bundlefile.yaml").write_text(text)
    port = free_port()
    command = [Path(sys.executable).parent / "bundle", "serve", ".", "--env=current"]
    with (project / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--port={port}"], cwd=project, stdout=log, stderr=log,
            env=os.environ | {"BUNDLE_HOME": str(home)},
        )  # fmt: skip
    try:
        while not is_ready(Here(port)):
            assert process.poll() is None, (project / "log").read_text()
            time.sleep(0.05)
        with httpx.Client(base_url=Here(port).url, timeout=60, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("name", MAKERS)
def test_every_dialect_gives_the_same_answer(zoo, name):
    """That of the native route of V2, which is binary, and of each other one."""
    rows = ROWS.tolist()
    wanted = np.array(
        zoo.post(f"/v1/models/{name}:predict", json={"instances": rows}).json()["predictions"]
    )
    assert len(wanted) == len(ROWS)

    columns = zoo.post(f"/v1/models/{name}:predict", json={"inputs": rows}).json()["outputs"]
    assert np.allclose(columns, wanted)
    listed = zoo.post(f"/predictions/{name}", json=rows).json()
    assert np.allclose(listed, wanted)
    single = zoo.put(f"/predictions/{name}", content=json.dumps(rows[0])).json()
    assert np.allclose(single, wanted[0])
    path = f"/seldon/team/{name}/api/v1.0/predictions"
    tensor = {"tensor": {"shape": list(ROWS.shape), "values": ROWS.ravel().tolist()}}
    told = zoo.post(path, json={"data": tensor}).json()["data"]["tensor"]
    assert np.allclose(np.reshape(told["values"], told["shape"]), wanted)
    told = zoo.post(path, json={"data": {"ndarray": rows}}).json()["data"]["ndarray"]
    assert np.allclose(told, wanted)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    headers = {"content-type": "text/csv", "accept": "application/json"}
    told = zoo.post(f"/models/{name}/invoke", content=text, headers=headers).json()
    assert np.allclose(told["predictions"], wanted)
    data = base64.b64encode(json.dumps({"instances": rows}).encode()).decode()
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data_base64": data}
    headers = {"content-type": "application/cloudevents+json"}
    told = zoo.post(f"/v1/models/{name}:predict", content=json.dumps(event), headers=headers).json()
    assert np.allclose(told["data"]["predictions"], wanted)


def test_a_classifier_classifies(zoo):
    """With the scores of `predict_proba`."""
    body = {"examples": [{"input-0": row} for row in ROWS.tolist()]}
    told = zoo.post("/v1/models/sklearn:classify", json=body).json()["results"]
    best = [max(row, key=lambda each: each[1])[0] for row in told]
    assert best == ["0", "1", "2"]


def test_the_first_model_is_the_default(zoo):
    """Where a dialect has no name for it."""
    wanted = [0, 1, 2]
    assert zoo.post("/invocations", json=ROWS.tolist()).json() == wanted
    told = zoo.post("/api/v1.0/predictions", json={"data": {"ndarray": ROWS.tolist()}}).json()
    assert told["data"]["ndarray"] == wanted


def truth():
    """The classifier with names, and what scikit-learn says of the rows by itself."""
    from sklearn.datasets import load_iris

    rows, kinds = load_iris(return_X_y=True)
    model = named_model(rows.astype(np.float32), kinds)
    return model, model.predict_proba(ROWS)


def test_classify_names_the_classes_as_the_library_does(zoo):
    model, scores = truth()
    examples = [{"input-0": row} for row in ROWS.tolist()]
    results = zoo.post("/v1/models/named:classify", json={"examples": examples}).json()["results"]
    for said, row in zip(results, scores, strict=True):
        assert [label for label, _ in said] == model.classes_.tolist()
        assert [score for _, score in said] == pytest.approx(row)


@pytest.mark.parametrize("is_binary", [False, True])
def test_classification_says_score_place_and_label_best_first(zoo, is_binary):
    model, scores = truth()
    rows = {"name": "input-0", "datatype": "FP32", "shape": [3, 4], "data": ROWS.ravel().tolist()}
    wanted = {"classification": 2, "binary_data": is_binary}
    asked = {"inputs": [rows], "outputs": [{"name": "output-0", "parameters": wanted}]}
    answer = zoo.post("/v2/models/named.predict_proba/infer", json=asked)
    if is_binary:
        head = int(answer.headers["inference-header-content-length"])
        raw, said = answer.content[head:], []
        while raw:
            end = 4 + int.from_bytes(raw[:4], "little")
            said.append(raw[4:end].decode())
            raw = raw[end:]
    else:
        [output] = answer.json()["outputs"]
        assert (output["datatype"], output["shape"]) == ("BYTES", [3, 2])
        said = output["data"]
    best = [place for row in scores for place in np.argsort(-row)[:2]]
    assert [each.split(":", 2)[1:] for each in said] == [
        [str(place), model.classes_[place]] for place in best
    ]
    values = [float(each.partition(":")[0]) for each in said]
    assert values == pytest.approx(
        [row[place] for row in scores for place in np.argsort(-row)[:2]], abs=1e-6
    )


def test_the_contract_lists_the_labels_and_the_typed_client_knows_them(zoo, tmp_path):
    contract = zoo.get("/openapi.json").json()
    answered = contract["paths"]["/named/predict"]["post"]["responses"]["200"]["content"]
    items = answered["application/json"]["schema"]["properties"]["predictions"]["items"]
    model, _ = truth()
    assert items == {"type": "string", "enum": model.classes_.tolist()}
    said = zoo.post("/named/predict", json={"instances": ROWS.tolist()}).json()["predictions"]
    assert said == model.predict(ROWS).tolist()
    command = [Path(sys.executable).parent / "bundle", "client", str(zoo.base_url)]
    stub = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert 'predict_classes = ("it\'s a: setosa", "versicolor", "virginica",)' in stub
    assert 'predict_proba_classes = ("it\'s a: setosa", "versicolor", "virginica",)' in stub


@pytest.mark.parametrize("path", ["/predictions/named", "/v1/models/named:predict"])
def test_the_label_itself_is_what_every_other_dialect_answers(zoo, path):
    answer = zoo.post(path, json={"instances": ROWS.tolist()}).json()
    assert answer["predictions"] == truth()[0].predict(ROWS).tolist()
