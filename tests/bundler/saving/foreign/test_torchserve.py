"""TorchServe archives: weights with their class; a handler is never run, and one of its own refused."""

import json

import numpy as np
import pytest

from modelbundle.bundler.errors import InvalidSource

SINGS = b"import os\nos.mkdir('the canary sang')\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "the canary sang").exists()


def test_a_script_answers_as_itself(here, forms, take, net):
    rows, answers, files = net
    path = forms.mar(
        here / "m.mar",
        {"script.pt": files["script"], "requirements.txt": b"pillow==12.0.0\nrequests\n"},
        serializedFile="script.pt",
        handler="image_classifier",
        requirementsFile="requirements.txt",
    )
    assert take(path).item.executes_code
    taken = take(path, trust=True)
    assert np.allclose(taken.answer(rows), answers)
    assert any("`image_classifier` stays behind" in said for said in taken.said)
    assert any("`requests`" in said for said in taken.said)
    assert taken.manifest.packages["pillow"] == "12.0.0"
    assert taken.manifest.packages["torch"]
    assert taken.manifest.metadata["torchserve"]["version"] == "1.2"


@pytest.mark.parametrize("kind", ["state", "whole"])
def test_eager_weights_meet_their_class(here, forms, take, net, kind):
    rows, answers, files = net
    path = forms.mar(
        here / "m.mar",
        {"net.pt": files[kind], "carried_net.py": forms.NET.encode()},
        serializedFile="net.pt",
        modelFile="carried_net.py",
        handler="base_handler",
    )
    taken = take(path)
    assert taken.item.executes_code
    assert taken.manifest.code == ("code/carried_net.py",)
    assert not taken.store.trust.is_trusted(taken.item.digest)
    assert np.allclose(take(path, trust=True).answer(rows), answers)


def test_a_tar_of_a_directory_is_the_same_model(here, forms, take, net):
    manifest = {"model": {"serializedFile": "s.pt", "handler": "base_handler"}}
    files = {"s.pt": net[2]["script"], "MAR-INF/MANIFEST.json": json.dumps(manifest).encode()}
    inside = {f"m/{name}": data for name, data in files.items()}
    directory = here / "unpacked"
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    sources = [forms.tar(here / "m.tar.gz", inside), forms.zip(here / "m.mar", files), directory]
    assert len({take(source).item.digest for source in sources}) == 1


@pytest.mark.parametrize("handler", ["own.py", "own.py:Handler", "../x.py", None, 7, ["a"]])
def test_a_handler_of_its_own_is_refused_and_never_run(here, forms, take, net, handler):
    path = forms.mar(
        here / "m.mar",
        {"s.pt": net[2]["script"], "own.py": SINGS},
        serializedFile="s.pt",
        handler=handler,
    )
    with pytest.raises(InvalidSource, match="handler of its own") as caught:
        take(path)
    assert "service class" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"handler": "base_handler"}, "names no weights"),
        ({"handler": "base_handler", "serializedFile": "../x"}, "outside of itself"),
        ({"handler": "base_handler", "serializedFile": "gone.pt"}, "which it lacks"),
        ({"handler": "base_handler", "serializedFile": "sings.py"}, "not a model file"),
        (
            {"handler": "base_handler", "serializedFile": "w.pt", "modelFile": "../x.py"},
            "has no model file",
        ),
        (
            {"handler": "base_handler", "serializedFile": "w.pt", "modelFile": 3},
            "has no model file",
        ),
        (
            {"handler": "base_handler", "serializedFile": "w.pt", "modelFile": "sings.py"},
            "0 classes",
        ),
        ({"handler": "base_handler", "serializedFile": "w.pt", "modelFile": "two.py"}, "2 classes"),
        ({"handler": "base_handler", "serializedFile": "w.pt", "modelFile": "no.py"}, "not Python"),
        ({"handler": "base_handler", "serializedFile": "w.pt"}, "weights alone"),
    ],
)
def test_what_cannot_be_honest_is_refused(here, forms, take, net, model, message):
    files = {
        "w.pt": net[2]["state"],
        "sings.py": SINGS,
        "two.py": b"class A: pass\nclass B: pass\n",
        "no.py": b"class A(:\n",
    }
    with pytest.raises(InvalidSource, match=message):
        take(forms.mar(here / "m.mar", files, **model))
    assert take.store.items("model") == []


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"model": 3}', b"[" * 100_000])
def test_a_manifest_that_is_none_is_told(here, forms, take, manifest):
    with pytest.raises(InvalidSource, match=r"MANIFEST|names no weights"):
        take(forms.zip(here / "m.mar", {"MAR-INF/MANIFEST.json": manifest}))
