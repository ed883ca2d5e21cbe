"""`bundle init`: what it writes is read back, imported and never lost."""

import ast

import pytest

from modelbundle.bundler.building.service.service_source import read_service
from modelbundle.bundler.errors import InvalidTag, Refused, StoreError
from modelbundle.bundler.project.project import Project
from modelbundle.bundler.project.scaffold import scaffold
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.signature import OBJECTS, Field, Side, Signature
from modelbundle.runtime.services.contract.types import annotation


def manifest_of(inputs=OBJECTS, packages=()):
    """The manifest of a saved model."""
    return ModelManifest(
        framework="sklearn",
        loader="modelbundle.runtime.frameworks.sklearn:Sklearn",
        format="pickle",
        python="3.11.7",
        packages=dict.fromkeys(packages, "1.0"),
        methods={"predict": Signature(inputs, OBJECTS)},
        files=(),
        executes_code=True,
    )


def test_the_bundlefile_is_valid_as_it_is_written(tmp_path):
    (path,) = scaffold(tmp_path / "Fraud Detector!", models=["fraud_net:1.4", "xgb@champion"])
    project = Project.open(path.parent)
    assert project.bundlefile.name == "fraud-detector"
    assert [model.ref for model in project.bundlefile.models] == ["fraud_net:1.4", "xgb@champion"]
    assert path.read_text().startswith("# yaml-language-server: $schema=https://")


def test_what_is_commented_out_is_valid_too(tmp_path):
    (path,) = scaffold(tmp_path, name="iris")
    lines = path.read_text().splitlines()
    keys = [line[2:] for line in lines if line.startswith(("# ", "#  ")) and not line.endswith(".")]
    kept = [line for line in lines if not line.startswith("#")]
    text = "\n".join([*kept, *(line for line in keys if ":" in line and "$schema" not in line)])
    path.write_text(text)
    bundlefile = Project.open(tmp_path).bundlefile
    assert bundlefile.python.requirements == ("pandas",)
    assert bundlefile.serve.batch.latency_budget == 0.05


def test_without_a_model_the_bundle_has_one_of_its_own_name(tmp_path):
    scaffold(tmp_path, name="iris")
    assert Project.open(tmp_path).bundlefile.models[0].ref == "iris"


def test_the_service_asks_for_every_model_by_its_alias(tmp_path):
    models = ["iris:7", "iris@prod", "7", "class-x", "predict", "class_x"]
    _, path = scaffold(tmp_path, name="two-words", models=models, service=True)
    bundlefile = Project.open(tmp_path).bundlefile
    tree = ast.parse(path.read_text())
    asked = [
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "mb.model"
    ]
    assert (
        asked
        == [model.alias for model in bundlefile.models]
        == ["iris", "iris_2", "7", "class-x", "predict", "class_x"]
    )
    assert "self.predict_ =" in path.read_text()
    assert bundlefile.service == "service:TwoWords"
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["TwoWords"]


@pytest.mark.parametrize("name", ["none", "3d", "true", "7", "1.10", "class", "a.b-c_d"])
def test_any_name_makes_a_service_that_python_reads(tmp_path, name):
    _, path = scaffold(tmp_path, name=name, models=[name], service=True)
    project = Project.open(tmp_path)
    assert project.bundlefile.name == name
    compile(path.read_text(), path, "exec")
    target = project.bundlefile.service.partition(":")[2]
    assert f"class {target}:" in path.read_text()


def test_nothing_is_overwritten_unless_asked(tmp_path):
    (tmp_path / "service.py").write_text("mine")
    with pytest.raises(Refused, match=r"service\.py") as caught:
        scaffold(tmp_path, name="a", service=True)
    assert "--force" in caught.value.hint
    assert not (tmp_path / "bundlefile.yaml").exists()
    assert (tmp_path / "service.py").read_text() == "mine"
    scaffold(tmp_path, name="a", service=True, force=True)
    assert "mb.service" in (tmp_path / "service.py").read_text()


@pytest.mark.parametrize(
    "arguments", [{"name": "A b"}, {"models": ["a\nservice: x"]}, {"models": ["$(id)"]}]
)
def test_a_bad_name_or_tag_writes_nothing(tmp_path, arguments):
    with pytest.raises(InvalidTag):
        scaffold(tmp_path / "new", **({"name": "a"} | arguments))
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"):
        scaffold(tmp_path / "file", name="a")


def test_the_service_is_one_that_the_build_can_read(tmp_path):
    scaffold(tmp_path, name="fraud", models=["net", "xgb:2"], service=True)
    service = read_service(tmp_path, Project.open(tmp_path).bundlefile.service)
    assert [(route.path, route.batchable) for route in service.routes] == [("/predict", True)]
    assert service.models == ("net", "xgb")


@pytest.mark.parametrize(
    ("inputs", "asked"),
    [
        (Side("array", (Field("x", "float64", (None, 4)),)), 'mb.Array("float64", (None, 4))'),
        (Side("array", (Field("x", "str", (None,)),)), 'mb.Array("str", (None,))'),
        (Side("columns", (Field("age", "int64", (None,)),)), "rows: pd.DataFrame"),
        (OBJECTS, "rows: list[Any]"),
        (Side("tensors", (Field("x", "int64", (None, 4)),)), "rows: list[dict[str, Any]]"),
        (Side("array", (Field("x", "bytes", (None,)),)), "rows: list[bytes]"),
    ],
)
def test_the_service_asks_for_the_rows_that_the_model_takes(tmp_path, inputs, asked):
    saved = [manifest_of(inputs)]
    _, path = scaffold(tmp_path, name="fraud", models=["net"], service=True, saved=saved)
    assert asked in path.read_text()
    compile(path.read_text(), path, "exec")
    (route,) = read_service(tmp_path, Project.open(tmp_path).bundlefile.service).routes
    assert route.batchable
    items = route.input["schema"]["properties"]["instances"]["items"]
    expected = {
        "array": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
        "columns": {"type": "object"},
        "tensors": {"type": "object", "additionalProperties": {}},
        "objects": {},
    }
    texts = {"str": {"type": "string"}, "bytes": annotation.decoder(bytes).spec.schema}
    assert items == texts.get(inputs.fields and inputs.fields[0].dtype, expected[inputs.layout])


def test_what_a_crash_has_left_of_the_same_files_is_no_reason_to_refuse(tmp_path):
    scaffold(tmp_path, name="x", service=True)
    (tmp_path / "bundlefile.yaml").unlink()  # it comes last
    assert [path.name for path in scaffold(tmp_path, name="x", service=True)] == [
        "bundlefile.yaml",
        "service.py",
    ]
    with pytest.raises(Refused, match=r"bundlefile\.yaml` is there"):
        scaffold(tmp_path, name="y")


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    scaffold(tmp_path, name="x", service=True)
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(StoreError, match=r"service\.py` cannot be written: No space left") as told:
        scaffold(tmp_path, name="y", service=True, force=True)
    assert told.value.hint == "Make room there, or write to another disk."
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before


def test_an_image_gets_what_the_libraries_of_its_models_need_of_the_system(tmp_path):
    saved = [None, manifest_of(packages=["lightgbm", "numpy"])]
    scaffold(tmp_path, name="two", models=["new", "trees"], saved=saved)
    assert Project.open(tmp_path).bundlefile.system.packages == ("libgomp1",)
