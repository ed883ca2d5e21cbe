"""The files of a bundle by what makes them change: a layer for each."""

from types import SimpleNamespace

from modelbundle.bundler.layers.bundle_files import LARGE, MOST, divide
from modelbundle.runtime.manifests.file_entry import FileEntry

DIGEST = "sha256:" + 64 * "0"


def bundle(*aliases):
    return SimpleNamespace(models=[SimpleNamespace(alias=alias) for alias in aliases])


def entries(**sizes):
    return [FileEntry(path, DIGEST, size) for path, size in sizes.items()]


def test_a_large_file_of_a_model_travels_alone_and_no_file_twice():
    files = entries(
        **{
            "models/m/model.json": 10,
            "models/m/model.safetensors": LARGE,
            "samples/m/predict.json": 10,
            "modelbundle/__init__.py": 1,
            "env/requirements.lock": 1,
            "env/wheels/x.whl": 1,
            "src/service.py": 1,
            "server.py": 1,
            "bundle.json": 1,
        }
    )
    shares = divide(bundle("m"), files)
    assert [share.name for share in shares] == [
        "model m: model.safetensors", "model m", "runtime", "code", "manifest",
    ]  # fmt: skip
    paths = [entry.path for share in shares for entry in share.files]
    assert sorted(paths) == sorted(entry.path for entry in files if "wheels" not in entry.path)


def test_models_whose_names_begin_alike_do_not_meet():
    files = entries(**{"models/a/x": 1, "models/ab/x": 1})
    shares = divide(bundle("a", "ab"), files)
    assert [[entry.path for entry in share.files] for share in shares] == [
        ["models/a/x"], ["models/ab/x"],
    ]  # fmt: skip


def test_a_hundred_models_fit_into_an_image():
    names = [f"m{number}" for number in range(300)]
    files = entries(**{f"models/{name}/x": number for number, name in enumerate(names)})
    shares = divide(bundle(*names), files)
    assert len(shares) == MOST
    assert sum(len(share.files) for share in shares) == 300
    assert min(share.size for share in shares[:-1]) >= max(e.size for e in shares[-1].files)
