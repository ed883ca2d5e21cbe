"""What is checked before the first line of a bundle runs."""

import hashlib
import json
import shutil

import pytest

from modelbundle.bundler.building.building import build
from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.saving.saving import save_object
from modelbundle.bundler.serving.serving import RUNTIME, LaunchOptions, prepare
from modelbundle.bundler.store import Store
from modelbundle.runtime import bundle_modules
from modelbundle.runtime.errors import InvalidBundle, NotTrusted

HERE = LaunchOptions("current")


class Answer:
    """A model that any interpreter runs."""

    def predict(self, rows):
        return [42 for _ in rows]


@pytest.fixture(scope="module")
def kept(index, tmp_path_factory):
    """The store and the project that the tests share."""
    store, root = Store(tmp_path_factory.mktemp("home")), tmp_path_factory.mktemp("project")
    save_object("answer", Answer(), store=store)
    (root / "bundlefile.yaml").write_text(
        "name: answer\nmodels: [answer]\npython: {version: '3.11'}\n"
    )
    return store, build(root, store=store)


@pytest.fixture
def elsewhere(home):
    """The store of a machine that has never seen the bundle."""
    return Store(home)


@pytest.fixture
def copy(kept, tmp_path):
    directory = tmp_path / "copy"
    shutil.copytree(kept[1].directory, directory)
    for path in directory.rglob("*"):
        path.chmod(0o755)
    return directory


def forge(directory):
    """A runtime with a line more in it, under digests that are right."""
    runtime = directory / "modelbundle" / "runtime" / "__init__.py"
    runtime.write_bytes(runtime.read_bytes() + b"print('ran')\n")
    data = json.loads((directory / "bundle.json").read_bytes())
    for entry in data["files"]:
        content = (directory / entry["path"]).read_bytes()
        entry |= {
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "size": len(content),
        }
    (directory / "bundle.json").write_text(json.dumps(data))


def test_a_bundle_from_elsewhere_is_trusted_once_by_digest(copy, elsewhere):
    with (
        pytest.raises(NotTrusted, match="its own copy of the runtime; the model `answer`"),
        prepare(str(copy), elsewhere, HERE),
    ):
        pass
    with prepare(str(copy), elsewhere, LaunchOptions("current", trust=True)) as launch:
        assert launch.is_trusted
    with prepare(str(copy), elsewhere, HERE) as launch:
        assert launch.is_trusted


def test_a_bundle_that_was_built_here_is_served_from_any_directory(copy, kept):
    with prepare(str(copy), kept[0], HERE) as launch:
        assert launch.is_trusted


def test_another_runtime_is_another_bundle(copy, kept):
    """Not even trust in all of its models vouches for the runtime in a directory."""
    forge(copy)
    with pytest.raises(NotTrusted), prepare(str(copy), kept[0], HERE):
        pass


def test_nothing_is_installed_for_a_bundle_that_nobody_trusts(copy, elsewhere):
    with pytest.raises(NotTrusted), prepare(str(copy), elsewhere, LaunchOptions("locked")):
        pass
    assert not (elsewhere.root / "envs").exists()


@pytest.mark.parametrize(
    "path", ["server.py", "modelbundle/runtime/server.py", "env/requirements.lock", "openapi.json"]
)
def test_an_edited_file_is_told_before_anything_runs(copy, kept, path):
    (copy / path).write_bytes((copy / path).read_bytes() + b"\n")
    with (
        pytest.raises(Damaged, match=rf"`{path}` has \d+ bytes"),
        prepare(str(copy), kept[0], HERE),
    ):
        pass


@pytest.mark.parametrize("path", ["numpy.py", "modelbundle/json.py", "src/sklearn.py"])
def test_a_module_that_the_manifest_does_not_name_is_refused(copy, kept, path):
    (copy / path).parent.mkdir(exist_ok=True)
    (copy / path).write_text("")
    with (
        pytest.raises(Damaged, match=f"`{path}` does not belong"),
        prepare(str(copy), kept[0], HERE),
    ):
        pass


def test_a_damaged_bundle_is_not_trusted_and_not_called_a_stranger(copy, elsewhere):
    (copy / "server.py").write_text("")
    with (
        pytest.raises(Damaged),
        prepare(str(copy), elsewhere, LaunchOptions("current", trust=True)),
    ):
        pass
    (copy / "bundle.json").write_text("{}")
    with pytest.raises(InvalidBundle), prepare(str(copy), elsewhere, HERE):
        pass
    assert not any((elsewhere.root / "trust").glob("*"))


def test_notes_and_a_virtual_environment_beside_the_bundle_do_not_matter(copy, kept):
    (copy / ".venv").mkdir()
    (copy / ".venv" / "site.py").write_text("")
    (copy / "notes.txt").write_text("mine")
    with prepare(str(copy), kept[0], HERE) as launch:
        assert launch.is_trusted


def test_a_bundle_of_the_installed_runtime_runs_with_that(kept):
    with prepare(kept[1].item.tag, kept[0], HERE) as launch:
        assert launch.runs_installed
        assert launch.is_here
        assert str(launch.directory) not in launch.variables().get("PYTHONPATH", "")


def test_a_copy_that_is_nobodys_runs_with_its_own_and_is_not_written_to(copy, kept):
    with prepare(str(copy), kept[0], HERE) as launch:
        assert not launch.runs_installed
        assert not launch.is_here
        assert launch.command()[2:] == [bundle_modules.__file__, RUNTIME, str(copy), str(copy)]
        assert launch.variables().get("PYTHONPATH") != str(copy)
        assert launch.variables()["PYTHONDONTWRITEBYTECODE"] == "1"
