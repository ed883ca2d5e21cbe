"""Models by name, alias, version, label and method."""

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pytest

from modelbundle.runtime.dialects.catalog import Catalog
from modelbundle.runtime.dialects.dialect import dialects, meanings
from modelbundle.runtime.dialects.routes import ROUTES, route_names
from modelbundle.runtime.errors import NotSupported, UnknownModel
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.settings import DIALECTS, ServeSettings
from modelbundle.runtime.plan import Plan

from ..conftest import make_sums
from .zoo import make_zoo

if TYPE_CHECKING:
    from modelbundle.runtime.manifests.bundle_manifest import BundleManifest


def catalog_of(tmp_path, *entries):
    """A catalog of saved models: (alias, name, version, label)."""
    plan = Plan.read(make_sums(tmp_path))
    listed = tuple(
        ModelEntry(a, n, v, "sha256:0", "generic", True, label=w) for a, n, v, w in entries
    )
    manifest = dataclasses.replace(plan.manifest, models=listed)
    models = dict.fromkeys((each.alias for each in listed), plan.models["sums"])
    return Catalog.of(dataclasses.replace(plan, manifest=manifest, models=models))


def test_the_last_version_is_the_default(tmp_path):
    """By the name in the store; an alias of its own means one of them."""
    catalog = catalog_of(
        tmp_path,
        ("iris", "iris", "1", None),
        ("newer", "iris", "3f2a", "prod"),
        ("wine", "wine", "7", None),
    )
    assert [(s.name, s.version) for s in catalog.served()] == [
        ("iris", "3f2a"),
        ("iris", "1"),
        ("wine", "7"),
    ]
    assert catalog.find("iris").alias == "newer"
    assert catalog.find("newer").version == "3f2a"
    assert catalog.find("iris", "1").alias == "iris"
    assert catalog.find("iris", "").alias == "newer"
    assert catalog.find("iris", label="prod").version == "3f2a"
    assert catalog.find("iris", "2").version == "3f2a"  # the second, for who counts
    assert [catalog.number(s) for s in catalog.served()] == [2, 1, 7]
    for wrong in (("rose",), ("iris", "9"), ("newer", "1"), ("iris", None, "stage")):
        with pytest.raises(UnknownModel):
            catalog.find(*wrong)


def test_an_unknown_name_is_told_what_is_near(tmp_path):
    """Or what there is."""
    catalog = catalog_of(tmp_path, ("iris", "iris", "1", None))
    with pytest.raises(UnknownModel, match="did you mean `iris`"):
        catalog.find("irsi")
    with pytest.raises(UnknownModel, match="there is `iris`"):
        catalog.find("x" * 5000)


def test_methods_are_named_behind_a_point(tmp_path):
    """The first is what the bare name means."""
    catalog = Catalog.of(Plan.read(make_zoo(tmp_path)))
    assert catalog.find("scores").method == "predict"
    assert catalog.find("scores.predict_proba").method == "predict_proba"
    assert catalog.find("scores", method="explain").method == "explain"
    for wrong in (("scores.guess", None), ("scores", "guess"), (".predict", None)):
        with pytest.raises(UnknownModel):
            catalog.find(wrong[0], method=wrong[1])


def test_what_is_removed_is_not_found(tmp_path):
    """And what is added, is."""
    catalog = catalog_of(tmp_path, ("a", "iris", "1", None), ("b", "iris", "2", None))
    second = catalog.find("iris")
    catalog.remove(second)
    assert catalog.find("iris").version == "1"
    catalog.add([second])
    assert catalog.find("iris").version == "2"


def test_nothing_is_ready_before_it_is_loaded(tmp_path):
    """And says so in a clause."""
    served = catalog_of(tmp_path, ("iris", "iris", "1", None)).find("iris")
    assert not served.is_ready
    assert served.why == "not started"


async def _load(catalog):
    await catalog.lifecycle.load("iris")


def test_models_stay_where_nobody_may_change_them():
    """501, in words."""
    with pytest.raises(NotSupported):
        asyncio.run(_load(Catalog()))


def test_every_dialect_that_has_a_name_can_be_made():
    """Without a model; the metrics know their rules by name."""
    made = dialects(DIALECTS, Catalog())
    assert {each.name for each in made} == set(DIALECTS) - {"native", "grpc"}
    assert {e.name: {rule.name for rule in e.rules()} for e in made} == {
        name: set(routes) for name, routes in ROUTES.items()
    }
    names = route_names(DIALECTS)
    assert len(set(names)) == len(names)
    assert dialects(["native"], Catalog()) == []
    assert [name for name, _ in meanings(["native", "v2"])] == ["native", "v2"]


def test_an_authors_class_is_called_as_the_bundle(tmp_path):
    """Its first API; each of them by its own name."""
    plan = Plan.read(make_sums(tmp_path))
    routes = tuple(Route(f"/{name}", name, service="a:A") for name in ("first", "second"))
    manifest: BundleManifest = dataclasses.replace(plan.manifest, service="a:A", routes=routes)
    catalog = Catalog.of(Plan(plan.directory, manifest, {}, ServeSettings(), routes))
    assert catalog.find("demo").method == catalog.find("first").method == "first"
    assert catalog.find("second").signature is None
    assert [each.name for each in catalog.served()] == ["demo", "second"]
