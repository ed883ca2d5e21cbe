"""Rows of any JSON that a function fails on, compared with those of its sample."""

import pytest

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.models.row_kinds import difference

ORDERS = [{"id": 1, "city": "Oslo", "note": None}, {"id": 2.5, "city": "Rom", "gift": True}]


@pytest.mark.parametrize(
    ("rows", "known", "said"),
    [
        (["a", None], ["b"], "instances[1]: expected a string, got null."),
        ([3], ["b", None], "instances[0]: expected a string or null, got 3."),
        ([True], [1, 2.5], "instances[0]: expected a number, got true."),
        ([{"city": "a"}], ORDERS, "instances[0]: field `id` is missing."),
        ([ORDERS[0], {"id": "7", "city": "a"}], ORDERS,
         'instances[1].id: expected a number, got the string "7".'),
        ([{"id": 1, "city": "a", "note": "x"}], ORDERS,
         'instances[0].note: expected null, got the string "x".'),
        ([{"id": 1, "city": "a", "new": []}], ORDERS, None),
        ([[1, "a"]], [[2]], None),
        ([None], [], None),
    ],
)  # fmt: skip
def test_the_first_difference_in_kind_is_told_by_its_place(rows, known, said):
    assert difference(rows, known) == said


def test_a_function_gets_every_row_and_only_its_failures_are_explained():
    def lengths(texts):
        return [len(text) + 1 / (text != "bad") for text in texts]

    item = modelbundle.save("m", lengths, sample=["a", "bcd"])
    loaded = LoadedModel.load(Store.default().directory(item))
    assert loaded.call("predict", [[1, 2]]) == [3.0]  # unlike the sample, and answered
    with pytest.raises(InvalidInput, match=r"instances\[1\]: expected a string, got 5\.") as told:
        loaded.call("predict", ["a", 5])
    assert isinstance(told.value.__cause__, TypeError)
    with pytest.raises(ZeroDivisionError):  # its own fault: such rows it should answer
        loaded.call("predict", ["bad"])
