import pytest

from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.route import Route

FILE = FileEntry("server.py", "sha256:" + "0" * 64, 3, executable=True)
SYSTEM = {"packages": ["libgomp1"], "run": [{"command": "ldconfig", "secrets": []}]}
KNOWN = BundleManifest(
    name="shop",
    version=None,
    description="",
    labels={"team": "growth"},
    models=(ModelEntry("iris", "iris", "1", "sha256:" + "1" * 64, "sklearn", True, label="prod"),),
    service=None,
    routes=(Route("/predict", "predict", model="iris", latency_budget=0.1, max_batch_size=4),),
    files=(FILE,),
    python="3.11",
    lock=None,
    hermetic=True,
    accelerator={
        "kind": "cuda",
        "base": "nvidia/cuda",
        "archs": ["8.0"],
        "archs_on": {"aarch64": []},
    },
    serve={"port": 8080},
    security={"pickle": "allow-listed", "allow_globals": ["sklearn.*"]},
    image={"env": {"A": "1"}, "system": SYSTEM, "ports": [8080], "user": "65532", "base": None},
    packer="modelbundle 1",
)


def changed(path, value):
    data = KNOWN.to_json()
    *folders, last = path.split(".")
    place = data
    for folder in folders:
        place = place[int(folder) if folder.isdigit() else folder]
    place[last] = value
    return data


def test_what_it_is_written_as_it_is_read_from():
    assert BundleManifest.from_json(KNOWN.to_json()) == KNOWN
    BundleManifest.from_json(changed("image.of_a_newer_version", 5))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", 5),
        ("description", None),
        ("labels", {"a": 1}),
        ("hermetic", "yes"),
        ("serve", []),
        ("accelerator", "cpu"),
        ("accelerator.base", 5),
        ("accelerator.why", "because"),
        ("accelerator.archs_on", {"aarch64": "8.0"}),
        ("image.env", [0, 1]),
        ("image.env", {"A": None}),
        ("image.labels", "a=b"),
        ("image.ports", [True]),
        ("image.ports", [1 << 20]),
        ("image.platforms", "linux/amd64"),
        ("image.system", {"packages": "libgomp1"}),
        ("image.system", {"run": ["ldconfig"]}),
        ("image.workdir", []),
        ("security.allow_globals", "numpy.*"),
        ("security.pickle", None),
        ("routes.0.doc", 5),
        ("routes.0.batchable", 1),
        ("routes.0.input", []),
        ("routes.0.max_batch_size", "4"),
        ("models.0.label", []),
        ("models.0.executes_code", None),
        ("models.0.unload_after", "1"),
        ("files.0.size", 1.0),
        ("files.0.executable", "true"),
    ],
)
def test_a_value_of_another_type_is_named(path, value):
    with pytest.raises(InvalidBundle, match="has another type") as caught:
        BundleManifest.from_json(changed(path, value))
    assert path.rpartition(".")[2] in str(caught.value)
