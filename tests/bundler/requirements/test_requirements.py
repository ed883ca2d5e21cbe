"""What the lock must satisfy, and who is named for it."""

import tomllib

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.requirements import (
    RUNTIME,
    Requirement,
    Requirements,
    normalize,
)
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side, Signature


def model(packages, signature=None):
    return ModelManifest(
        framework="sklearn", loader="x:Y", format="pickle", python="3.11.7", packages=packages,
        methods={"predict": signature or Signature()}, files=(), executes_code=True,
    )  # fmt: skip


def wanted(requirements):
    return [item.text for item in requirements.wanted if item.origin != "modelbundle's runtime"]


def test_the_runtimes_requirements_are_those_of_the_distribution(checkout):
    """The two lists cannot drift apart."""
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    of_models = project["optional-dependencies"]["sklearn"]
    assert set(RUNTIME) <= {*project["dependencies"], *of_models}


def test_names_are_compared_as_the_index_compares_them():
    assert normalize("Scikit_Learn..x") == "scikit-learn-x"
    assert Requirement("Scikit_Learn[a]>=1 ; python_version > '3'", "me").name == "scikit-learn"


def test_a_models_packages_are_pinned_to_the_versions_it_was_saved_with():
    found = Requirements.gather([], [], {"iris": model({"scikit-learn": "1.9.1"})})
    assert wanted(found) == ["scikit-learn==1.9.1"]
    assert "model `iris`" in found.wanted[0].origin


def test_where_the_author_names_the_package_the_recorded_version_is_only_preferred():
    user = [Requirement("Scikit-Learn>=1.4", "python.requirements")]
    found = Requirements.gather(user, [], {"iris": model({"scikit-learn": "1.9.1"})})
    assert wanted(found) == ["Scikit-Learn>=1.4"]
    assert found.preferences == {"scikit-learn": "1.9.1"}


def test_a_marker_of_the_authors_does_not_leave_out_what_a_model_needs():
    user = [Requirement("scikit-learn==1.4 ; sys_platform == 'win32'", "python.requirements")]
    found = Requirements.gather(user, [], {"iris": model({"scikit-learn": "1.9.1"})})
    assert wanted(found) == [user[0].text, "scikit-learn"]
    assert found.preferences == {"scikit-learn": "1.9.1"}


def test_another_build_that_the_author_names_takes_the_place_of_the_recorded_one():
    user = [Requirement("onnxruntime-gpu", "python.requirements")]
    found = Requirements.gather(user, [], {"net": model({"onnxruntime": "1.31.1"})})
    assert wanted(found) == ["onnxruntime-gpu"]
    assert found.preferences["onnxruntime-gpu"] == "1.31.1"


@pytest.mark.parametrize(
    ("saved_with", "accelerator", "locked"),
    [
        ("onnxruntime", "auto", "onnxruntime==1.31.1"),
        ("onnxruntime", "cpu", "onnxruntime==1.31.1"),
        ("onnxruntime", "cuda==13.0", "onnxruntime-gpu[cuda,cudnn]==1.31.1"),
        ("onnxruntime-gpu", "cuda", "onnxruntime-gpu[cuda,cudnn]==1.31.1"),
        ("onnxruntime-gpu", "cpu", "onnxruntime==1.31.1"),
    ],
)
def test_a_models_packages_are_locked_in_the_build_for_the_accelerator(
    saved_with, accelerator, locked
):
    found = Requirements.gather([], [], {"net": model({saved_with: "1.31.1"})})
    assert wanted(found.fitted(accelerator)) == [locked]


def test_a_build_that_the_author_names_stays_whatever_the_accelerator():
    user = [Requirement("onnxruntime==1.30", "python.requirements")]
    found = Requirements.gather(user, [], {"net": model({"onnxruntime": "1.31.1"})})
    assert wanted(found.fitted("cuda")) == ["onnxruntime==1.30"]


def test_two_models_a_patch_apart_take_the_newer_and_say_so():
    models = {"a": model({"numpy": "2.4.5"}), "b": model({"numpy": "2.4.10"})}
    found = Requirements.gather([], [], models)
    assert wanted(found) == ["numpy==2.4.10"]
    assert "`a` and `b`" in found.warnings[0]


def test_two_models_a_minor_apart_are_an_error_unless_the_author_decides():
    models = {
        "a": model({"numpy": "1.26.0", "scipy": "1.16"}),
        "b": model({"numpy": "2.4.6", "scipy": "1.17"}),
    }
    told = r"`a` and `b` were saved with numpy 1\.26\.0 and 2\.4\.6\.\n.* scipy 1\.16 and 1\.17\.\n"
    with pytest.raises(ResolveError, match=told) as raised:  # all of them at once
        Requirements.gather([], [], models)
    assert "`numpy==…` and `scipy==…`" in raised.value.hint
    models = {"a": model({"numpy": "1.26.0"}), "b": model({"numpy": "2.4.6"})}
    user = [Requirement("numpy==2.4.6", "me")]
    assert wanted(Requirements.gather(user, [], models)) == ["numpy==2.4.6"]


def test_formats_bring_their_packages_and_say_so():
    found = Requirements.gather([], [], {}, [], ["arrow", "parquet", "msgpack", "image"])
    texts = ["pyarrow>=16", "pyarrow>=16", "msgpack>=1.0.8", "pillow>=10.3"]
    assert wanted(found) == texts
    assert found.asked_for("msgpack")[0].origin == "`serve.formats` has `msgpack`"


def test_tables_need_pandas_and_pictures_need_pillow():
    columns = Signature(inputs=Side("columns", (Field("age", "int64", (None,)),)))
    found = Requirements.gather([], [], {"a": model({}, columns)})
    assert wanted(found) == ["pandas>=2.1"]
    route = Route("/p", "p", service="p", input={"kind": "image"}, output={"kind": "dataframe"})
    assert wanted(Requirements.gather([], [], {}, [route])) == ["pandas>=2.1", "pillow>=10.3"]
