"""Whether torch can compute where it is asked to."""

import pytest
import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import NoDevice
from modelbundle.runtime.models.model import LoadedModel


@pytest.mark.skipif(torch.cuda.is_available(), reason="this torch can use a GPU")
def test_a_gpu_that_torch_cannot_use_is_refused_with_the_reason():
    item = modelbundle.save("m", torch.nn.Linear(2, 1), sample=[[1.0, 2.0]])
    with pytest.raises(NoDevice, match=r"This torch .* (is built for CPUs|and finds no GPU)"):
        LoadedModel.load(Store.default().directory(item), "cuda:0")
