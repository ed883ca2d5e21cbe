"""What a model.json says to others is held against its grammar where it is read, by whomever."""

import copy

import pytest

from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests import model_validation
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_manifest import SECTION, ModelManifest
from modelbundle.runtime.manifests.signature import Field, Side, Signature

WHOLE = ModelManifest(
    framework="sklearn",
    loader="modelbundle.runtime.frameworks.sklearn:Sklearn",
    format="pickle",
    python="3.11.7",
    packages={"numpy": "2.4.6", "torch": "2.13.0+cpu", "ruamel.yaml": "1!0.18.post1"},
    methods={"predict": Signature(Side("array", (Field("input-0", "float64", (None, 2)),)))},
    files=(FileEntry("samples/predict.json", "sha256:" + "0" * 64, 3),),
    executes_code=False,
    samples={"predict": "samples/predict.json"},
).to_json()


def changed(place, value):
    data = copy.deepcopy(WHOLE)
    node = data[SECTION]
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return data


FIELD = ("methods", 0, "inputs", "fields", 0)
OPTION = "1.0\n--extra-index-url http://elsewhere.example/simple\nevil"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("packages", "numpy"), OPTION),
        (("packages", "numpy"), "1.0 --hash=sha256:0"),
        (("packages", "numpy"), "@ https://elsewhere.example/evil.whl"),
        (("packages", "numpy"), "\u202e1"),
        (("packages", "numpy"), None),
        (("packages",), {"numpy @ https://elsewhere.example/evil.whl#": "1.0"}),
        (("packages",), {"-e": "1.0"}),
        (("packages",), {"a/../b": "1.0"}),
        (("python",), "³.1"),
        (("python",), "3.11\n"),
        (("python",), "x"),
        (("python",), 3.11),
        (("samples", "predict"), "samples/other.json"),
        (("samples",), {"other": "samples/predict.json"}),
        ((*FIELD[:-2], "layout"), "/etc/passwd"),
        ((*FIELD[:-2], "fields"), []),
        ((*FIELD, "shape"), []),
        ((*FIELD, "dtype"), ""),
        ((*FIELD, "dtype"), "\x1b[31m"),
        ((*FIELD, "dtype"), "x" * 100),
        ((*FIELD, "shape"), [-1]),
        ((*FIELD, "shape"), ["x"]),
    ],
)
def test_what_is_not_so_spelled_is_no_manifest(place, value):
    assert ModelManifest.from_json(WHOLE).packages["numpy"] == "2.4.6"
    with pytest.raises(InvalidBundle, match="not a model manifest") as refusal:
        ModelManifest.from_json(changed(place, value))
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        "bool",
        "str",
        "bytes",
        "datetime64[ns]",
        "bfloat16",
        "category",
        "category[int64]",
        "datetime64[ns, Europe/Berlin]",
    ],
)
def test_dtypes_that_there_are(dtype):
    model_validation.check_sides([Side("array", (Field("x", dtype, (None, 2)),))])


@pytest.mark.parametrize("version", ["3.11", "3.12.1", "3.13.0rc1", "3.13.0+", "3.14.0a1"])
def test_versions_of_python(version):
    assert model_validation.is_python(version)
