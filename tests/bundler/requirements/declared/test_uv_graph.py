"""A uv.lock whose extras and groups exclude each other: what the chosen ones choose is pinned."""

import subprocess

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.declared import requirement_files
from modelbundle.bundler.requirements.declared.uv_graph import Graph
from modelbundle.bundler.requirements.requirements import Requirements
from modelbundle.bundler.requirements.resolving import uv
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.target import Target

PROJECT = """
[project]
name = "our_proj"
version = "1"
requires-python = ">=3.11"
dependencies = ["base"]
[project.optional-dependencies]
cpu = ["alpha==1.0"]
gpu = ["alpha==2.0", "kernels; sys_platform == 'linux'"]
[dependency-groups]
old = ["alpha==1.5"]
[tool.uv]
conflicts = [[{extra = "cpu"}, {extra = "gpu"}, {group = "old"}]]
"""


@pytest.fixture
def locked(tmp_path, wheels, make_wheel):
    """A project that uv has locked, with versions of `alpha` that exclude each other."""
    make_wheel(wheels, "base", "1.0", ["alpha"])
    for version in ("1.0", "1.5", "2.0", "3.0"):
        make_wheel(wheels, "alpha", version, [f"beta=={version}"])
        make_wheel(wheels, "beta", version)
    make_wheel(wheels, "kernels", "1.0")
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    command = [uv.binary(), "lock", "--no-index", "--find-links", wheels, "-q"]
    subprocess.run(command, cwd=root, check=True)
    return root


def read(root, extras=(), groups=()):
    return requirement_files.read("uv.lock", root, extras, groups)


def versions(written):
    wanted = Requirements(written.wanted, written.limits)
    return {p.name: p.version for p in resolve(wanted, Target("3.11", "linux/amd64"))}


@pytest.mark.parametrize(
    ("extras", "groups", "version", "more"),
    [(["cpu"], [], "1.0", {}), (["GPU"], [], "2.0", {"kernels": "1.0"}), ([], ["old"], "1.5", {})],
)
def test_each_extra_or_group_gets_its_own_versions(locked, extras, groups, version, more):
    written = read(locked, extras, groups)
    own = {"alpha": version, "beta": version, "base": "1.0"}
    assert versions(written) == own | more
    assert set(written.given["alpha"].files) == {version}
    assert set(written.given["beta"].files) == {version}


def test_what_excludes_each_other_is_refused_with_both_names(locked):
    with pytest.raises(ResolveError, match=r"the extra `cpu` and the extra `gpu` exclude"):
        read(locked, ["cpu", "gpu"])
    with pytest.raises(ResolveError, match=r"the extra `cpu` and the group `old` exclude"):
        read(locked, ["cpu"], ["old"])


@pytest.mark.parametrize(
    ("marker", "extras", "is_there"),
    [
        ("extra == 'extra-1-p-a'", ["a"], True),
        ("extra == 'extra-1-p-a'", ["b"], False),
        ("extra != 'extra-1-p-a'", ["b"], True),
        ("sys_platform == 'linux' and extra == 'extra-1-p-a'", ["b"], False),
        (
            "(sys_platform == 'x' or extra == 'extra-1-p-b') and extra == 'extra-1-p-a'",
            ["b"],
            False,
        ),
        ("(sys_platform not in 'x' or extra == 'extra-1-p-b') and sys_platform > ''", ["b"], True),
        ("extra == 'extra-1-other-a'", ["a"], False),
        ("extra == 'group-1-p-a'", ["a"], False),
    ],
)
def test_markers_on_extras_are_decided_and_those_on_environments_kept(marker, extras, is_there):
    packages = [{"name": "p"}, {"name": "alpha", "version": "1.0"}]
    graph = Graph({"package": packages}, packages[:1], "uv.lock", extras, [])
    edge = {"name": "alpha", "marker": marker}
    graph.walk([edge])
    assert ("alpha" in graph.versions) is is_there
    assert "extra" not in graph.marker(edge)
