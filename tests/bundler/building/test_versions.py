"""Which saved models an entry of a bundlefile means, and what they are called."""

import pytest

from modelbundle.bundler.building import versions
from modelbundle.bundler.building.building import build
from modelbundle.bundler.errors import NotFound
from modelbundle.bundler.project.bundlefile import ModelRef
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest


@pytest.fixture
def three(add_model, own_store):
    """`iris` in versions 1.0, 1.1 and 2, the second of which is `prod`."""
    for version in ("1.0", "1.1", "2"):
        item = add_model(weights=version.encode(), version=version)
        if version == "1.1":
            own_store.alias(item, "prod")
    return own_store


def meant(store, **entry):
    found = versions.chosen(ModelRef.model_validate({"ref": "iris"} | entry), store)
    return [(alias, item.version) for alias, item in found]


def test_one_entry_is_one_version_unless_it_says_otherwise(three):
    assert meant(three) == [("iris", "2")]
    assert meant(three, ref="iris@prod") == [("iris", "1.1")]


def test_several_have_their_versions_in_their_names_and_the_default_is_the_last(three):
    everything = [("iris-1-0", "1.0"), ("iris-1-1", "1.1"), ("iris", "2")]
    assert meant(three, versions="all") == everything
    assert meant(three, versions=2) == everything[1:]
    assert meant(three, versions=9) == everything
    assert meant(three, versions=["2", "1.0"]) == [("iris-2", "2"), ("iris", "1.0")]
    assert meant(three, versions="all", **{"as": "ranker"})[0] == ("ranker-1-0", "1.0")


def test_what_is_not_there_is_said(three):
    with pytest.raises(NotFound):
        meant(three, versions=["3"])
    with pytest.raises(NotFound):
        meant(three, ref="lilies", versions="all")


def test_a_bundle_has_them_with_their_labels_and_the_short_route_is_the_defaults(
    three, locked_project
):
    text = "name: flowers\nmodels:\n- ref: iris\n  versions: 2\n  load: lazy\n  unload_after: 10m\n"
    manifest = BundleManifest.read(build(locked_project(text)).directory)
    assert [(each.alias, each.name, each.version) for each in manifest.models] == [
        ("iris-1-1", "iris", "1.1"),
        ("iris", "iris", "2"),
    ]
    assert [each.label for each in manifest.models] == ["prod", None]
    assert {(each.is_lazy, each.unload_after) for each in manifest.models} == {(True, 600.0)}
    routes = {route.path: route.model for route in manifest.routes}
    assert routes == {
        "/predict": "iris",
        "/iris/predict": "iris",
        "/iris-1-1/predict": "iris-1-1",
    }
