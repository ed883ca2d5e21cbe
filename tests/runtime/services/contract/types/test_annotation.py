"""Annotations that stand for others, and those that contain themselves."""

import gc
import itertools
import sys
import typing
from dataclasses import dataclass
from typing import Any, Generic, NotRequired, Required, TypedDict, TypeVar

import pytest
from typing_extensions import ReadOnly, TypeAliasType
from typing_extensions import TypedDict as NewTypedDict

from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.services.contract.types.annotation import decoder
from modelbundle.runtime.services.contract.types.decoder import ValueDecoder

A, B = TypeVar("A"), TypeVar("B")
Swapped = TypeAliasType("Swapped", dict[B, A], type_params=(A, B))
Unused = TypeAliasType("Unused", dict[str, int], type_params=(A,))
Itself = TypeAliasType("Itself", A, type_params=(A,))
Maybe = TypeAliasType("Maybe", Itself[A] | None, type_params=(A,))


@pytest.mark.parametrize(
    ("annotation", "meaning"),
    [
        (Swapped[int, str], dict[str, int]),
        (Swapped, dict[Any, Any]),
        (Unused[float], dict[str, int]),
        (Itself[list[int]], list[int]),
        (Itself, Any),
        (Maybe[int], int | None),
        (list[Maybe[Swapped[int, str]]], list[dict[str, int] | None]),
    ],
)
def test_an_alias_with_arguments_means_its_value_with_them(annotation, meaning):
    assert decoder(annotation).spec == decoder(meaning).spec


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        (typing.Tuple, [1, "a"], {}),  # noqa: UP006  # the bare name is what is tested
        (typing.Dict, {"a": 1}, []),  # noqa: UP006
        (typing.Mapping, {"a": 1}, []),
        (tuple[()], [], [1]),
    ],
)
def test_a_bare_name_of_typing_is_the_type_and_not_its_empty_form(annotation, good, bad):
    read = decoder(annotation).read

    assert list(read(good, "x")) == list(good)
    with pytest.raises(InvalidInput, match="x: expected"):
        read(bad, "x")


def test_wrappers_of_a_key_may_stand_inside_one_another():
    class Keys(NewTypedDict):
        a: Required[ReadOnly[int]]
        b: ReadOnly[NotRequired[int]]

    read = decoder(Keys)

    assert read.spec.schema["properties"] == {"a": {"type": "integer"}, "b": {"type": "integer"}}
    assert read.spec.schema["required"] == ["a"]
    with pytest.raises(InvalidInput, match=r"keys\.b: expected a whole number"):
        read.read({"a": 1, "b": "x"}, "keys")


def test_an_unpacked_part_of_a_tuple_is_any_number_of_items():
    read = decoder(tuple[int, *tuple[str, ...]])

    assert read.read([1, "a", "b"], "x") == (1, "a", "b")
    assert read.spec.schema == {"type": "array"}


@dataclass
class Node:
    """One that contains itself twice."""

    left: "Node | None" = None
    right: "Node | None" = None


def _node(turns):
    made = {"left": None}
    for turn in turns:
        made = {turn: made}
    return made


def test_a_record_inside_itself_needs_no_memory_for_each_new_way_through_it():
    """A client chooses the ways, of which there are 2**64."""
    read = decoder(Node)
    known = set(map(id, gc.get_objects()))

    for turns in itertools.product(("left", "right"), repeat=6):
        assert type(read.read(_node(turns), "x")) is Node

    made = [each for each in gc.get_objects() if type(each) is ValueDecoder]
    assert not [each for each in made if id(each) not in known]


def test_a_generic_record_inside_itself_is_read():
    T = TypeVar("T")

    @dataclass
    class Chain(Generic[T]):
        value: T
        rest: "Chain[T] | None" = None

    Chain.__annotations__["rest"] = Chain[T] | None
    assert decoder(Chain[int]).read({"value": 1, "rest": {"value": 2}}, "x").rest.value == 2


class Keyed(TypedDict):
    """A record of the module."""

    inner: "list[Keyed]"


def test_what_is_wrong_deep_inside_is_told_with_its_place():
    with pytest.raises(InvalidInput, match=r"x\.inner\[0\]\.inner: expected a list, got 3"):
        decoder(Keyed).read({"inner": [{"inner": 3}]}, "x")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = ...` is Python 3.12's")
@pytest.mark.parametrize(
    ("source", "good", "bad"),
    [
        ("type X = int | list[X]", [1, [2, [3]]], [1, [2, ["x"]]]),
        ("type X = None | str | list[X] | dict[str, X]", {"a": [{"b": None}]}, {"a": [{"b": 1}]}),
        ("type X = int | list[Y]\ntype Y = str | list[X]", ["x", [1, ["y"]]], ["x", ["y"]]),
        ("type Y[T] = T | list[Y[T]]\ntype X = Y[int]", [1, [2]], [1, ["x"]]),
        ("type Y[T] = T | list[Y[list[T]]]\ntype X = Y[int]", [1, ["free"]], "x"),
    ],
)
def test_an_alias_inside_itself_is_checked_to_its_depth(source, good, bad):
    names = {}
    exec(source, names)  # older Pythons could not read this file
    read = decoder(names["X"])

    assert read.read(good, "x") == good
    with pytest.raises(InvalidInput):
        read.read(bad, "x")
