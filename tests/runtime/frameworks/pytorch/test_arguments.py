"""How modules take several inputs: one by one, by name, or all in one dict."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch

import modelbundle
from modelbundle.bundler.saving.save_options import SaveOptions
from modelbundle.bundler.saving.saving import save_object
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.frameworks.pytorch import recipe as torch_recipe
from modelbundle.runtime.frameworks.pytorch.arguments import handing
from modelbundle.runtime.models.model import LoadedModel

BOTH = {"x": np.ones((2, 2), "float32"), "y": np.full((2, 2), 3, "float32")}


class InADict(torch.nn.Module):
    """As Lightning's modules and many a tutorial's take a batch."""

    def forward(self, batch: dict[str, torch.Tensor]):
        return batch["x"] - batch["y"]


class ByAnyName(torch.nn.Module):
    def forward(self, x, **others):
        return x - others["y"]


class InOrder(torch.nn.Module):
    def forward(self, *parts):
        return parts[0] - parts[1]


class WithOptional(torch.nn.Module):
    def forward(self, x, mask=None):
        return x if mask is None else x - mask


def answers(model, sample):
    item = modelbundle.save("m", model, sample=sample)
    loaded = LoadedModel.load(Store.default().directory(item))
    side = loaded.manifest.methods["predict"].inputs
    names = [field.name for field in side.fields]
    rows = [dict(zip(names, ([1.0, 1.0], [3.0, 4.0]), strict=True))]
    return names, table.to_instances(loaded.call("predict", table.collate(side, rows)))


@pytest.mark.parametrize("model", [InADict(), ByAnyName(), InOrder()])
def test_a_module_gets_its_inputs_as_it_takes_them(model):
    assert answers(model, BOTH) == (["x", "y"], [[-2.0, -3.0]])


def test_the_parts_of_a_tuple_go_in_order():
    parts = tuple(BOTH.values())
    assert answers(InOrder(), parts) == (["input-0", "input-1"], [[-2.0, -3.0]])
    assert answers(WithOptional(), parts) == (["x", "mask"], [[-2.0, -3.0]])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_script_says_itself_what_it_takes():
    assert answers(torch.jit.script(InADict()), BOTH) == (["x", "y"], [[-2.0, -3.0]])
    assert handing(torch.jit.script(WithOptional()), ["x", "mask"]) == "named"
    assert handing(torch.jit.script(OddlyInADict()), ["x", "y"]) == "whole"


def test_an_exported_program_gets_the_dict_that_it_was_exported_with():
    inputs = {name: torch.from_numpy(part) for name, part in BOTH.items()}
    rows = torch.export.Dim("rows", min=1, max=64)
    shapes = ({"x": {0: rows}, "y": {0: rows}},)
    program = torch.export.export(InADict(), (inputs,), dynamic_shapes=shapes)
    assert answers(program, BOTH) == (["x", "y"], [[-2.0, -3.0]])


@pytest.mark.parametrize(
    ("module", "names", "how"),
    [
        (WithOptional(), ["x"], "named"),
        (WithOptional(), ["rows"], "listed"),
        (WithOptional(), ["x", "other"], "listed"),
        (WithOptional(), ["input-0", "input-1"], "listed"),
        (torch.nn.Linear(2, 1), ["anything"], "listed"),
        (InADict(), ["x"], "whole"),
        (InADict(), ["batch"], "named"),
    ],
)
def test_what_a_method_knows_by_name_it_gets_by_name(module, names, how):
    assert handing(module, names) == how


def test_records_in_a_file_are_an_array_for_each_input(tmp_path):
    rows = [{"x": [1, 1.5], "y": [3, 4]}, {"x": [0, 0], "y": [1, 1]}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    np.savez(tmp_path / "rows.npz", **BOTH)
    for file in ("rows.json", "rows.npz"):
        given = SaveOptions(sample_file=tmp_path / file)
        store = Store.default()
        loaded = LoadedModel.load(store.directory(save_object("m", InADict(), given)))
        side = loaded.manifest.methods["predict"].inputs
        assert [(field.name, field.shape) for field in side.fields] == [
            ("x", (None, 2)),
            ("y", (None, 2)),
        ]
        answer = loaded.call("predict", table.collate(side, rows))
        assert table.to_instances(answer)[0] == [-2.0, -2.5]


class Detector(torch.nn.Module):
    """Answers as torchvision's detectors do."""

    def forward(self, images):
        return [
            {"boxes": image[: n + 1], "labels": torch.tensor([7] * n), "name": ("cat", image[0, 0])}
            for n, image in enumerate(images)
        ]


def test_a_detector_answers_with_as_many_boxes_as_there_are():
    images = np.arange(8, dtype="float32").reshape(2, 2, 2)
    item = modelbundle.save("m", Detector(), sample=images)
    loaded = LoadedModel.load(Store.default().directory(item))
    assert table.to_instances(loaded.call("predict", images)) == [
        {"boxes": [[0, 1]], "labels": [], "name": ["cat", 0]},
        {"boxes": [[4, 5], [6, 7]], "labels": [7], "name": ["cat", 4]},
    ]


class ModelOutput(OrderedDict):
    """As Hugging Face's, by which it is known."""


class Decoder(torch.nn.Module):
    """Answers as Hugging Face's do, with the cache for the next word."""

    def forward(self, ids):
        logits = ids[:, :, None].float()
        return ModelOutput(logits=logits, loss=logits.sum(), past_key_values=object(), states=None)


def test_the_cache_of_a_decoder_is_none_of_its_answers():
    item = modelbundle.save("m", Decoder(), sample={"ids": np.array([[1, 2], [3, 4]])})
    loaded = LoadedModel.load(Store.default().directory(item))
    answer = loaded.call("predict", {"ids": np.array([[5, 6]])})
    assert table.to_instances(answer) == [{"logits": [[5.0], [6.0]]}]


class OddlyInADict(torch.nn.Module):
    def forward(this, batch: dict[str, torch.Tensor]):  # noqa: N805
        return batch["x"] - batch["y"]


class OddlyNamed(torch.nn.Module):
    """What the first parameter is called is a habit."""

    def __init__(this, width=3):  # noqa: N805
        super().__init__()
        this.width = width
        this.layer = torch.nn.Linear(2, width)

    def forward(this, x):  # noqa: N805
        return this.layer(x)


def test_a_recipe_needs_no_self():
    found = torch_recipe.describe(OddlyNamed(4))
    assert found is not None
    assert found["init"] == {"width": 4}
