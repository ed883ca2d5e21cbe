"""An unchanged project is not planned again; whatever a build reads is noticed."""

import compileall
import dataclasses
import os
import shutil

import pytest

from modelbundle.bundler.building import memo as memory
from modelbundle.bundler.building.building import build
from modelbundle.bundler.building.memo import Memo
from modelbundle.bundler.project.project import Project
from modelbundle.bundler.store import Store

PLAIN = "name: flowers\nmodels: [iris]\n"


@pytest.fixture
def remembered(project, add_model, tiny_index, home):
    """A project that was built, and what is remembered of it."""
    add_model()
    written = project(PLAIN, {"service/helper.py": "x = 1\n"})
    memo = Memo(Store(home), *Project.place(written.root))
    built = build(written, offline=False)
    memo.remember(written, built)
    return written, memo, built


def test_what_is_the_same_is_the_bundle_of_the_last_build(remembered):
    _, memo, built = remembered
    found = memo.recall()
    assert (found.item.digest, found.manifest) == (built.digest, built.manifest)
    assert (found.directory, found.warnings, found.why) == (
        built.directory, built.warnings, built.why,
    )  # fmt: skip


def new_source(written, _):
    (written.root / "more.py").write_text("y = 2\n")


def other_source(written, _):
    path = written.root / "service" / "helper.py"
    before = path.stat()
    path.write_text("x = 2\n")  # as long as before, and as old
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def executable_source(written, _):
    (written.root / "service" / "helper.py").chmod(0o755)


def secret_source(written, _):
    (written.root / "key.py").write_text("-----BEGIN RSA PRIVATE KEY-----\n")


def other_bundlefile(written, _):
    written.path.write_text(PLAIN + "description: Flowers.\n")


def other_lock(written, _):
    path = written.root / "bundle.lock"
    path.write_text(path.read_text().replace("99.0", "98.0"))


def no_lock(written, _):
    (written.root / "bundle.lock").unlink()


def other_model(_, add_model):
    add_model(weights=b"newer")


def policy(_, add_model):
    (Store.default().root / "policy.yaml").write_text("rules: []\n")


CHANGES = [
    new_source, other_source, executable_source, secret_source, other_bundlefile, other_lock,
    no_lock, other_model, policy,
]  # fmt: skip


def test_any_change_is_noticed(remembered, add_model, home, tmp_path):
    written, memo, _ = remembered
    kept = [
        (place, tmp_path / f"kept-{number}") for number, place in enumerate((home, written.root))
    ]
    for place, copy in kept:
        shutil.copytree(place, copy, symlinks=True)
    for change in CHANGES:
        change(written, add_model)
        assert memo.recall() is None, change.__name__
        for place, copy in kept:
            shutil.rmtree(place)
            shutil.copytree(copy, place, symlinks=True)
        memo = dataclasses.replace(memo, store=Store.default())  # its own folder has gone
        assert memo.recall() is not None, change.__name__


def test_what_python_compiles_of_the_tool_is_no_change(tmp_path):
    (tmp_path / "part.py").write_text("x = 1\n")
    before = list(memory._stats(iter([tmp_path])))
    compileall.compile_dir(tmp_path, quiet=2)
    assert (tmp_path / "__pycache__").is_dir()
    assert list(memory._stats(iter([tmp_path]))) == before


def test_a_bundle_that_is_there_no_longer_is_built(remembered):
    _, memo, built = remembered
    memo.store.delete(built.item)
    assert memo.recall() is None


def test_another_choice_is_remembered_apart(remembered):
    written, memo, _ = remembered
    other = Memo(memo.store, *Project.place(written.root), choice=("linux/arm64", None))
    assert other.recall() is None


def test_a_project_in_a_folder_whose_name_is_no_text_is_remembered_too(remembered):
    written, memo, built = remembered
    root = written.root.rename(written.root.parent / os.fsdecode(b"\xff"))
    moved = Memo(memo.store, *Project.place(root))
    moved.remember(written, built)
    assert moved.recall() is not None


def test_what_cannot_be_listed_is_not_remembered(project, add_model, tiny_index, home):
    add_model()
    written = project(
        PLAIN + "python: {requirements: requirements.txt}\n", {"requirements.txt": ""}
    )
    memo = Memo(Store(home), *Project.place(written.root))
    memo.remember(written, build(written))
    assert memo.recall() is None


def test_a_damaged_memory_is_none(remembered):
    _, memo, _ = remembered
    for path in (memo.store.root / "builds").iterdir():
        path.write_bytes(path.read_bytes()[:-3])
    assert memo.recall() is None


def test_what_was_edited_while_it_was_built_is_built_again(project, add_model, tiny_index, home):
    add_model()
    written = project(PLAIN, {"service/helper.py": "x = 1\n"})
    memo = Memo(Store(home), *Project.place(written.root))
    built = build(written, offline=False)
    other_source(written, None)
    memo.remember(written, built)
    assert memo.recall() is None
