"""A package that a model asks for is code: whose it is, is asked of whoever vouches for the model."""

import pytest

from modelbundle.bundler.requirements import libraries
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.model_entry import ModelEntry


def bundle_of(model):
    entry = ModelEntry("iris", "iris", model.version, model.digest, "sklearn", False)
    nothing = {key: {} for key in ("labels", "accelerator", "serve", "security", "image")}
    return BundleManifest(
        name="shop",
        version=None,
        description="",
        models=(entry,),
        service=None,
        routes=(),
        files=(),
        python="3.11",
        lock=None,
        hermetic=True,
        packer="test",
        **nothing,
    )


def test_what_adapters_are_made_of_is_known():
    assert libraries.beyond(["NumPy", "scikit_learn", "torch", "xgboost"]) == []
    assert libraries.beyond(["numpy", "Evil.Pkg", "evil_pkg"]) == ["evil-pkg"]


def test_a_package_of_a_model_that_nobody_trusts_is_named(add_model, own_store):
    model = add_model(packages={"numpy": "2.0.0", "evil-pkg": "1.0"})
    assert libraries.unvouched(bundle_of(model), own_store) == ["evil-pkg"]
    own_store.trust.grant(model.digest, "known")
    assert libraries.unvouched(bundle_of(model), own_store) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"[" * 100_000])
def test_a_damaged_model_is_left_to_who_compares_it(add_model, own_store, damage):
    model = add_model(packages={"evil-pkg": "1.0"})
    path = own_store.blob(model.digest)
    path.chmod(0o644)
    path.write_bytes(damage)
    assert libraries.unvouched(bundle_of(model), own_store) == []
