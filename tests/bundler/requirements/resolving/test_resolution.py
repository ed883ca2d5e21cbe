"""uv resolves for the target, and its answer is read back exactly."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.package import Package, merge
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.annotations import Note, read_annotations
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.resolving.uv_warnings import read_warnings
from modelbundle.bundler.requirements.target import Target


def asking(*texts, **given):
    return Requirements(tuple(Requirement(text, "the author") for text in texts), **given)


def test_annotations_say_who_asks_and_which_index_answered():
    text = """\
--extra-index-url https://example.org
torch==2.13.0+cpu \\
    # via bundle-lock (pyproject.toml)
    # from https://download.pytorch.org/whl/cpu
sympy==1.14.0
    # via
    #   torch
    #   other
"""
    assert read_annotations(text) == {
        "torch": Note("2.13.0+cpu", ("bundle-lock",), "https://download.pytorch.org/whl/cpu"),
        "sympy": Note("1.14.0", ("torch", "other")),
    }


def test_every_package_comes_with_its_file_its_hash_and_who_asked(wheels, make_wheel):
    made = make_wheel(wheels, "alpha", "1.0", ["beta>=1"])
    make_wheel(wheels, "beta", "1.5")
    alpha, beta = resolve(asking("alpha"), Target("3.11", "linux/amd64"))
    assert alpha.files == {made.name: hashlib.sha256(made.read_bytes()).hexdigest()}
    assert (alpha.via, beta.via) == (("the author",), ("alpha",))
    assert not alpha.from_source


def test_an_extra_that_does_not_exist_is_a_warning_of_its_package(wheels, make_wheel):
    make_wheel(wheels, "alpha", "1.0", ["beta[two]"])
    make_wheel(wheels, "beta", "1.5")
    alpha, beta = resolve(asking("Alpha[one]"), Target("3.11", "linux/amd64"))
    assert alpha.warnings == ("alpha 1.0 has no extra `one`, so it brings nothing.",)
    assert beta.warnings == ("beta 1.5 has no extra `two`, so it brings nothing.",)


def test_a_version_that_was_withdrawn_is_a_warning_and_other_lines_are_none():
    stderr = (
        "Resolved 2 packages in 1ms\nwarning: The requested Python version 3.12 is not available\n"
        'warning: `Alpha==1.0` is yanked (reason: "Broken. See https://a:b@c/")\n'
        "warning: `beta==2` is yanked\n"
    )
    assert read_warnings(stderr) == {
        "alpha": ("Alpha 1.0 was withdrawn from its index (yanked): Broken. See https://***@c/.",),
        "beta": ("beta 2 was withdrawn from its index (yanked).",),
    }


def test_preferred_versions_are_kept_where_the_requirements_allow_it(wheels, make_wheel):
    for version in ("1.0", "1.5", "2.0"):
        make_wheel(wheels, "beta", version)
    target = Target("3.11", "linux/amd64")
    prefer = {"preferences": {"beta": "1.5"}}
    assert [p.version for p in resolve(asking("beta", **prefer), target)] == ["1.5"]
    assert [p.version for p in resolve(asking("beta>1.5", **prefer), target)] == ["2.0"]


def test_a_contradiction_names_the_lines_that_ask(wheels, make_wheel):
    make_wheel(wheels, "alpha", "1.0", ["beta>=2"])
    make_wheel(wheels, "beta", "1.0")
    with pytest.raises(ResolveError) as caught:
        resolve(asking("alpha", "beta<2"), Target("3.11", "linux/amd64"))
    assert "asked for: `beta<2` (the author)" in str(caught.value)
    assert "you depends" not in str(caught.value)
    assert "alpha" in str(caught.value)
    assert caught.value.exit_code == 4


def test_markers_are_those_of_the_target_not_of_this_machine(wheels, make_wheel):
    make_wheel(wheels, "alpha", "1.0")
    make_wheel(wheels, "beta", "1.0")
    found = asking("alpha", "beta; platform_machine == 'aarch64' and python_version < '3.13'")
    assert [p.name for p in resolve(found, Target("3.12", "linux/amd64"))] == ["alpha"]
    assert [p.name for p in resolve(found, Target("3.12", "linux/arm64"))] == ["alpha", "beta"]


@pytest.mark.parametrize("name", ["project", "my project", "a, b", "é#1?", "x%20y", "[q]'"])
def test_folders_of_the_project_are_found_from_its_root(tmp_path, monkeypatch, make_wheel, name):
    """And known for the project's, or the bundle would lack their wheels."""
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    (tmp_path / name).mkdir()
    make_wheel(tmp_path / name / "my wheels", "alpha", "1.0")
    target = Target("3.11", "linux/amd64", find_links=("my wheels",), directory=tmp_path / name)
    (found,) = resolve(asking("alpha"), target)
    assert (found.name, found.folder) == ("alpha", "my wheels")


def test_a_repository_cannot_be_locked(wheels, make_wheel):
    made = make_wheel(wheels, "alpha", "1.0")
    with pytest.raises(ResolveError, match="not an index"):
        resolve(asking(f"alpha @ file://{made}"), Target("3.11", "linux/amd64"))


def test_what_only_one_platform_needs_says_so():
    one = Package("a", "1", {"a-x86_64.whl": "00"})
    other = Package("a", "1", {"a-arm.whl": "11"})
    extra = Package("b", "2", {"b.whl": "22"})
    merged = merge({"linux/amd64": [one, extra], "linux/arm64": [other]})
    assert merged == (
        Package("a", "1", {"a-x86_64.whl": "00", "a-arm.whl": "11"}),
        Package("b", "2", {"b.whl": "22"}, platforms=("linux/amd64",)),
    )
    assert [Package.from_json(p.to_json()) for p in merged] == list(merged)


def test_the_real_index_gives_one_wheel_for_the_target(index):
    found = {p.name: p for p in resolve(asking("orjson>=3.10"), Target("3.12", "linux/arm64"))}
    assert all("aarch64" in name and "cp312" in name for name in found["orjson"].files)


def test_sdists_are_refused_unless_they_are_allowed(index):
    with pytest.raises(ResolveError, match="no usable wheels"):
        resolve(asking("docopt==0.6.2"), Target("3.11", "linux/amd64"))
    target = Target("3.11", "linux/amd64", allow_source=("docopt",))
    (docopt,) = resolve(asking("docopt==0.6.2"), target)
    assert docopt.from_source


def write_sdist(folder, name, version):
    """Metadata of version 2.2 is read without building anything."""
    about = f"Metadata-Version: 2.2\nName: {name}\nVersion: {version}\n".encode()
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as archive:
        for path, data in (("PKG-INFO", about), ("pyproject.toml", b"")):
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_what_may_be_built_from_source_is_so_only_where_it_has_no_wheel(wheels, make_wheel):
    """One package without a wheel made all of `allow_source` be taken as sources."""
    write_sdist(wheels, "alpha", "1.0")
    make_wheel(wheels, "beta", "1.0")
    write_sdist(wheels, "beta", "2.0")
    target = Target("3.11", "linux/amd64", allow_source=("alpha", "beta"))
    found = {p.name: p for p in resolve(asking("alpha", "beta"), target)}
    assert found["alpha"].from_source
    assert (found["beta"].version, found["beta"].from_source) == ("1.0", False)
    assert resolve(asking("beta>=2"), target)[0].from_source


def test_nothing_newer_than_the_cut_off_is_taken(index):
    target = Target("3.11", "linux/amd64", exclude_newer="2024-09-01")
    assert [p.version for p in resolve(asking("idna"), target)] == ["3.8"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("beta==1.*.2", "wildcards in versions must be at the end"),
        ("beta; foo == 'x'", "valid marker name"),
        ("beta==1.0 --config-settings=x=y", "Expected `--hash`"),
    ],
)
@pytest.mark.parametrize("is_limit", [False, True])
def test_a_line_that_cannot_be_read_is_named(wheels, make_wheel, text, why, is_limit):
    make_wheel(wheels, "alpha", "1.0")
    bad = Requirement(text, "reqs.txt:7")
    given = {"limits": (bad,)} if is_limit else {}
    wanted = (Requirement("alpha", "the author"), *(() if is_limit else (bad,)))
    with pytest.raises(ResolveError, match="is not a requirement") as caught:
        resolve(Requirements(wanted, **given), Target("3.11", "linux/amd64"))
    assert str(caught.value).startswith(f"reqs.txt:7: {text!r}")
    assert why in str(caught.value)


def test_a_day_before_what_a_model_needs_says_which_key_moves_it(tiny_index, make_wheel):
    make_wheel(tiny_index.root / "alpha", "alpha", "1.0")
    early = Target("3.11", "linux/amd64", exclude_newer="2020-01-01")
    with pytest.raises(ResolveError) as caught:
        resolve(asking("alpha==1.0"), early)
    assert "`python.exclude_newer`" in caught.value.hint


FULL = """
import resource
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.target import Target
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # bytes: as on a full disk
try:
    resolve(Requirements((Requirement("alpha", "us"),)), Target("3.11", "linux/amd64"))
except OSError as error:
    print(error.filename)
"""


def test_what_cannot_be_written_for_uv_is_named(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", FULL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(tmp_path)), done.stderr
    assert done.stdout.endswith("pyproject.toml\n")
