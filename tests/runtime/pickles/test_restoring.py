"""What a pickle puts into an object: its state, its slots and its elements, set by its class."""

import pickle
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles import package_content
from modelbundle.runtime.pickles.global_use import Use

from .attack import PLAIN, RUN, STARS, called, check, entries, found, made, new, text, touches

LAYER = ("torch.nn.modules.linear", "Linear")


def shown(path):
    """An object that runs a program when it is put into a text."""
    return made(LAYER, extra_repr=touches(path), _modules=b"}")


def hashed(path):
    """An object that runs a program when it is a key."""
    terms = called(found("numpy.f2py.symbolic", "Op"), b"M\xe8\x03")
    data = made(PLAIN, items=touches(path))
    return made(("numpy.f2py.symbolic", "Expr"), op=terms, data=data)


def ended(path):
    """The attributes with which an object runs a program when it is freed."""
    file = made(PLAIN, closed=b"\x89", close=touches(path), seek=found("numpy", "shape"))
    return {"fp": file, "mode": text("r"), "_mm_buf": b"N"}


FILE = ("scipy.io._netcdf", "netcdf_file")
RESULT = ("scipy.optimize._optimize", "OptimizeResult")  # its elements are its attributes


def executes_text_of_its_state(path):
    template = text(f"open({str(path)!r}, 'w').close()")
    return made(("scipy.stats._continuous_distns", "norm_gen"), _parse_arg_template=template)


def has_a_state_with_methods(path):
    return new(LAYER) + made(PLAIN, keys=touches(path)) + b"b"


def has_a_part_with_methods(path):
    flags = made(PLAIN, keys=touches(path))
    return made(("pandas.core.frame", "DataFrame"), _typ=b"K\x01", _flags=flags)


def has_weights_with_methods(path):
    values = made(
        ("torch.jit._script", "OrderedDictWrapper"), _c=made(PLAIN, contains=touches(path))
    )
    return made(LAYER, _parameters=values)


def finds_a_method_among_its_elements(path):
    filled = new(RESULT)
    return filled + text("__setstate__") + found(*RUN) + b"s" + text(f"touch {path}") + b"b"


def extends_by_one_of_its_elements(path):
    filled = new(("sklearn.utils._bunch", "Bunch")) + text("append") + found(*RUN) + b"s"
    return filled + text(f"touch {path}") + b"a"


def finds_a_method_among_what_it_was_made_with(path):
    made_with = called(found(*RESULT), entries(__setstate__=found(*RUN)))
    return made_with + text(f"touch {path}") + b"b"


def remade(kind, base, state):
    return called(found("copyreg", "_reconstructor"), found(*kind), found("builtins", base), state)


def finds_a_method_among_what_it_was_remade_with(path):
    return remade(RESULT, "dict", entries(__setstate__=found(*RUN))) + text(f"touch {path}") + b"b"


def is_in_a_set_that_is_remade(path):
    return remade(("builtins", "set"), "set", b"]" + hashed(path) + b"a")


def is_a_key_of_a_remade_dictionary(path):
    return remade(("builtins", "dict"), "dict", b"]" + hashed(path) + b"N\x86a")


def is_in_a_text_that_is_remade(path):
    return remade(("builtins", "str"), "str", b"]" + shown(path) + b"a")


def is_closed_when_it_is_freed(path):
    file = made(("joblib.compressor", "BinaryZlibFile"), close=touches(path), _mode=b"K\x01")
    return file + b"0N"


def ends_its_network_when_it_is_freed(path):
    booster = made(("lightgbm.basic", "Booster"), _network=b"\x88", free_network=touches(path))
    return booster + b"0N"


def frees_its_data(path):
    return made(("lightgbm.basic", "Dataset"), _free_handle=touches(path)) + b"0N"


def makes_a_class(path):
    meta, method = found("torch.nn.parameter", "_ParameterMeta"), entries(__setstate__=found(*RUN))
    kind = called(meta, text("X"), found("torch", "Tensor") + b"\x85", method)
    return kind + text(f"touch {path}") + b"b"


def makes_an_enumeration(path):
    empty = found("torch.distributed._tools.fsdp2_mem_tracker", "_State")
    member, maker = text(str(path)) + b"\x85", found("joblib.numpy_pickle", "dump")
    return called(empty, text("X"), entries(__new__=maker, a=member))


def remakes_what_has_an_end(path):
    return remade(FILE, "object", b"N") + entries(**ended(path)) + b"b0N"


def changes_its_class(path):
    slots = entries(__class__=found(*FILE))
    return new(PLAIN) + entries(**ended(path)) + slots + b"\x86b0N"


def changes_the_class_of_a_table(path):
    state = {"_typ": b"K\x01", "__class__": found(*FILE)} | ended(path)
    return made(("pandas.core.frame", "DataFrame"), **state) + b"0N"


def is_a_key(path):
    return b"}" + hashed(path) + b"Ns"


def is_a_key_of_a_new_dictionary(path):
    return b"(" + hashed(path) + b"Nd"


def is_part_of_a_key(path):
    return b"}(" + hashed(path) + b"\x85Nu"


def is_in_a_set(path):
    return b"\x8f(" + hashed(path) + b"\x90"


def is_in_a_frozen_set(path):
    return b"(" + hashed(path) + b"\x91"


def is_in_a_set_that_is_called(path):
    return called(found("builtins", "set"), b"]" + hashed(path) + b"a")


def says_its_keys_to_a_dictionary(path):
    return called(found("builtins", "dict"), made(LAYER, keys=touches(path)))


def is_the_value_of_no_member(path):
    return called(found("numpy._globals", "_CopyMode"), shown(path))


ATTACKS = [
    executes_text_of_its_state,
    has_a_state_with_methods,
    has_a_part_with_methods,
    finds_a_method_among_its_elements,
    finds_a_method_among_what_it_was_made_with,
    finds_a_method_among_what_it_was_remade_with,
    extends_by_one_of_its_elements,
    makes_a_class,
    makes_an_enumeration,
    remakes_what_has_an_end,
    changes_its_class,
    changes_the_class_of_a_table,
    is_a_key,
    is_a_key_of_a_new_dictionary,
    is_part_of_a_key,
    is_in_a_set,
    is_in_a_frozen_set,
    is_in_a_set_that_is_called,
    is_in_a_set_that_is_remade,
    is_a_key_of_a_remade_dictionary,
    is_in_a_text_that_is_remade,
    says_its_keys_to_a_dictionary,
    is_the_value_of_no_member,
    is_closed_when_it_is_freed,
    ends_its_network_when_it_is_freed,
    frees_its_data,
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_star_runs_no_code_of_a_class_with_what_a_pickle_gives_it(tmp_path, attack):
    check(attack, tmp_path)


def test_weights_are_no_object_with_methods(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04" + has_weights_with_methods(tmp_path / "canary") + b".")
    with pytest.raises(NotTrusted, match="puts objects into the state"):
        STARS.load(path)


def test_what_torch_calls_a_tensor_is_no_object(tmp_path):
    import torch

    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    torch.save(torch.ones(1), path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    place = text("storage") + found("torch", "FloatStorage") + shown(canary) + text("cpu")
    members["model/data.pkl"] = b"\x80\x04(" + place + b"K\x01tQ."
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(NotTrusted), STARS.narrowing(path, "zip"):
        pytest.fail("it was let through")
    with suppress(Exception):
        torch.load(path, weights_only=False)
    assert canary.exists(), "it is no attack"


@pytest.mark.parametrize(
    ("use", "is_allowed"),
    [
        (("state", "sklearn.svm", "SVC"), True),
        (("inside", "sklearn.svm", "SVC", "steps"), True),
        (("part", "sklearn.svm", "SVC", "_sklearn_version"), False),
        (("state", "sklearn.tree._tree", "Tree"), True),
        (("state", "scipy.stats._continuous_distns", "norm_gen"), False),
        (("inside", "sklearn.isotonic", "IsotonicRegression", "y_thresholds_"), False),
        (("part", "torch.nn", "Linear", "_parameters"), False),
        (("inside", "torch.nn", "Linear", "_parameters"), True),
        (("inside", "torch.nn", "LSTM", "_all_weights"), False),
        (("part", "sklearn.gaussian_process.kernels", "RBF", ""), False),
        (("state", "numpy._globals", "_CopyMode"), False),
        (("slot", "fractions", "Fraction", "_numerator"), True),
        (("slot", "sklearn.svm", "SVC", "__class__"), False),
        (("slot", "sklearn.svm", "LinearSVC", "repr_html"), False),
        (("fill", "collections", "OrderedDict"), True),
        (("fill", "torch.nn", "Sequential"), False),
        (("fill", "sklearn.utils", "Bunch"), False),
        (("fill", "sklearn.utils", "Bunch", "items"), True),
        (("inside", "pandas.tseries.offsets", "CustomBusinessMonthEnd", "holidays"), False),
        (("part", "numpy.random", "SFC64", "state"), False),
        (("part", "numpy.random", "SFC64", "1"), True),
        (("inside", "numpy.random._pickle", "__bit_generator_ctor", "state"), False),
        (("new", "xgboost", "DMatrix"), False),
        (("new", "xgboost", "Booster"), True),
        (("call", "numpy.exceptions", "AxisError"), False),
        (("call", "sklearn.exceptions", "NotFittedError"), True),
        (("call", "numpy._globals", "_CopyMode"), True),
        (("asked", "numpy._globals", "_CopyMode", "builtins:hash"), True),
        (("shaped", "numpy._globals", "_CopyMode", "builtins:hash"), False),
        (("shaped", "sklearn.svm", "SVC", "builtins:hash"), True),
        (("call", "torch.nn.parameter", "_ParameterMeta"), False),
    ],
)
def test_what_a_star_lets_be_set(use, is_allowed):
    assert package_content.may_be_used(Use(*use)) is is_allowed


def test_a_named_tuple_with_a_constructor_of_its_own_is_called_by_its_full_name(tmp_path):
    from typing import NamedTuple

    class Pair(NamedTuple):
        a: int

    class Opens(Pair):
        def __new__(cls, a):
            return super().__new__(cls, a)

    assert package_content._is_named_tuple(Pair)
    assert not package_content._is_named_tuple(Opens)


def test_models_load_all_the_same(tmp_path):
    from sklearn.ensemble import VotingClassifier
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    rows, labels = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    search = GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(rows, labels)
    voting = VotingClassifier([("a", LogisticRegression())]).fit(rows, labels)  # has a Bunch
    isotonic = IsotonicRegression().fit(rows[:, 0], labels)
    keys = {search.estimator: 1, frozenset({"a"}): 2, ("a", 1): 3, np.float64(2): 4}
    path = tmp_path / "model.pkl"
    for protocol in (0, 2, 5):
        path.write_bytes(pickle.dumps([search, voting, isotonic, keys, {np.float32}], protocol))
        assert len(STARS.load(path)) == 5
