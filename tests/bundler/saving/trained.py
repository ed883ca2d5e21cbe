"""Small trained models of every library, for whoever tests what they become."""

import warnings

import numpy as np
import pandas as pd

rows = np.random.default_rng(0).random((60, 3))
labels = np.array(["no", "yes", "maybe"])[(rows.sum(1) * 2).astype(int) % 3]
numbers = rows @ [1.0, 2.0, 3.0]
codes = (rows.sum(1) * 2).astype(int) % 3
frame = pd.DataFrame(rows, columns=["a", "b", "c"]).assign(
    city=np.where(codes > 1, "Oslo", "Rome"), age=np.arange(60)
)


def sklearn_classifier():
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(5, random_state=0).fit(rows, labels), rows[:4]


def sklearn_transformer():
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(rows), rows[:4]


def sklearn_pipeline():
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b", "age"]), ("c", OneHotEncoder(), ["city"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame, labels), frame.head(4)


def sklearn_text():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    texts = ["good film", "bad film", "good book", "bad plot"]
    model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, ["+", "-", "+", "-"])
    return model, texts


def sklearn_multioutput():
    from sklearn.tree import DecisionTreeClassifier

    targets = np.stack([codes, codes > 0], 1)
    return DecisionTreeClassifier(random_state=0).fit(rows, targets), rows[:4]


def sklearn_sparse():
    from sklearn.preprocessing import OneHotEncoder

    cities = frame[["city"]].astype(object).to_numpy()
    return OneHotEncoder().fit(cities), cities[:4]


def xgboost_booster():
    import xgboost

    return xgboost.train({"seed": 1}, xgboost.DMatrix(rows, numbers), 3), rows[:4]


def xgboost_named_booster():
    import xgboost

    data = xgboost.DMatrix(frame[["a", "b", "age"]], numbers)
    return xgboost.train({"booster": "gblinear", "nthread": 1}, data, 3), frame[
        ["a", "b", "age"]
    ].head(4)


def xgboost_classifier():
    import xgboost

    return xgboost.XGBClassifier(n_estimators=3, missing=-1.0).fit(rows, codes), rows[:4]


def xgboost_regressor():
    import xgboost

    return xgboost.XGBRegressor(n_estimators=3).fit(frame[["a", "age"]], numbers), frame[
        ["a", "age"]
    ].head(4)


def xgboost_categories():
    import xgboost

    data = frame[["a", "city"]].astype({"city": "category"})
    model = xgboost.XGBRegressor(n_estimators=3, enable_categorical=True).fit(data, numbers)
    return model, data.head(4)


def xgboost_ranker():
    import xgboost

    model = xgboost.XGBRanker(n_estimators=3)
    return model.fit(rows, codes, qid=np.repeat([0, 1, 2], 20)), rows[:4]


def xgboost_forest():
    import xgboost

    return xgboost.XGBRFClassifier(n_estimators=3).fit(rows, codes), rows[:4]


def xgboost_stopped():
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=30, early_stopping_rounds=1, learning_rate=1)
    return model.fit(
        rows[:40], numbers[:40], eval_set=[(rows[40:], -numbers[40:])], verbose=False
    ), rows[:4]


def lightgbm_booster():
    import lightgbm

    options = {"verbose": -1, "min_data_in_leaf": 5, "num_threads": 1}
    return lightgbm.train(options, lightgbm.Dataset(rows, numbers), 3), rows[:4]


def lightgbm_classifier():
    import lightgbm

    model = lightgbm.LGBMClassifier(n_estimators=3, min_child_samples=5, verbose=-1, n_jobs=1)
    return model.fit(rows, labels), rows[:4]


def lightgbm_frame():
    import lightgbm

    data = frame[["a", "city"]].astype({"city": "category"})
    model = lightgbm.LGBMRegressor(n_estimators=3, min_child_samples=5, verbose=-1, n_jobs=1)
    return model.fit(data, numbers), data.head(4)


def lightgbm_ranker():
    import lightgbm

    model = lightgbm.LGBMRanker(n_estimators=3, min_child_samples=5, verbose=-1, n_jobs=1)
    return model.fit(rows, codes, group=[20, 20, 20]), rows[:4]


def torch_mlp():
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2, bias=False)
    )
    return net, rows[:4].astype("float32")


def torch_convolution():
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), nn.GELU("tanh"), nn.Flatten()
    )
    return net, torch.rand(4, 1, 5, 5)


def torch_encoder():
    import torch
    from torch import nn

    torch.manual_seed(0)
    return nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.rand(4, 5, 8)


def torch_own_class():
    import torch
    from modelbundle_own import net  # a module of the author's own, made by a fixture

    torch.manual_seed(0)
    return net.Tied(3), (torch.rand(4, 3), torch.rand(4, 3))


def torch_script():
    import torch

    net, sample = torch_mlp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # people still have such models
        return torch.jit.script(net.eval()), sample


def torch_exported():
    import torch

    net, sample = torch_mlp()
    batch = {"input": {0: torch.export.Dim("batch", min=1)}}
    return torch.export.export(net.eval(), (torch.tensor(sample),), dynamic_shapes=batch), sample


def torch_exported_fixed():
    import torch

    net, sample = torch_mlp()
    return torch.export.export(net.eval(), (torch.tensor(sample),)), sample


def onnx_classifier():
    from skl2onnx import to_onnx

    model, sample = sklearn_classifier()
    return to_onnx(model, sample[:1].astype("float32")), sample


def onnx_two_inputs():
    from onnx import TensorProto, helper

    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "y"], ["sum"])],
        "add",
        [info("x", TensorProto.FLOAT, ["n", 2]), info("y", TensorProto.FLOAT, ["n", 2])],
        [info("sum", TensorProto.FLOAT, ["n", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model, {"x": rows[:4, :2], "y": rows[:4, 1:]}


def generic_function():
    factor = 3.0
    return (lambda batch: batch * factor), rows[:4]


def generic_object():
    class Rules:
        def predict(self, records):
            return [{"score": record["a"] + 1, "kind": "x"} for record in records]

    return Rules(), [{"a": 1}, {"a": 2.5}]


MODELS = {
    name: make
    for name, make in sorted(globals().items())
    if name.partition("_")[0] in {"sklearn", "xgboost", "lightgbm", "torch", "onnx", "generic"}
}
