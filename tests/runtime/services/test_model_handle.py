import asyncio

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import modelbundle as mb
from modelbundle.runtime.errors import BundleError, NotTrusted
from modelbundle.runtime.manifests.bundle_manifest import bundle_digest
from modelbundle.runtime.services.model_handle import ModelHandle, Models, using

from .bundle_directory import bundle_directory
from .service_project import Doubler


def test_a_model_is_found_by_alias_or_name_and_a_wrong_one_named():
    runner = Doubler()
    models = Models({"net": runner}, names={"fraud-net": "net"})
    assert models.find("net") is models.find("fraud-net") is runner
    with pytest.raises(BundleError, match="no model `nett`") as raised:
        models.find("nett")
    assert raised.value.hint == "Did you mean `net`?"
    with pytest.raises(BundleError) as raised:
        Models({}).find("x")
    assert "models:" in raised.value.hint


def test_methods_are_attributes_and_a_wrong_one_lists_them():
    handle = ModelHandle("net", Models({"net": Doubler()}))
    assert handle.negate(np.ones(1)).tolist() == [-1]
    assert "negate" in dir(handle)
    assert repr(handle.negate) == "model('net').negate"
    with pytest.raises(AttributeError, match="has no method `negat`; it has `predict`, `negate`"):
        handle.negat  # noqa: B018
    assert not hasattr(handle, "__array__")


def test_an_object_without_methods_is_given_and_cannot_be_called(tmp_path, monkeypatch):
    directory = bundle_directory(tmp_path, "words", "words", {"a": 1}, None)
    monkeypatch.setenv("BUNDLE_DIR", str(directory))
    monkeypatch.setenv("BUNDLE_TRUST", bundle_digest(directory))
    words = mb.model("words")
    assert words.object == {"a": 1}
    assert dir(words) == ["object"]
    with pytest.raises(BundleError, match="no methods"):
        words([1])
    with pytest.raises(AttributeError, match=r"no method `get`; it has only `\.object`"):
        words.get  # noqa: B018


def test_an_author_tests_a_class_with_models_of_his_own():
    class Service:
        def __init__(self):
            self.net = mb.model("net")

    with using(Models({"net": Doubler()})):
        service = Service()
    assert service.net([1, 2]).tolist() == [2, 4]

    async def awaited():
        return await service.net([1, 2])

    assert asyncio.run(awaited()).tolist() == [2, 4]


def test_outside_a_server_the_models_of_the_bundle_at_bundle_dir_answer(tmp_path, monkeypatch):
    """By alias or by name; what would run code needs trust, as everywhere."""
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    net = LogisticRegression().fit(rows, [0, 0, 1, 1])
    directory = bundle_directory(tmp_path, "iris", "net", net, rows)
    monkeypatch.setenv("BUNDLE_DIR", str(directory))
    with pytest.raises(NotTrusted):
        mb.model("net")
    monkeypatch.setenv("BUNDLE_TRUST", bundle_digest(directory))
    assert mb.model("net")(rows).tolist() == net.predict(rows).tolist()
    assert mb.model("iris").predict_proba(rows).shape == (4, 2)
    with pytest.raises(BundleError, match="no model `other`"):
        mb.model("other")
