"""What a star in `security.allow_globals` gives: values of a package, never its helpers."""

import io
import pickle
import re
import zipfile
from collections import Counter, OrderedDict, defaultdict
from contextlib import suppress

import numpy as np
import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles import package_content
from modelbundle.runtime.pickles.global_use import Use
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan

STARS = Policy(
    "allow-listed", frozenset({"joblib.*", "numpy.*", "scipy.*", "sklearn.*", "torch.*"})
)


def text(value):
    encoded = value.encode()
    return b"\x8c" + bytes([len(encoded)]) + encoded


def found(module, name):
    return text(module) + text(name) + b"\x93"


def called(function, *arguments, opcode=b"R"):
    return function + b"(" + b"".join(arguments) + b"t" + opcode


def program(path):
    """What leaves `path` behind, as source."""
    return text(f"open({str(path)!r}, 'w').close()")


def runs_a_program(path):
    module = "sklearn.utils._testing"
    return called(found(module, "assert_run_python_script_without_output"), program(path))


def runs_a_string(path):
    run = found("numpy.testing._private.utils", "runstring")
    return called(run, program(path), b"}")


def starts_a_process(path):
    module = "torch.distributed.elastic.multiprocessing.subprocess_handler.subprocess_handler"
    argument = text(str(path)) + b"\x85"
    handler = found(module, "SubprocessHandler")
    return called(handler, text("touch"), argument, b"}", b"N", b"N", b"K\x00", b"N")


def writes_an_array(path):
    array = pickle.dumps(np.zeros(3), 3)[2:-1]
    return called(found("numpy", "ndarray.tofile"), array, text(str(path)))


def maps_a_file(path):
    memmap, shape = found("numpy", "memmap"), b"K\x08\x85"
    return called(memmap, text(str(path)), text("uint8"), text("w+"), b"K\x00", shape)


def maps_a_file_with_new(path):
    return maps_a_file(path)[:-1] + b"\x81"


def maps_a_file_as_its_base(path):
    remake = found("copyreg", "_reconstructor")
    return called(remake, found("numpy", "memmap"), found("numpy", "memmap"), text(str(path)))


def opens_a_file(path):
    return called(found("torch._C", "PyTorchFileWriter"), text(str(path)))


def loads_a_file(path):
    return called(found("numpy", "load"), text(str(path)), b"N", b"\x88")


def calls_what_it_made(path):
    made = called(found("sklearn.utils.parallel", "_FuncWrapper"), b"N", opcode=b"\x81")
    return called(made, text(str(path)))


KERNEL = ("sklearn.gaussian_process.kernels", "RBF")  # has no `__setstate__` of its own
RUN = ("torch.utils.collect_env", "run")


def state(method):
    return b"}" + text(method) + found(*RUN) + b"s"


def builds_twice(path):
    built = called(found(*KERNEL), opcode=b"\x81") + state("__setstate__") + b"b"
    return built + text(f"touch {path}") + b"b"


def appends_to_what_is_built(path):
    built = called(found(*KERNEL), opcode=b"\x81") + state("append") + b"b"
    return built + text(f"touch {path}") + b"a"


def adds_to_what_is_built(path):
    built = called(found(*KERNEL), opcode=b"\x81") + state("add") + b"b"
    return built + b"(" + text(f"touch {path}") + b"\x90"


def builds_a_class(path):
    method = found(*KERNEL) + b"N" + state("__setstate__") + b"\x86b0"
    return method + called(found(*KERNEL), opcode=b"\x81") + text(f"touch {path}") + b"b"


def rebuilds_with_a_function(path):
    rebuild = found("torch._tensor", "_rebuild_from_type_v2")
    arguments = text(f"touch {path}") + b"\x85"
    return called(rebuild, found(*RUN), found("torch", "Tensor"), arguments, b"N")


def unpickles_a_function(path):
    unpickled = called(
        found("scipy._lib._uarray._backend", "unpickle_function"), text("os"), text("mkdir"), b"N"
    )
    return called(unpickled, text(str(path)))


def reads_with_its_own_method(path):
    wrapper = called(found("joblib.numpy_pickle", "NumpyArrayWrapper"), opcode=b"\x81")
    return wrapper + state("read") + b"b"


def hands_a_function_over(path):
    return called(
        found("numpy.random._pickle", "__generator_ctor"), text(f"touch {path}"), found(*RUN)
    )


def loader(path):
    from torch.utils import data
    from torch.utils.collect_env import run

    made = data.DataLoader([f"touch {path}"], batch_size=None, collate_fn=run)
    return pickle.dumps(made, 3)[2:-1]


def goes_through_what_is_built(path):
    return called(found("builtins", "list"), loader(path))


def goes_through_the_parts_of_a_list(path):
    return called(found("builtins", "dict"), b"]" + loader(path) + b"a")


def goes_through_it_as_a_class_of_its_own(path):
    return called(found("torch", "Size"), loader(path))


def masks_a_file(path):
    masked, memmap = found("numpy.ma.core", "_mareconstruct"), found("numpy", "memmap")
    return called(masked, memmap, found("numpy", "ndarray"), b"K\x08\x85", text("b"))


def makes_one_of_an_object(path):
    built = called(found(*KERNEL), opcode=b"\x81") + state("__new__") + b"b"
    return called(found("sklearn.neighbors._kd_tree", "newObj"), built)


def changes_what_came_with_its_state(path):
    unpickle = found("sklearn._loss._loss", "__pyx_unpickle_CyHalfSquaredError")
    made = called(unpickle, found("sklearn._loss._loss", "CyHalfSquaredError"), b"K\x00", b")")
    return made + text(str(path)) + b"a"


def calls_what_nobody_knows(path):
    return called(b"N", text(str(path)))


ATTACKS = [
    runs_a_program,
    runs_a_string,
    starts_a_process,
    writes_an_array,
    maps_a_file,
    maps_a_file_with_new,
    maps_a_file_as_its_base,
    opens_a_file,
    loads_a_file,
    calls_what_it_made,
    builds_twice,
    appends_to_what_is_built,
    adds_to_what_is_built,
    builds_a_class,
    rebuilds_with_a_function,
    unpickles_a_function,
    reads_with_its_own_method,
    hands_a_function_over,
    goes_through_what_is_built,
    goes_through_the_parts_of_a_list,
    goes_through_it_as_a_class_of_its_own,
    masks_a_file,
    makes_one_of_an_object,
    changes_what_came_with_its_state,
    calls_what_nobody_knows,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_star_runs_writes_and_opens_nothing(tmp_path, attack):
    canary = tmp_path / "canary"
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + attack(canary) + b".")
    with pytest.raises(NotTrusted):
        STARS.load(path)
    with zipfile.ZipFile(tmp_path / "model.pt", "w") as archive:
        archive.write(path, "model/data.pkl")
    with pytest.raises(NotTrusted), STARS.narrowing(tmp_path / "model.pt"):
        pytest.fail("it was let through")
    assert not canary.exists()


FIRING = [
    runs_a_program,
    writes_an_array,
    maps_a_file,
    maps_a_file_with_new,
    opens_a_file,
    builds_twice,
    appends_to_what_is_built,
    adds_to_what_is_built,
    rebuilds_with_a_function,
    unpickles_a_function,
    hands_a_function_over,
    goes_through_what_is_built,
    goes_through_the_parts_of_a_list,
    goes_through_it_as_a_class_of_its_own,
]


@pytest.mark.parametrize("attack", FIRING)
def test_these_are_attacks(tmp_path, attack):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + attack(tmp_path / "canary") + b".")
    with suppress(Exception):
        Policy("allow").load(path)
    assert (tmp_path / "canary").exists()


def test_what_is_named_in_full_may_be_called(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + writes_an_array(tmp_path / "out") + b".")
    assert scan(path).uses >= {Use("call", "numpy", "ndarray.tofile")}
    Policy("allow-listed", frozenset({"numpy.ndarray.tofile"})).load(path)
    assert (tmp_path / "out").stat().st_size == 24


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_models_load_with_the_stars_of_their_libraries(tmp_path, protocol):
    from scipy.sparse import csr_matrix
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    rows, labels = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    models = [
        make_pipeline(FunctionTransformer(np.log1p), SelectKBest(f_classif, k=2)),
        GradientBoostingClassifier(n_estimators=2, random_state=np.random.RandomState(1)),
        HistGradientBoostingRegressor(max_iter=2),
        KNeighborsClassifier(),
    ]
    for model in models:
        model.fit(rows, labels)
    path = tmp_path / "model.pkl"
    masked = np.ma.array([1.0, 2.0], mask=[True, False])  # as in the results of a search
    more = [np.random.default_rng(1), csr_matrix(rows), masked]
    path.write_bytes(pickle.dumps([*models, *more], protocol))
    assert len(STARS.load(path)) == 7


def test_modules_of_torch_load_with_its_star(tmp_path):
    import torch

    path = tmp_path / "model.pt"
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.LSTM(3, 2))
    torch.save(module, path)
    with STARS.narrowing(path):
        torch.load(path, weights_only=False)


def test_methods_and_calls_in_a_skops_file_are_held_against_the_policy(tmp_path):
    import skops.io as skops
    from sklearn.preprocessing import FunctionTransformer

    from modelbundle.runtime.frameworks import skops_file

    canary, path = tmp_path / "canary", tmp_path / "model.skops"
    data = skops.dumps(FunctionTransformer(np.log1p).fit(np.ones((2, 2))))
    path.write_bytes(data)
    STARS.check_names(skops_file.types(path), skops_file.uses(path))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = archive.read("schema.json").decode()
    kind = '"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"'
    arguments = f'{{{kind}, "content": []}}'
    for class_, module, loader, content in (
        ("assert_run_python_script_without_output", "sklearn.utils._testing", "ListNode", "[]"),
        ("load", "numpy", "ConstructorFromReduceNode", arguments),
        ("memmap", "numpy", "ObjectNode", "null"),
        ("ndarray", "numpy", "MethodNode", f'{{"func": "tofile", "obj": {arguments}}}'),
    ):
        node = (
            f'{{"__class__": "{class_}", "__module__": "{module}", "__loader__": "{loader}", '
            f'"content": {content}, "__id__": 77}}'
        )
        with zipfile.ZipFile(path, "w") as archive:
            planted = schema.replace('"content": {', f'"planted": {node}, "content": {{', 1)
            archive.writestr("schema.json", planted)
        with pytest.raises(NotTrusted):
            skops_file.load(path, STARS)
    assert not canary.exists()


@pytest.mark.parametrize(
    "module", ["sklearn.tests.random_seed", "sklearn.conftest", "numpy.testing"]
)
def test_modules_for_tests_are_never_imported(tmp_path, module):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04" + found(module, "anything") + b".")
    with pytest.raises(NotTrusted):
        STARS.load(path)


def test_a_dictionary_with_defaults_makes_empty_values_and_calls_nothing_else(tmp_path):
    path = tmp_path / "a.pkl"
    values = [defaultdict(list, {"a": [1]}), defaultdict(OrderedDict), defaultdict(None)]
    path.write_bytes(pickle.dumps(values, 4))
    loaded = Policy("allow-listed").load(path)
    assert loaded == values
    assert loaded[0]["b"] == []
    given, harmless = found("sklearn.datasets", "load_iris"), found("builtins", "list")
    empty = found("collections", "defaultdict")
    state = b"}" + text("default_factory") + given + b"s"
    remade = called(found("copyreg", "_reconstructor"), empty, found("builtins", "dict"), b"}")
    for attack in (
        called(empty, given),
        called(empty, harmless) + b"N" + state + b"\x86b",
        called(empty, opcode=b"\x81") + b"N" + state + b"\x86b",
        remade + b"N" + state + b"\x86b",
        called(empty, called(found("sklearn.svm", "SVC"), opcode=b"\x81")),
    ):
        path.write_bytes(b"\x80\x04" + attack + b".")
        with pytest.raises(NotTrusted):
            STARS.load(path)


@pytest.mark.parametrize("factory", [OrderedDict, None, np.log1p, Counter])
def test_a_dictionary_with_defaults_of_a_skops_file_likewise(tmp_path, factory):
    import skops.io as skops

    from modelbundle.runtime.frameworks import skops_file

    path = tmp_path / "model.skops"
    path.write_bytes(skops.dumps(defaultdict(factory, {"a": 1})))
    if factory is np.log1p:
        with pytest.raises(NotTrusted):
            skops_file.load(path, STARS)
    else:
        assert skops_file.load(path, STARS) == {"a": 1}


def test_what_lightgbm_saves_loads_with_its_star(tmp_path):
    import lightgbm

    rows, labels = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    model = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(rows, labels)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    stars = Policy("allow-listed", frozenset({"lightgbm.*", "sklearn.*"}))
    assert stars.load(path).predict(rows).shape == (40,)


def test_dtypes_of_pandas_load_with_its_star_and_ask_nothing_but_text(tmp_path):
    import pandas as pd

    path, stars = tmp_path / "a.pkl", Policy("allow-listed", frozenset({"pandas.*", "sklearn.*"}))
    dtypes = [
        pd.StringDtype("python"),
        pd.StringDtype("python", na_value=np.nan),
        pd.PeriodDtype("M"),
        pd.CategoricalDtype(["a", "b"]).ordered,
        pd.DatetimeTZDtype(tz="UTC").unit,
        pd.Int64Dtype(),
    ]
    path.write_bytes(pickle.dumps(dtypes))
    assert stars.load(path) == dtypes
    kind, other = found("pandas", "StringDtype"), found("sklearn.svm", "SVC")
    made = called(other, opcode=b"\x81")
    path.write_bytes(b"\x80\x04" + made + b".")
    stars.load(path)
    for attack in (called(kind, made), called(kind, other), called(kind, b"(" + made + b"t")):
        path.write_bytes(b"\x80\x04" + attack + b".")
        with pytest.raises(NotTrusted, match=r"StringDtype|SVC"):
            stars.load(path)


def test_all_that_has_to_be_listed_is_named_at_once(tmp_path):
    import pandas as pd

    path = tmp_path / "a.pkl"
    frame = pd.DataFrame({"a": [1.0], "b": ["x"]})
    path.write_bytes(pickle.dumps(frame))
    with pytest.raises(NotTrusted, match="which the policy does not allow") as caught:
        Policy("allow-listed").load(path)
    names = set(re.findall(r"`([\w.]+)`", caught.value.hint)) - {"security.allow_globals"}
    assert len(names) > 5
    with pytest.raises(NotTrusted, match=r"does not allow that") as caught:
        Policy("allow-listed", frozenset({"pandas.*", "pyarrow.*"})).load(path)
    further = set(re.findall(r"`([\w.]+)`", caught.value.hint)) - {"security.allow_globals"}
    stars = frozenset({"pandas.*", "pyarrow.*"}) | further
    pd.testing.assert_frame_equal(Policy("allow-listed", stars).load(path), frame)


@pytest.mark.parametrize("fails", ["raise ValueError('no')", "import sys; sys.exit(0)"])
def test_a_package_that_fails_when_it_is_imported_is_a_refusal(tmp_path, monkeypatch, fails):
    (tmp_path / "fails_at_import.py").write_text(fails)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x04" + found("fails_at_import", "Thing") + b")\x81.")
    with pytest.raises(NotTrusted, match="`fails_at_import`, which the pickle asks for, cannot be"):
        Policy("allow-listed", frozenset({"fails_at_import.*"})).load(path)


RUN = ("torch.utils.collect_env", "run")
META = "torch._utils:_rebuild_meta_tensor_no_storage"
GENERATOR = "numpy.random._pickle:__generator_ctor"


@pytest.mark.parametrize(
    ("given", "to", "is_allowed"),
    [
        (("torch", "float32"), META, True),
        (RUN, META, False),
        (("torch", "float32"), ":".join(RUN), False),
        (RUN, ":".join(RUN), False),
        (("sklearn.svm", "SVR"), "sklearn.svm:SVC", False),
        (("sklearn.svm", "SVR"), "sklearn.neighbors:BallTree", False),
        (("torch", "float32"), "sklearn.svm:SVC", True),
        (RUN, "sklearn.svm:SVC", False),
        (("numpy.random._pickle", "__bit_generator_ctor"), GENERATOR, True),
        (("numpy.random._pickle", "__randomstate_ctor"), GENERATOR, False),
        (RUN, GENERATOR, False),
        (("numpy.random", "PCG64"), "numpy.random._pickle:__bit_generator_ctor", True),
        (("sklearn.svm", "SVC"), "numpy.random._pickle:__bit_generator_ctor", False),
        (("numpy", "ndarray"), "numpy.ma.core:_mareconstruct", True),
        (("numpy.ma", "MaskedArray"), "numpy.ma.core:_mareconstruct", True),
        (("sklearn.svm", "SVC"), "numpy.ma.core:_mareconstruct", False),
        (("pandas", "Index"), "pandas.core.indexes.base:_new_Index", True),
        (("sklearn.svm", "SVC"), "pandas.core.indexes.base:_new_Index", False),
    ],
)
def test_who_puts_objects_together_is_given_what_they_are_made_of(given, to, is_allowed):
    assert package_content.may_be_used(Use("given", *given, to)) is is_allowed
