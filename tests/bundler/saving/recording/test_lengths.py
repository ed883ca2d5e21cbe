"""Lengths: sequences are as long as they are."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import modelbundle
from modelbundle.bundler.errors import SampleMismatch
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.recording import lengths
from modelbundle.bundler.saving.save_options import SaveOptions
from modelbundle.bundler.store import Store
from modelbundle.runtime.data.rows import table
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side
from modelbundle.runtime.models.model import LoadedModel


class Tagger(nn.Module):
    """One label for a sequence, or one vector for each token of it."""

    def __init__(self, each):
        super().__init__()
        self.each = each
        self.layer = nn.Embedding(9, 2)

    def forward(self, tokens):
        made = self.layer(tokens)
        return made if self.each else made.sum(1)


@pytest.mark.parametrize(("each", "shape"), [(False, (None, 2)), (True, (None, None, 2))])
def test_rows_of_several_lengths_leave_the_length_free(each, shape):
    model = Tagger(each).eval()
    item = modelbundle.save("m", model, sample=[torch.arange(3), torch.arange(5), torch.arange(3)])
    loaded = LoadedModel.load(Store.default().directory(item))
    signature = loaded.manifest.methods["predict"]
    assert signature.inputs.fields[0].shape == (None, None)
    assert signature.outputs.fields[0].shape == shape
    assert signature.batchable
    tokens = torch.tensor([[1, 2, 3, 4, 5, 6, 7]])
    got = table.to_instances(
        loaded.call("predict", table.collate(signature.inputs, tokens.tolist()))
    )
    assert got == model(tokens).tolist()


def test_so_do_those_of_a_file(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([[1, 2, 3], [4, 5]]))
    options = SaveOptions(sample_file=path)
    item = saving.save_object("m", Tagger(each=False).eval(), options)
    signature = LoadedModel.load(Store.default().directory(item)).manifest.methods["predict"]
    assert signature.inputs.fields[0].shape == (None, None)


def test_each_length_is_tried():
    with pytest.raises(SampleMismatch, match="no entry for one of the numbers"):
        modelbundle.save("m", Tagger(each=False).eval(), sample=[[1, 2], [1, 2, 10]])


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], [1, 2], [[1], [[2]]], ["a", "bc"], [], None])
def test_rows_that_are_alike_stay_as_they_are(rows):
    assert lengths.split(rows) == (rows, [])


def test_answers_with_other_names_are_any_json():
    one = Side("tensors", (Field("a", "int64", (None,)),))
    assert lengths.free(one, [Side("tensors", (Field("b", "int64", (None,)),))]) == OBJECTS
    assert np.shape(lengths.split([[1, 2], [1]])[0]) == (1, 2)
