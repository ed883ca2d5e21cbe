"""Serving a model or a project without building a bundle."""

import pytest

from modelbundle.bundler.building import model_bundle
from modelbundle.bundler.errors import BuildError
from modelbundle.bundler.saving.saving import save
from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest


def test_a_model_becomes_a_directory_for_as_long_as_it_is_served(add_model, own_store):
    item = add_model(methods=("predict", "score"), executes=True)
    with model_bundle.of_model(item, own_store) as directory:
        manifest = BundleManifest.read(directory)
        assert [route.path for route in manifest.routes] == ["/predict", "/score"]
        assert (directory / "models/iris/model.bin").read_bytes() == b"weights"
        assert (directory / "models/iris/model.json").exists()
        assert (directory / "samples/iris/score.json").exists()
        assert manifest.lock is None
    assert not directory.exists()


def test_an_object_with_nothing_to_call_is_refused_in_a_sentence(own_store):
    item = save("words", {"a": 1}, store=own_store)
    with (
        pytest.raises(BuildError, match="nothing to call"),
        model_bundle.of_model(item, own_store),
    ):
        raise AssertionError("it was served")


def test_a_model_that_nobody_vouched_for_is_refused(add_model, own_store):
    item = add_model(executes=True)
    own_store.trust.revoke(item.digest)
    with pytest.raises(NotTrusted, match="iris") as caught, model_bundle.of_model(item, own_store):
        raise AssertionError("it was served")
    assert caught.value.exit_code == 5


def test_a_project_is_served_from_where_it_is(project, add_model, own_store):
    add_model()
    written = project("name: x\nmodels: [iris]\nserve: {port: 9000}\n", {"helper.py": "x = 1\n"})
    with model_bundle.of_project(written, own_store, lambda _: None) as directory:
        (written.root / "helper.py").write_text("x = 2\n")
        assert (directory / "src" / "helper.py").read_text() == "x = 2\n"
        assert BundleManifest.read(directory).serve["port"] == 9000
    assert (written.root / "helper.py").exists()
