"""Batches on their way to a device and back; without a GPU, the same steps on the CPU."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.frameworks.pytorch.lane import DeviceLane, as_tensor, to_arrays

HAS_GPU = torch.cuda.is_available()
DEVICES = [
    "cpu",
    pytest.param(
        "cuda:0", marks=[pytest.mark.gpu, pytest.mark.skipif(not HAS_GPU, reason="there is no GPU")]
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_floats_arrive_in_the_dtype_of_the_weights_and_whole_numbers_as_they_are(device, dtype):
    seen = {}

    def model(tensors):
        seen.update(tensors)
        return tensors["x"] * 2

    rows = np.arange(6.0).reshape(3, 2)
    answer = DeviceLane(device, dtype).call(model, {"x": rows, "i": np.arange(3)})
    assert {name: part.dtype for name, part in seen.items()} == {"x": dtype, "i": torch.int64}
    assert {part.device for part in seen.values()} == {torch.device(device)}
    assert np.array_equal(answer.astype("float64"), rows * 2)


@pytest.mark.parametrize("device", DEVICES)
def test_answers_keep_their_structure(device):
    def model(rows):
        part = (rows, None, rows.sum(1), None)
        return {"a": rows, "pair": (rows, rows.sum(1)), "none": None, "part": part}

    answer = DeviceLane(device, None).call(model, np.ones((2, 2)))
    assert answer.keys() == {"a", "pair", "part"}
    assert {name: part.shape for name, part in answer["part"].items()} == {
        "output-0": (2, 2),
        "output-2": (2,),
    }
    assert [part.shape for part in answer["pair"]] == [(2, 2), (2,)]
    assert answer["a"].dtype == np.float64


@dataclass
class Scores:
    """What the forward of many modules returns."""

    logits: object
    hidden: object = None


@pytest.mark.parametrize("device", DEVICES)
def test_a_dataclass_is_told_by_the_names_of_its_fields(device):
    answer = DeviceLane(device, None).call(lambda rows: Scores(rows * 2), np.ones((2, 2)))
    assert answer.keys() == {"logits"}
    assert np.array_equal(answer["logits"], np.full((2, 2), 2.0))


@pytest.mark.parametrize("device", DEVICES)
def test_a_sparse_answer_comes_back_dense(device):
    rows = np.eye(3)
    answer = DeviceLane(device, None).call(lambda tensor: tensor.to_sparse(), rows)
    assert np.array_equal(answer, rows)


@pytest.mark.parametrize("device", DEVICES)
def test_images_come_with_the_channels_last_where_the_model_wants_them_so(device):
    shapes = []

    def model(rows):
        shapes.append(rows.is_contiguous(memory_format=torch.channels_last))
        return rows

    images = np.random.default_rng(0).random((2, 3, 4, 5)).astype("float32")
    answer = DeviceLane(device, torch.float32, is_channels_last=True).call(model, images)
    assert shapes == [True]
    assert np.array_equal(answer, images)


def test_on_a_cpu_rows_of_the_right_dtype_are_not_copied():
    rows = np.ones((4, 2), "float32")
    seen = []
    DeviceLane("cpu", torch.float32).call(lambda tensor: seen.append(tensor) or tensor, rows)
    assert seen[0].data_ptr() == rows.ctypes.data


def test_what_holds_no_numbers_is_the_clients_mistake():
    with pytest.raises(InvalidInput, match="expected numbers"):
        as_tensor(np.array(["a"]))


def test_foreign_byte_order_and_read_only_rows_are_taken():
    rows = np.arange(3, dtype=">f8")
    rows.flags.writeable = False
    assert as_tensor(rows).tolist() == [0, 1, 2]


def test_bfloat16_comes_back_as_float32():
    assert to_arrays(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
