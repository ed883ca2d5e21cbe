"""In which dtype floats reach a module: as its author's own call would give them."""

import numpy as np
import pytest
import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks.pytorch.lane import to_arrays
from modelbundle.runtime.frameworks.torch import Torch
from modelbundle.runtime.models.model import LoadedModel

ROWS = np.random.default_rng(0).random((3, 4), "float32")


class Since(torch.nn.Module):
    """Takes seconds since 1970, whose digits float32 has not, and shifts them itself."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(4, 2)

    def forward(self, seconds):
        return self.head((seconds - 1.7e9).float())


class HeadFirst(torch.nn.Module):
    """Has weights of two dtypes; the first ones are not the ones that the rows meet."""

    def __init__(self, first=torch.bfloat16, then=torch.float32):
        super().__init__()
        self.head = torch.nn.Linear(8, 2, dtype=first)
        self.body = torch.nn.Linear(4, 8, dtype=then)

    def forward(self, rows):
        return self.head(self.body(rows).to(self.head.weight.dtype))


class Scaled(torch.nn.Module):
    """Would take anything: bfloat16 rows lose digits in it, and nobody is told."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
        self.head = torch.nn.Linear(4, 2)

    def forward(self, rows):
        return self.head(rows * self.scale.float())


def loaded(model, sample):
    return LoadedModel.load(Store.default().directory(modelbundle.save("m", model, sample=sample)))


def own_answer(model, rows):
    with torch.inference_mode():
        return to_arrays(model.eval()(torch.from_numpy(rows)))


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (Since(), ROWS.astype("float64") + 1.7e9),
        (HeadFirst(), ROWS),
        (Scaled(), ROWS),
        (torch.nn.Linear(4, 2).double(), ROWS.astype("float64")),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_answers_are_those_of_the_authors_own_call(model, rows):
    expected = own_answer(model, rows)
    assert np.array_equal(Torch().call(model, "predict", rows), expected)
    served = loaded(model, rows)
    for _ in range(2):
        assert np.array_equal(served.call("predict", rows), expected)
        assert np.allclose(served.call("predict", rows[:1]), expected[:1], rtol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        torch.nn.Linear(4, 2),
        torch.nn.Linear(4, 2).bfloat16(),
        HeadFirst(),
        HeadFirst(torch.float32, torch.bfloat16),
    ],
)
def test_what_does_not_fit_the_weights_is_cast_to_them(model):
    rows = ROWS.astype("float64")
    body = getattr(model, "body", model)
    with torch.inference_mode():
        expected = model(torch.from_numpy(rows).to(body.weight.dtype)).float().numpy()
    served = loaded(model, rows)
    for _ in range(2):
        assert np.array_equal(served.call("predict", rows), expected)


def test_a_dtype_that_is_refused_is_tried_once():
    seen = []

    class Told(torch.nn.Linear):
        def forward(self, rows):
            seen.append(rows.dtype)
            return super().forward(rows.mul_(2))  # the rows that are tried are others

    served = Told(4, 2)
    adapter = Torch()
    adapter._callers[served] = caller = _caller(served)
    rows = ROWS.astype("float64")
    with torch.inference_mode():
        expected = torch.nn.functional.linear(
            torch.from_numpy(ROWS) * 2, served.weight, served.bias
        ).numpy()
    assert np.array_equal(caller.call("predict", rows.copy()), expected)
    assert np.array_equal(adapter.call(served, "predict", rows.copy()), expected)
    assert seen == [torch.float64, torch.float32, torch.float32]


def _caller(model):
    from modelbundle.runtime.frameworks.pytorch.caller import Caller

    return Caller(model)


def test_a_row_at_fault_settles_nothing():
    class Picky(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(4))

        def forward(self, rows):
            if rows.min() < 0:
                raise ValueError("below zero")
            return rows * self.scale

    caller = _caller(Picky())
    with pytest.raises(ValueError, match="below zero"):
        caller.call("predict", -np.ones((1, 4)))
    assert caller.call("predict", np.ones((1, 4))).dtype == np.float64


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_a_frozen_script_whose_weights_are_constants_gets_what_they_take(tmp_path):
    network = torch.nn.Linear(4, 2).eval()
    torch.jit.freeze(torch.jit.trace(network, torch.ones(1, 4))).save(tmp_path / "frozen.pt")

    frozen = torch.jit.load(tmp_path / "frozen.pt")
    assert not list(frozen.parameters())
    rows = ROWS.astype("float64")
    for _ in range(2):
        got = loaded(frozen, rows).call("predict", rows)
        assert got == pytest.approx(own_answer(network, ROWS), abs=1e-6)


def test_what_has_no_weights_takes_floats_as_they_come():
    class Same(torch.nn.Module):
        def forward(self, rows):
            return rows

    rows = ROWS.astype("float64") + 1e-12
    assert loaded(Same(), rows).call("predict", rows).dtype == np.float64
