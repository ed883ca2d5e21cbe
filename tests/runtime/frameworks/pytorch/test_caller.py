"""How a torch module is called: what stays as it was, and what is asked only once."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidInput
from modelbundle.runtime.frameworks.pytorch.caller import Caller, is_channels_last
from modelbundle.runtime.frameworks.torch import Torch
from modelbundle.runtime.models.model import LoadedModel


def make_net():
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Dropout(0.9), torch.nn.ReLU())


def load(model, sample):
    item = modelbundle.save("m", model, sample=sample)
    return LoadedModel.load(Store.default().directory(item))


def test_a_live_module_is_called_in_evaluation_mode_and_stays_in_training():
    net = make_net().train()
    rows = np.ones((5, 3), "float32")
    first = Torch().call(net, "predict", rows)
    assert np.array_equal(first, Torch().call(net, "predict", rows))
    assert net.training
    assert net[1].training


def test_convolutions_keep_the_channels_last_when_their_author_put_them_there():
    images = np.random.default_rng(0).random((2, 3, 8, 8)).astype("float32")
    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    last = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)).to(memory_format=torch.channels_last)
    last.load_state_dict(plain.state_dict())
    assert not is_channels_last(plain)
    assert is_channels_last(last)
    assert not is_channels_last(load(plain, images).object)
    loaded = load(last, images)
    assert is_channels_last(loaded.object)
    assert np.allclose(
        loaded.call("predict", images), Torch().call(plain, "predict", images), atol=1e-5
    )


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_environment_says_how_many_threads_torch_has(threads):
    item = modelbundle.save("m", make_net(), sample=np.ones((2, 3), "float32"))
    code = (
        "import torch, sys, pathlib\n"
        "from modelbundle.runtime.models.model import LoadedModel\n"
        "torch.set_num_threads(3)\n"
        "LoadedModel.load(pathlib.Path(sys.argv[1]))\n"
        "print(torch.get_num_threads())\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(Store.default().directory(item))],
        env=os.environ | {"OMP_NUM_THREADS": threads},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == threads


@pytest.mark.parametrize(
    ("shape", "said"),
    [((17, 4, 2), "rows <= 16"), ((2, 1, 2), "size on axis 1 >= 3"), ((2, 4, 3), "axis 2 == 2")],
)
def test_a_size_that_an_exported_program_does_not_take_is_the_clients(shape, said):
    rows, steps = torch.export.Dim("rows", max=16), torch.export.Dim("steps", min=3, max=8)
    sizes = ({0: rows, 1: steps},)
    program = torch.export.export(
        torch.nn.Linear(2, 2), (torch.ones(4, 4, 2),), dynamic_shapes=sizes
    )
    caller = Caller(program.module())
    assert caller.call("predict", np.ones((16, 8, 2), "float32")).shape == (16, 8, 2)
    with pytest.raises(InvalidInput, match=f"instances: the model takes `input` with .*{said}"):
        caller.call("predict", np.ones(shape, "float32"))
