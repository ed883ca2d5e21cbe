"""A verifier that knows the page alone, and ours: they agree on every bundle, whole or not."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import modelbundle
from modelbundle.bundler.building.building import build
from modelbundle.bundler.checking import verify as ours
from modelbundle.bundler.store import Store
from modelbundle.runtime import trust
from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest

from . import verifier


class Doubler:
    """A model that any interpreter runs."""

    def predict(self, rows):
        return [[2 * number for number in row] for row in rows]


@pytest.fixture(scope="module")
def whole(index, tmp_path_factory):
    """A bundle as a directory of its own."""
    store, project = Store(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("project")
    modelbundle.save("double", Doubler(), sample=[[1.0, 2.0]], store=store)
    (project / "bundlefile.yaml").write_text(
        "name: twice\nmodels: [double]\ninclude: []\npython: {version: '3.11'}\n"
    )
    built = build(project, store=store)
    directory = tmp_path_factory.mktemp("bundle") / "twice"
    shutil.copytree(built.directory, directory)
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return directory, built.digest


@pytest.fixture
def bundle(whole, tmp_path):
    """One that a test may change."""
    return Path(shutil.copytree(whole[0], tmp_path / "twice"))


def edited(change):
    """Change what `bundle.json` says."""

    def apply(bundle):
        document = json.loads((bundle / "bundle.json").read_bytes())
        change(document)
        (bundle / "bundle.json").write_text(json.dumps(document, sort_keys=True))

    return apply


def linked_inside(bundle):
    (bundle / "modelbundle" / "__pycache__").mkdir()
    (bundle / "server.py").rename(bundle / "modelbundle" / "__pycache__" / "server.py")
    (bundle / "server.py").symlink_to("modelbundle/__pycache__/server.py")


def linked_outside(bundle):
    (bundle / "server.py").rename(bundle.parent / "server.py")
    (bundle / "server.py").symlink_to(bundle.parent / "server.py")


def flipped(bundle):
    data = bytearray((bundle / "server.py").read_bytes())
    data[7] ^= 1
    (bundle / "server.py").write_bytes(data)


def replaced_by_a_folder(bundle):
    (bundle / "server.py").unlink()
    (bundle / "server.py").mkdir()


def another_model(bundle):
    """Consistent in itself, but not what `bundle.json` calls its model."""
    place = next(bundle.glob("models/*/model.json"))
    place.write_bytes(place.read_bytes() + b" ")


def put(path, data=b"x = 1\n"):
    def apply(bundle):
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_bytes(data)

    return apply


def twice(document):
    document["files"].insert(1, document["files"][0])


def folded(document):
    entry = document["files"][0]
    document["files"].append(entry | {"path": entry["path"].swapcase()})


def upward(document):
    document["files"][0] = document["files"][0] | {"path": "../outside"}


def longer(document):
    document["files"][0]["size"] += 1


def told_twice(bundle):
    data = (bundle / "bundle.json").read_bytes()
    (bundle / "bundle.json").write_bytes(data.replace(b"{", b'{"name":"other",', 1))


def shouted(document):
    document["files"][0]["digest"] = document["files"][0]["digest"].upper()


CHANGES = {
    "nothing": (lambda _: None, True),
    "a cache of Python's": (put("modelbundle/__pycache__/x.cpython-311.pyc"), True),
    "a key that nobody knows": (edited(lambda one: one.update(further={"a": 1})), True),
    "a bit": (flipped, False),
    "a missing file": (lambda bundle: (bundle / "server.py").unlink(), False),
    "a module": (put("json.py"), False),
    "a note": (put("notes.txt"), False),
    "a hidden file": (put(".env"), False),
    "a folder for a file": (replaced_by_a_folder, False),
    "a link within": (linked_inside, True),
    "a link out": (linked_outside, False),
    "another model": (another_model, False),
    "no bundle.json": (lambda bundle: (bundle / "bundle.json").unlink(), False),
    "no JSON": (put("bundle.json", b"{"), False),
    "a key twice": (told_twice, False),
    "a list": (put("bundle.json", b"[]"), False),
    "a newer schema": (edited(lambda one: one.update(schema=2)), False),
    "no files": (edited(lambda one: one.pop("files")), False),
    "a path twice": (edited(twice), False),
    "a path in other letters": (edited(folded), False),
    "a path upwards": (edited(upward), False),
    "another size": (edited(longer), False),
    "a digest in capitals": (edited(shouted), False),
}


def theirs(directory, told=None):
    try:
        return verifier.verify(directory, told)
    except verifier.Refused:
        return None


def of_ours(directory):
    try:
        digest = ours(directory)
        trust.check(directory, BundleManifest.read(directory), granted=True)
    except BundleError:
        return None
    return digest


@pytest.mark.parametrize("change", CHANGES)
def test_both_say_the_same(bundle, change):
    apply, is_whole = CHANGES[change]
    apply(bundle)
    assert (theirs(bundle), of_ours(bundle)) == (2 * (of_ours(bundle),))
    assert (theirs(bundle) is not None) == is_whole


def test_the_digest_is_the_one_that_was_told(whole, bundle):
    assert theirs(bundle, whole[1]) == whole[1]
    assert theirs(bundle, "sha256:" + 64 * "0") is None
    edited(lambda one: one.update(name="other"))(bundle)
    assert theirs(bundle, whole[1]) is None


def test_a_model_that_is_not_listed_as_a_whole_is_refused(bundle):
    document = json.loads((bundle / "bundle.json").read_bytes())
    weights = next(
        one for one in document["files"]
        if one["path"].startswith("models/") and not one["path"].endswith("model.json")
    )  # fmt: skip
    edited(lambda one: one["files"].remove(weights))(bundle)
    (bundle / weights["path"]).unlink()
    assert theirs(bundle) is of_ours(bundle) is None


def test_it_is_a_program_that_has_nothing_of_ours(whole):
    source = Path(verifier.__file__)
    names = set(re.findall(r"(?m)^(?:import|from) (\w+)", source.read_text()))
    assert names <= sys.stdlib_module_names
    command = [sys.executable, "-I", str(source), str(whole[0]), whole[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == whole[1]
