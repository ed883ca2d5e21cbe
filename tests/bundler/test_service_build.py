"""Bundles of a service class, whose source is read and never run."""

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.errors import BuildError

BUNDLEFILE = "name: fraud\nmodels: [{ref: iris, as: net}]\nservice: service:Fraud\n"
SERVICE = """
import nowhere_to_be_found
import numpy as np
import modelbundle as mb

raise SystemExit("the build has run the service")

@mb.service
class Fraud:
    '''Scores.'''

    def __init__(self):
        self.net = mb.model("MODEL")

    @mb.api(batchable=True, max_batch_size=8)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        '''Score rows.'''
        return self.net(rows)
"""


@pytest.fixture
def service(locked_project, add_model):
    """Build the service around `model(NAME)`."""
    add_model()

    def write(name="net", bundlefile=BUNDLEFILE, **files):
        text = SERVICE.replace("MODEL", name)
        return build(locked_project(bundlefile, {"service.py": text, **files}))

    return write


def test_routes_types_and_docs_are_read_and_nothing_runs(service):
    built = service()
    (route,) = built.manifest.routes
    assert (route.path, route.method, route.max_batch_size) == ("/predict", "predict", 8)
    assert "Score rows." in (built.directory / "openapi.json").read_text()
    assert 'method="predict"' in (built.directory / "server.py").read_text()
    assert built.manifest.executes_code


@pytest.mark.parametrize("name", ["net", "iris"])
def test_a_model_is_found_by_alias_or_by_name(service, name):
    assert service(name).item.name == "fraud"


def test_a_model_that_is_not_in_the_bundlefile_is_an_error_with_the_nearest(service):
    with pytest.raises(BuildError, match=r'model\("nett"\)') as caught:
        service("nett")
    assert caught.value.hint == "Did you mean `net`?"


def test_an_import_that_nothing_provides_is_a_warning(service):
    built = service()
    assert [w for w in built.warnings if "`nowhere_to_be_found`" in w]


def test_a_service_that_is_left_out_is_an_error(service):
    with pytest.raises(BuildError, match=r"leaves out `service\.py`"):
        service(bundlefile=BUNDLEFILE + "exclude: [service.py]\n")


def test_a_module_that_the_service_imports_and_the_bundle_leaves_out_is_an_error(service):
    files = {
        "nowhere_to_be_found.py": "from shop import words\n",
        "shop/words.py": "if __name__ == '__main__':\n    import train\n",
        "train.py": "",
        "numpy.py": "",  # the package is imported in its place
    }
    only = BUNDLEFILE + "include: [service.py, nowhere_to_be_found.py, shop/*.py]\n"
    with pytest.raises(BuildError, match=r"`shop/words\.py`, which `nowhere_to_be_found\.py:1` im"):
        service(bundlefile=only.replace(", shop/*.py", ""), **files)
    assert service(bundlefile=only, **files).item
