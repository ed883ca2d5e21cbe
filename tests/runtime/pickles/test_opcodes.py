"""Whatever Python does for a pickle, the scan has seen before: both follow the same programs."""

import io
import pickle
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelbundle.runtime.pickles.effort import Effort
from modelbundle.runtime.pickles.global_use import GlobalUse, Use
from modelbundle.runtime.pickles.opcodes import Machine, Malformed

HEADS = (b"\x80\x02", b"\x80\x04", b"\x80\x05", b"")


class Witness(pickle.Unpickler):
    """Python's own reader, to which each name is a class that tells what is done with it."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.order, self.seen = [], []

    def find_class(self, module, name):
        self.order.append(f"{module}.{name}")
        return type(name, (Told,), {"home": module, "seen": self.seen})


class Told:
    """An object of a pickle, and the calls that reading the pickle makes of it."""

    def __new__(cls, *args, **names):
        cls.seen.append(("made", cls.home, cls.__name__, ""))
        tell_given(cls.seen, (*args, *names.values()), f"{cls.home}:{cls.__name__}")
        made = super().__new__(cls)
        made.is_built = False
        return made

    def __init__(self, *args, **names):
        pass

    def __call__(self, *args):
        self.tell("result")
        tell_given(self.seen, args, "?:?")
        return Result(self.seen)

    def tell(self, how, to=""):
        self.seen.append((how, self.home, type(self).__name__, to))

    def __setstate__(self, state):
        self.change()
        self.is_built = True

    def __setitem__(self, name, value):
        self.change()

    def append(self, value):
        self.change()

    def extend(self, values):
        self.change()

    def add(self, value):
        self.change()

    def change(self):
        if self.is_built:
            self.tell("change")


class Result(Told):
    """What a call of an object returned: nobody knows its class."""

    home = "?"

    def __new__(cls, seen):
        made = object.__new__(cls)
        made.seen, made.is_built = seen, False
        return made

    def __init__(self, seen):
        pass

    def tell(self, how, to=""):
        self.seen.append((how, "?", "?", to))


def tell_given(seen, values, to):
    """Tell what a call gets in its arguments, and in what they hold."""
    for value in values:
        if isinstance(value, type):
            seen.append(("given", value.home, value.__name__, to))
        elif isinstance(value, Told):
            value.tell("handed", to)
        elif isinstance(value, (list, tuple, set, frozenset)):
            tell_given(seen, [each for each in value if not isinstance(each, type)], to)
        elif isinstance(value, dict):
            tell_given(seen, [each for each in value.values() if not isinstance(each, type)], to)


IS = {"made": ("call", "new"), "handed": ("asked", "shaped")}


def follow(data):
    """What the scan says of a pickle, and whether it came to its end."""
    asked = GlobalUse()
    try:
        Machine(io.BytesIO(data), asked, Effort()).run()
    except Malformed:
        return asked, False
    return asked, True


def witness(data):
    """What Python did with it, until it came to its end or to what it cannot do."""
    seen = Witness(data)
    try:
        seen.load()
    except (TypeError, AttributeError, ValueError, IndexError, pickle.UnpicklingError):
        return seen, False
    return seen, True


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


WORDS = st.sampled_from(["a", "b", "c.d", "e"])
NAMED = st.tuples(WORDS, WORDS)
GLOBALS = st.one_of(
    NAMED.map(lambda each: f"c{each[0]}\n{each[1]}\n".encode()),
    NAMED.map(lambda each: text(each[0]) + text(each[1]) + b"\x93"),
)
LEAVES = st.sampled_from([b"N", b"K\x01", b"\x88", text("x"), b"]", b"}", b")"]) | GLOBALS


def several(inner):
    return st.lists(inner, max_size=3).map(b"".join)


def arguments(inner):
    return st.one_of(
        several(inner).map(lambda parts: b"(" + parts + b"t"),
        inner.map(lambda part: part + b"\x85"),
        st.tuples(inner, inner).map(lambda parts: b"".join(parts) + b"\x86"),
        st.tuples(inner, inner, inner).map(lambda parts: b"".join(parts) + b"\x87"),
    )


def glued(*parts):
    return st.tuples(
        *(part if not isinstance(part, bytes) else st.just(part) for part in parts)
    ).map(b"".join)


def larger(inner):
    names = inner.map(lambda value: b"}" + text("n") + value + b"s")
    calls = glued(inner | GLOBALS, arguments(inner), b"R")
    objects = st.one_of(
        calls,
        glued(GLOBALS, arguments(inner), b"\x81"),
        glued(GLOBALS, arguments(inner), names, b"\x92"),
        glued(b"(", several(inner), NAMED.map(lambda each: f"i{each[0]}\n{each[1]}\n".encode())),
        glued(b"(", GLOBALS, several(inner), b"o"),
    )
    changes = st.one_of(
        glued(inner, b"b"),
        glued(inner, b"a"),
        glued(b"(", several(inner), b"e"),
        glued(b"K\x01", inner, b"s"),
        glued(b"(K\x01", inner, b"u"),
        glued(b"(", several(inner), b"\x90"),
    )
    containers = st.one_of(
        glued(b"(", several(inner), b"l"),
        glued(b"(", several(inner), b"\x91"),
        glued(b"(K\x01", inner, b"d"),
        arguments(inner),
    )
    kept = inner.map(lambda value: value + b"q\x07h\x07\x862\x86")
    changed = glued(objects, changes, changes)
    return objects | changed | glued(inner, changes) | containers | kept | glued(inner, b"0", inner)


PROGRAMS = st.recursive(LEAVES, larger, max_leaves=12)


def check(data):
    asked, is_whole = follow(data)
    seen, was_whole = witness(data)
    assert is_whole
    assert asked.order[: len(seen.order)] == seen.order
    assert not was_whole or asked.order == seen.order
    assert asked.names == set(asked.order)
    for how, module, name, to in seen.seen:
        assert any(Use(each, module, name, to) in asked.uses for each in IS.get(how, (how,))), data
    return seen if was_whole else None


@given(head=st.sampled_from(HEADS), program=PROGRAMS)
@settings(max_examples=50)
def test_what_python_does_the_scan_has_seen(head, program):
    check(head + program + b".")


OBJECTS = (
    b"ca\nb\n)R",
    b"ca\nb\n)\x81",
    b"ca\nb\n)}" + text("n") + b"K\x01s\x92",
    b"(ia\nb\n",
    b"(ca\nb\no",
    b"ca\nb\n)R)R",
    b"ca\nb\n)RNb",
)
HOLDERS = (
    b"%b",
    b"%b\x85",
    b"K\x01%b\x86",
    b"K\x01%bN\x87",
    b"(NN%bNt",
    b"(%bl",
    b"(N%b\x91",
    b"]%ba",
    b"](N%be",
    b"\x8f(%b\x90",
    b"(K\x01%bd",
    b"}K\x01%bs",
    b"}(K\x01%bu",
    b"%bq\x070h\x07",
    b"%bq\x070N0h\x07\x85",
    b"%b\x940N\x940h\x00",
    b"%bp7\n0g7\n",
    b"%br\x07\x00\x00\x000j\x07\x00\x00\x00",
    b"%b2\x86",
    b"(N1%b",
    b"]%ba\x85]\x86",
)
CALLS = (
    b"cc.d\ne\n%b\x85R",
    b"cc.d\ne\n%b\x85\x81",
    b"cc.d\ne\n)}" + text("n") + b"%bs\x92",
    b"(%bic.d\ne\n",
    b"(cc.d\ne\n%bo",
    b"cc.d\ne\n)R%b\x85R",
)
CHANGES = (b"Nb", b"%ba", b"(%be", b"K\x01%bs", b"(K\x01%bu", b"(%b\x90")


def test_whatever_an_object_is_in_when_a_call_gets_it():
    for made in OBJECTS:
        for holder in HOLDERS:
            for call in CALLS:
                seen = check(b"\x80\x04" + call % (holder % made) + b".")
                assert seen is not None
                assert any(how == "handed" for how, *_ in seen.seen)


def test_whatever_changes_an_object_that_has_its_state():
    for made in OBJECTS:
        for first in (b"Nb", b"}b"):
            for change in CHANGES:
                data = made + first + (change % b"K\x02" if b"%" in change else change)
                seen = check(b"\x80\x04" + data + b".")
                assert seen is not None
                assert any(how == "change" for how, *_ in seen.seen)


@pytest.mark.parametrize(("protocol", "name"), [(2, "builtins.range"), (3, "__builtin__.xrange")])
def test_names_of_python_2_are_those_of_old_pickles_alone(protocol, name):
    asked, is_whole = follow(b"\x80%cc__builtin__\nxrange\n." % protocol)
    assert is_whole
    assert asked.names == {name}


def test_a_name_is_told_as_unknown_unless_both_of_its_parts_are_text():
    for parts in (text("a") + b"N", b"N" + text("a"), b"NN"):
        asked, _ = follow(b"\x80\x04" + parts + b"\x93.")
        assert asked.names == {"?.?"}


def test_what_its_reader_knows_under_a_name_may_be_what_it_was_given():
    for known in (b"Pname\n", b"K\x01Q"):
        asked, is_whole = follow(b"\x80\x04ca\nb\n" + known + b"\x85R.")
        assert is_whole
        assert Use("asked", "?", "persistent", "a:b") in asked.uses


def test_modules_that_code_by_value_imports_are_named():
    imported = b"\x80\x04ccloudpickle.cloudpickle\nsubimport\n"
    assert "os" in follow(imported + text("os") + b"\x85R.")[0].names
    assert "?" in follow(imported + b"N\x85R.")[0].names


def test_the_base_of_an_object_is_called_too():
    remade = b"\x80\x02ccopyreg\n_reconstructor\nca\nb\n"
    assert Use("call", "c", "d") in follow(remade + b"cc\nd\nN\x87R.")[0].uses
    assert Use("call", "?", "?") in follow(remade + b"\x85R.")[0].uses


@pytest.mark.parametrize(
    "program",
    [
        b"N1.",
        b"ca\nb\nNR.",
        b"ca\nb\n)N\x92.",
        b"ca\nb\n)ca\nb\n)R\x92.",
        b"0.",
        b"h\x01.",
    ],
)
def test_what_python_cannot_do_is_no_pickle(program):
    data = b"\x80\x04" + program
    assert not witness(data)[1]
    assert not follow(data)[1]
