"""Recipes: which networks are kept without a pickle."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from modelbundle.runtime.frameworks.pytorch import recipe


class Tagger(nn.Module):
    def __init__(self, kind="LSTM", width=5):
        super().__init__()
        self.kind, self.width = kind, width
        self.words = nn.Embedding(9, 4)
        self.body = getattr(nn, kind)(4, width, batch_first=True, bidirectional=True)

    def forward(self, ids):
        return self.body(self.words(ids))[0]


class Normed(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.width = width
        self.first = parametrizations.weight_norm(nn.Linear(width, 5))
        self.last = parametrizations.spectral_norm(nn.Linear(5, 2))

    def forward(self, x):
        return self.last(self.first(x).relu())


class Placed(nn.Module):
    """With a table that is in no state_dict."""

    def __init__(self, width=4, base=100.0):
        super().__init__()
        self.width, self.base = width, base
        self.layer = nn.Linear(width, 2)
        self.register_buffer("angles", base ** torch.arange(width).float(), persistent=False)
        self.register_buffer("unused", None, persistent=False)

    def forward(self, x):
        return self.layer(x / self.angles)


class Configured(nn.Module):
    """Takes its settings apart."""

    def __init__(self, config):
        super().__init__()
        self.config = dict(config)
        self.layer = nn.Linear(config.pop("width"), config["out"]["size"])

    def forward(self, x):
        return self.layer(x)


class Forgetful(nn.Module):
    def __init__(self, width, rate=0.5):
        super().__init__()
        self.layer = nn.Linear(width, 2)

    def forward(self, x):
        return self.layer(x)


def again(model):
    """The module that the recipe of `model` makes, with its weights, as from a file."""
    copy = recipe.sketch(recipe.describe(model))
    copy.load_state_dict(model.state_dict(), assign=True)
    if any(buffer.is_meta for buffer in copy.buffers()):
        copy = recipe.build(recipe.describe(model))
        copy.load_state_dict(model.state_dict(), assign=True)
    return copy.eval()


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_networks_have_a_recipe(kind):
    net, ids = Tagger(kind).eval(), torch.tensor([[1, 2, 3]])
    assert recipe.describe(net)["init"] == ({} if kind == "LSTM" else {"kind": kind})
    assert torch.equal(again(net)(ids), net(ids))


def test_parametrized_weights_have_a_recipe():
    net, rows = Normed().eval(), torch.rand(3, 4)
    assert recipe.describe(net) is not None
    assert torch.equal(again(net)(rows), net(rows))


def test_a_parametrization_that_came_later_has_none():
    net = Forgetful(4)
    net.width = 4
    parametrizations.weight_norm(net.layer)
    assert recipe.describe(net) is None


def test_buffers_that_init_makes_need_not_be_kept():
    net, rows, state = Placed(base=7.0).eval(), torch.rand(3, 4), torch.get_rng_state()
    assert recipe.describe(net)["init"] == {"base": 7.0}
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(again(net)(rows), net(rows))


@pytest.mark.parametrize("value", [torch.ones(4), torch.ones(4, dtype=torch.float64), None])
def test_buffers_that_were_learned_are_not_forgotten(value):
    net = Placed()
    net.angles = value
    assert recipe.describe(net) is None


def test_a_large_module_is_not_made_twice_for_its_buffers(monkeypatch):
    monkeypatch.setattr(recipe, "_BUILT", 8)
    assert recipe.describe(Placed()) is None


def test_settings_in_a_dict_are_plain_and_stay_whole():
    net, rows = Configured({"width": 3, "out": {"size": 2}}).eval(), torch.rand(2, 3)
    told = recipe.describe(net)
    assert told["init"] == {"config": {"width": 3, "out": {"size": 2}}}
    assert torch.equal(again(net)(rows), net(rows))


@pytest.mark.parametrize("extra", [{"sizes": (1, 2)}, {1: 2}, {"sizes": [(1,)]}, {"act": nn.ReLU}])
def test_settings_that_json_would_change_are_not_plain(extra):
    assert recipe.describe(Configured({"width": 3, "out": {"size": 2}} | extra)) is None


def test_a_lost_argument_is_named(monkeypatch):
    assert recipe.obstacle(Forgetful(3)) == (
        "does not keep its argument `width` as an attribute of that name"
    )
    assert recipe.obstacle(nn.LSTM(2, 2)) == "takes more than plain arguments to make"
    monkeypatch.setitem(sys.modules, __name__, ModuleType(__name__))  # made in a function
    assert recipe.obstacle(Forgetful(3)) == "takes more than plain arguments to make"
