"""Which routes a bundle answers."""

import pytest

from modelbundle.bundler.building.routes import missing, of_models, plan
from modelbundle.bundler.errors import BuildError
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.signature import Signature


def model(*methods):
    return ModelManifest(
        framework="sklearn", loader="x:Y", format="pickle", python="3.11.7", packages={},
        methods={name: Signature(batchable=name != "whole") for name in methods}, files=(),
        executes_code=False,
    )  # fmt: skip


def paths(routes):
    return [route.path for route in routes]


def test_one_model_has_a_route_for_each_method():
    routes = of_models({"iris": model("predict", "whole")})
    assert paths(routes) == ["/predict", "/whole"]
    assert [route.batchable for route in routes] == [True, False]


def test_several_models_have_routes_below_their_alias_and_the_first_one_bare_too():
    routes = of_models({"a": model("predict"), "b": model("predict", "score")})
    assert paths(routes) == ["/predict", "/a/predict", "/b/predict", "/b/score"]
    assert routes[0].model == "a"


def test_the_bundlefile_overrides_a_route_and_its_batching(project):
    written = project(
        "name: x\nmodels: [iris]\n"
        "serve: {apis: {predict: {route: /v1/score, batch: {latency_budget: 25ms}}}}\n"
    )
    (route,) = plan(written, {"iris": model("predict")}).routes
    assert (route.path, route.latency_budget, route.max_batch_size) == ("/v1/score", 0.025, None)


def test_an_unknown_api_is_an_error_with_the_nearest(project):
    written = project("name: x\nmodels: [iris]\nserve: {apis: {predikt: {route: /v1}}}\n")
    with pytest.raises(BuildError, match="predikt") as caught:
        plan(written, {"iris": model("predict")})
    assert caught.value.hint == "Did you mean `predict`?"


def test_the_servers_own_paths_cannot_be_taken(project):
    with pytest.raises(BuildError, match="the server answers there") as caught:
        plan(project("name: x\nmodels: [iris]\n"), {"iris": model("docs")})
    assert "serve.apis.docs" in caught.value.hint


def test_two_routes_at_one_path_are_an_error(project):
    written = project("name: x\nmodels: [iris]\nserve: {apis: {score: {route: /predict}}}\n")
    with pytest.raises(BuildError, match="both at `/predict`"):
        plan(written, {"iris": model("predict", "score")})


def test_a_model_with_nothing_to_call_is_no_service_of_its_own(project):
    for models in ({"words": model()}, {"iris": model("predict"), "words": model()}):
        with pytest.raises(BuildError, match="`words` has nothing to call") as caught:
            of_models(models)
        assert 'model("words").object' in caught.value.hint


def test_imports_that_nothing_provides_are_told_and_nothing_else():
    imports = {"os", "numpy", "PIL", "net", "sklearn", "dotenv", "modelbundle"}
    found = missing(imports, {"net"}, {"numpy", "scikit-learn", "python-dotenv"})
    assert len(found) == 1
    assert "`PIL`" in found[0]
    assert "`pillow`" in found[0]
