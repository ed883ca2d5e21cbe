"""Wrappers of training are left behind when a module is saved."""

import pytest
import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.models.model import LoadedModel

ROWS = torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture(name="training")
def _training(tmp_path):
    where = f"file://{tmp_path / 'rendezvous'}"
    torch.distributed.init_process_group("gloo", init_method=where, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def _served(module):
    item = modelbundle.save("m", module, sample=ROWS)
    return LoadedModel.load(Store.default().directory(item))


def _parallel(net):
    return torch.nn.parallel.DistributedDataParallel(net)


@pytest.mark.usefixtures("training")
@pytest.mark.parametrize(
    "wrapped",
    [
        _parallel,
        torch.nn.DataParallel,
        lambda net: torch.compile(_parallel(net), backend="eager"),
        lambda net: _parallel(torch.compile(net, backend="eager")),
    ],
)
def test_a_module_within_wrappers_is_served_without_them(wrapped):
    """One of DistributedDataParallel was saved, and no server could load it."""
    net = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Tanh())
    loaded = _served(wrapped(net))
    assert loaded.manifest.format == "safetensors"
    expected = net(ROWS).detach().numpy()
    assert loaded.call("predict", ROWS.numpy()) == pytest.approx(expected, abs=1e-6)
