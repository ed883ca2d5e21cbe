"""How a model computes: in words, in a manifest, and how far its answers may go."""

import pytest

from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.tuning import Tuning

TUNINGS = [
    Tuning(precision, mode)
    for precision in (None, "float32", "bfloat16", "float16")
    for mode in (False, True, "reduce-overhead")
]


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_manifest_tells_it_as_it_was_chosen(tuning):
    entry = ModelEntry("a", "a", "1", "sha256:0", "torch", False, tuning)
    assert ModelEntry.from_json(entry.to_json()) == entry


def test_a_model_as_it_was_saved_adds_nothing_to_a_manifest():
    plain = ModelEntry("a", "a", "1", "sha256:0", "torch", False)
    assert not {"precision", "compile", "tuning"} & plain.to_json().keys()
    assert plain.tuning.is_default
    assert plain.tuning.tolerance is None


@pytest.mark.parametrize("data", [{"precision": "int8"}, {"compile": "max"}, {"compile": 2}])
def test_what_a_manifest_cannot_mean_is_refused(data):
    with pytest.raises(ValueError, match="is no"):
        Tuning.from_json(data)


def test_the_tolerance_is_that_of_the_coarsest_part():
    assert Tuning("bfloat16", True).tolerance == Tuning("bfloat16").tolerance
    assert Tuning("float16").tolerance < Tuning("bfloat16").tolerance
    assert Tuning(None, True).tolerance < Tuning("float16").tolerance


def test_a_gpu_is_allowed_the_digits_that_it_multiplies_with():
    assert Tuning().tolerance_on("cpu") is None
    assert Tuning().tolerance_on("cuda:0") == Tuning("float16").tolerance
    assert Tuning(None, True).tolerance_on("cuda:0") == Tuning("float16").tolerance
    assert Tuning("bfloat16").tolerance_on("cuda:0") == Tuning("bfloat16").tolerance


def test_words_are_those_of_the_bundlefile():
    assert Tuning("bfloat16", "reduce-overhead").words == "bfloat16, compiled (reduce-overhead)"
    assert Tuning(None, True).words == "compiled"
    assert not Tuning().words
