"""A class that is named as `module:Class` is served without a bundlefile."""

import pytest

from modelbundle.bundler.building.service.named_service import Named, project_of
from modelbundle.bundler.errors import BuildError

SERVICE = """
import modelbundle as mb

raise SystemExit("nothing of this is run")


@mb.service
class FraudScorer:
    def __init__(self):
        self.net, self.guard = mb.model("net"), mb.model("guard")

    @mb.api
    def score(self, amount: float) -> float: ...
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "fraud.py").write_text(SERVICE)
    (tmp_path / "service.py").write_text(SERVICE)
    return tmp_path


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("service:FraudScorer", "service:FraudScorer"),
        ("service.py:FraudScorer", "service:FraudScorer"),
        ("shop.fraud:FraudScorer", "shop.fraud:FraudScorer"),
        ("shop/fraud.py:FraudScorer", "shop.fraud:FraudScorer"),
        ("iris:FraudScorer", None),
        ("service:1.4", None),
        ("service", None),
        ("../service.py:FraudScorer", None),
        ("sha256:abcdef", None),
    ],
)
def test_only_a_class_of_a_module_that_is_here_is_meant(root, target, named):
    found = Named.read(target, root)

    assert (str(found) if found else None) == named


def test_without_a_bundlefile_the_models_are_those_that_the_source_asks_for(root):
    project = project_of(Named("shop.fraud", "FraudScorer"), root)

    bundlefile = project.bundlefile
    assert (project.root, bundlefile.name) == (root, "fraud-scorer")
    assert bundlefile.service == "shop.fraud:FraudScorer"
    assert [model.alias for model in bundlefile.models] == ["net", "guard"]


def test_a_bundlefile_keeps_its_say_about_all_but_the_class(root):
    (root / "bundlefile.yaml").write_text(
        "name: shop\nmodels: [{ref: fraud_net, as: net}]\nserve: {timeout: 7s}\n"
    )

    bundlefile = project_of(Named("service", "FraudScorer"), root).bundlefile

    assert (bundlefile.name, bundlefile.service) == ("shop", "service:FraudScorer")
    assert [(model.ref, model.alias) for model in bundlefile.models] == [
        ("fraud_net", "net"),
        ("guard", "guard"),
    ]
    assert bundlefile.serve_settings()["timeout"] == 7


def test_a_class_that_is_not_there_is_told_with_the_file_and_what_was_meant(root):
    with pytest.raises(BuildError, match=r"service.py:1: there is no class `FraudScore`") as told:
        project_of(Named("service", "FraudScore"), root)

    assert told.value.hint == "Did you mean `service:FraudScorer`?"


def test_a_model_whose_name_is_no_tag_takes_a_bundlefile(root):
    (root / "service.py").write_text(SERVICE.replace('"guard"', '"The Guard"'))

    with pytest.raises(BuildError, match="without a bundlefile"):
        project_of(Named("service", "FraudScorer"), root)
