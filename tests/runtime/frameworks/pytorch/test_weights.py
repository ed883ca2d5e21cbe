"""Weights: a module without any is no model yet."""

import pytest
import torch
from torch import nn

import modelbundle
from modelbundle.runtime.errors import InvalidModel


@pytest.mark.parametrize("sample", [None, torch.ones(2, 3)])
@pytest.mark.parametrize(
    ("net", "said"),
    [
        (nn.Sequential(nn.LazyLinear(2)), "`0.weight` has no values yet: the module is lazy"),
        (nn.Sequential(nn.LazyBatchNorm1d(affine=False)), "`0.running_mean` has no values yet"),
        (nn.Sequential(nn.Linear(3, 2, device="meta")), "`0.weight` has no values: it is on the"),
    ],
)
def test_a_module_without_weights_is_not_saved(net, said, sample):
    with pytest.raises(InvalidModel, match=said) as caught:
        modelbundle.save("m", net, sample=sample)
    assert "before it is saved" in caught.value.hint


def test_a_lazy_module_that_was_called_is():
    net = nn.Sequential(nn.LazyLinear(2))
    net(torch.ones(2, 3))
    assert modelbundle.save("m", net, sample=torch.ones(2, 3))
