"""skops files: known by their content, their types told and held against the policy."""

import io
import json
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.frameworks import skops_file
from modelbundle.runtime.frameworks.sklearn import Sklearn
from modelbundle.runtime.pickles.policy import Policy


@pytest.fixture
def kept(tmp_path):
    import skops.io as skops  # takes a second, of everybody who collects tests
    from sklearn.preprocessing import StandardScaler

    rows = np.arange(12.0).reshape(4, 3)
    model = StandardScaler().fit(rows)
    (tmp_path / "model.skops").write_bytes(skops.dumps(model))
    return tmp_path, model, rows


def test_it_is_loaded_as_it_was(kept):
    directory, model, rows = kept
    assert Sklearn().reads(directory / "model.skops") == "skops"
    loaded = Sklearn().load(directory, "skops", {}, "cpu", Policy())
    assert np.allclose(loaded.transform(rows), model.transform(rows))


def test_its_types_are_held_against_the_policy(kept):
    directory = kept[0]
    assert "sklearn.preprocessing._data.StandardScaler" in skops_file.types(
        directory / "model.skops"
    )
    with pytest.raises(NotTrusted, match="does not allow"):
        Sklearn().load(
            directory, "skops", {}, "cpu", Policy("allow-listed", frozenset({"numpy.*"}))
        )
    with pytest.raises(NotTrusted, match="`deny`"):
        Sklearn().load(directory, "skops", {}, "cpu", Policy("deny"))


@pytest.mark.parametrize(
    "schema", [b"", b"[]", b"{", b"[" * 100_000, json.dumps({"x": 1}).encode()]
)
def test_other_zips_are_none(tmp_path, schema):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("schema.json", schema)
    assert not skops_file.is_one(tmp_path / "x")
    assert skops_file.types(tmp_path / "x") == ()


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED]
)
def test_one_that_is_damaged_is_none(tmp_path, method):
    """Each way to compress has an error of its own."""
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("schema.json", json.dumps({"_skops_version": "1", "x": list(range(999))}))
    data = bytearray(path.read_bytes())
    data[60:90] = bytes([255]) * 30
    path.write_bytes(data)

    assert not skops_file.is_one(path)


def test_text_in_a_state_is_not_executed_with_a_star(kept):
    import skops.io as skops
    from scipy.stats import norm

    directory, model, _ = kept
    canary, path = directory / "canary", directory / "model.skops"
    model.distribution = norm
    data = skops.dumps(model)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    state = schema["content"]["content"]["distribution"]["content"]["content"]
    state["_parse_arg_template"]["content"] = json.dumps(f"open({str(canary)!r}, 'w').close()")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(name, content)
    stars = Policy("allow-listed", frozenset({"numpy.*", "scipy.*", "sklearn.*"}))
    with pytest.raises(NotTrusted, match="sets the state"):
        skops_file.load(path, stars)
    assert not canary.exists()
    with suppress(Exception):
        skops_file.load(path, Policy())
    assert canary.exists(), "it is no attack"


STARS = Policy("allow-listed", frozenset({"joblib.*", "numpy.*", "sklearn.*", "torch.*"}))


def node(loader, name, content=None, **more):
    module, _, kind = name.rpartition(".")
    return {
        "__class__": kind,
        "__module__": module,
        "__loader__": loader,
        "content": content,
    } | more


FALSE = node("JsonNode", "builtins.str", "false")


def listed(*nodes, kind="builtins.list", **more):
    return node("ListNode", kind, [*nodes], **more)


def keyed(key_types, **entries):
    return node("DictNode", "builtins.dict", entries, key_types=key_types)


def made(name, **state):
    texts = listed(*(node("TypeNode", "builtins.str") for _ in state))
    return node("ObjectNode", name, keyed(texts, **state))


def calls_a_key(canary):
    run = node("FunctionNode", "torch.utils.collect_env.run")
    return node("DictNode", "builtins.dict", {f"touch {canary}": FALSE}, key_types=listed(run))


def touches(canary):
    """An object that runs a program when it is called without arguments."""
    run = node("FunctionNode", "torch.utils.collect_env.run")
    command = node("JsonNode", "builtins.str", json.dumps(f"touch {canary}"))
    arguments = node("TupleNode", "builtins.tuple", [command])
    call = node("TupleNode", "builtins.tuple", [run, arguments, keyed(listed())])
    number = node("JsonNode", "builtins.str", "1")
    return made(
        "joblib.parallel.BatchedCalls",
        items=listed(call),
        _backend=made("joblib._parallel_backends.SequentialBackend", nesting_level=FALSE),
        _n_jobs=number,
        _reducer_callback=node("JsonNode", "builtins.str", "null"),
        _size=number,
    )


def shown(canary):
    """An object that runs a program when it is put into a text."""
    return made("torch.nn.Linear", extra_repr=touches(canary), _modules=keyed(listed()))


def is_in_a_text(canary):
    return listed(shown(canary), kind="builtins.str")


def is_given_to_a_text(canary):
    return node("ConstructorFromReduceNode", "builtins.str", listed(shown(canary)))


def is_in_a_text_that_is_a_set(canary):
    return node("SetNode", "builtins.str", [shown(canary)])


def is_in_a_text_by_its_number(canary):
    first = listed(shown(canary), __id__=5)
    return listed(first, listed(listed(__id__=5), kind="builtins.str"))


def is_in_a_text_as_it_was_before(canary):
    again = node("CachedNode", "builtins.str", __id__=5)
    return listed(listed(shown(canary), __id__=5), listed(again, kind="builtins.str"))


@pytest.mark.parametrize(
    "attack",
    [
        calls_a_key,
        is_in_a_text,
        is_given_to_a_text,
        is_in_a_text_that_is_a_set,
        is_in_a_text_by_its_number,
        is_in_a_text_as_it_was_before,
    ],
)
def test_a_star_calls_nothing_with_what_the_file_gives_it(tmp_path, attack):
    canary, path = tmp_path / "canary", tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        head = {"protocol": 2, "_skops_version": "0.16.0"}
        archive.writestr("schema.json", json.dumps(attack(canary) | head))
    with pytest.raises(NotTrusted):
        skops_file.load(path, STARS)
    with suppress(Exception):
        skops_file.load(path, Policy())
    assert canary.exists(), "it is no attack"


@pytest.mark.parametrize(
    "planted",
    [
        node("FunctionNode", "numpy.log1p", {"module_path": "os", "function": "system"}),
        node("NdArrayNode", "numpy.ndarray", [made("sklearn.svm.SVC", __array__=FALSE)],
             type="json", shape=listed(FALSE, FALSE)),
        node("NdArrayNode", "numpy.ndarray", [made("sklearn.ensemble.BaggingClassifier")],
             type="json", shape=listed(FALSE, FALSE)),
        node("ConstructorFromReduceNode", "builtins.list", listed(made("sklearn.svm.SVC"))),
        node("ConstructorFromReduceNode", "sklearn.neighbors.BallTree",
             listed(FALSE, FALSE, node("TypeNode", "sklearn.pipeline.Pipeline"))),
        node("ConstructorFromReduceNode", "sklearn.neighbors.BallTree",
             listed(FALSE, FALSE, node("FunctionNode", "torch.utils.collect_env.run"))),
        node("ConstructorFromReduceNode", "sklearn.neighbors.BallTree",
             listed(node("FunctionNode", "numpy.log1p",
                         {"module_path": "torch.utils.collect_env", "function": "run"}))),
        node("LossNode", "sklearn.neighbors.BallTree", keyed(listed()),
             __reduce__={"args": listed(node("FunctionNode", "torch.utils.collect_env.run"))}),
        made("numpy.random.SFC64", bit_generator=FALSE, state=made("sklearn.svm.SVC")),
    ],
)  # fmt: skip
def test_nor_does_it_find_or_list_what_is_no_value(tmp_path, planted):
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(planted | {"_skops_version": "0.16.0"}))
    with pytest.raises(NotTrusted):
        STARS.check_names(skops_file.types(path), skops_file.uses(path))


def test_estimators_within_others_load_with_the_star_of_their_library(tmp_path):
    import skops.io as skops
    from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
    from sklearn.isotonic import IsotonicRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.arange(12.0)
    models = make_pipeline(StandardScaler(), IsotonicRegression()).fit(rows[:, None], rows)
    path = tmp_path / "model.skops"
    path.write_bytes(skops.dumps(models))
    stars = Policy("allow-listed", frozenset({"numpy.*", "scipy.*", "sklearn.*"}))
    assert np.allclose(skops_file.load(path, stars).predict(rows[:, None]), rows)
    held = [use for use in skops_file.uses(path) if use.how in {"part", "inside"}]
    assert [(use.name, use.to) for use in held] == [("Pipeline", "steps")]

    forest = ExtraTreesRegressor(n_estimators=100, max_depth=1).fit(rows[:, None], rows)
    path.write_bytes(skops.dumps(forest))  # thousands of nodes of `str`
    skops_file.load(path, stars)

    boosted = GradientBoostingRegressor(n_estimators=2).fit(rows[:, None], rows)
    path.write_bytes(skops.dumps(boosted))  # an array of trees
    skops_file.load(path, stars)
