"""Finding the bundlefile of a project."""

import pytest

from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.project.project import Project

TEXT = "name: iris\nmodels: [iris]\n"


def test_a_project_is_opened_by_its_folder_or_its_bundlefile(tmp_path):
    path = tmp_path / "bundlefile.yaml"
    path.write_text(TEXT)
    for target in (tmp_path, path):
        project = Project.open(target)
        assert project.root == tmp_path.resolve()
        assert project.path == path
        assert project.bundlefile.name == "iris"


def test_a_bundlefile_of_another_name_speaks_of_the_folder(tmp_path):
    (tmp_path / "ci").mkdir()
    other = tmp_path / "ci/gpu.yaml"
    other.write_text(TEXT)
    assert Project.open(tmp_path, other).root == tmp_path.resolve()
    assert Project.open(other).root == (tmp_path / "ci").resolve()


def test_without_a_bundlefile_the_hint_is_to_write_one(tmp_path):
    with pytest.raises(BundlefileError, match=r"no `bundlefile\.yaml`") as caught:
        Project.open(tmp_path)
    assert "bundle init" in caught.value.hint
    (tmp_path / "bundlefile.yaml").write_text(TEXT)
    (tmp_path / "src" / "deeper").mkdir(parents=True)
    with pytest.raises(BundlefileError, match=r"no `bundlefile\.yaml`") as caught:
        Project.open(tmp_path / "src" / "deeper")
    assert caught.value.hint == f"The project is in `{tmp_path}`: name that directory."
    with pytest.raises(BundlefileError, match="neither a directory nor") as caught:
        Project.open(tmp_path / "gone")
    assert "bundle init" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bundlefile.yml", "Rename"),
        ("bentofile.yaml", "bundle init"),
        ("cog.yaml", "bundle init"),
        ("oci-layout", "bundle import"),
    ],
)
def test_a_file_that_looks_like_one_is_named(tmp_path, name, hint):
    (tmp_path / name).write_text("a: 1")
    with pytest.raises(BundlefileError, match=name) as caught:
        Project.open(tmp_path)
    assert hint in caught.value.hint


def test_the_bundlefile_and_the_lock_are_no_sources(tmp_path):
    (tmp_path / "a.py").touch()
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks/my [1].lock").touch()
    (tmp_path / "gpu.yaml").write_text(
        f'{TEXT}include: ["**"]\npython: {{lock: "locks/my [1].lock"}}\n'
    )
    sources = Project.open(tmp_path, tmp_path / "gpu.yaml").sources()
    assert [source.path for source in sources] == ["a.py"]
