"""Locks that authors bring along: kept pin by pin and byte by byte, or it is said which was not."""

import json
import re

import pytest

from modelbundle.bundler.building.locking.locking import lock
from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.resolving import uv

BUNDLEFILE = "name: flowers\nmodels: [iris]\npython: {requirements: %s}\n"
OLD = "2024-10-01"  # what is newer than this is not what the locks below pin
PROJECT = f"""
[project]
name = "flowers"
version = "1"
requires-python = ">=3.11"
dependencies = ["anyio"]
[project.optional-dependencies]
more = ["attrs"]
[dependency-groups]
dev = ["six"]
[tool.uv]
exclude-newer = "{OLD}"
"""


@pytest.fixture
def own(project, add_model, index):
    """A project whose pyproject.toml uv has locked a while ago."""
    add_model(packages={"attrs": "23.1.0"})

    def write(name, *, export=(), **options):
        written = project(BUNDLEFILE % name, {"pyproject.toml": PROJECT}, **options)
        uv.run(["lock"], cwd=written.root)
        if export:
            uv.run(["export", "--frozen", "--no-emit-project", *export], cwd=written.root)
        return written

    return write


def locked_files(locked):
    return {p.name: (p.version, set(p.files.values())) for p in locked.lock.packages}


def pins(text):
    """Name -> (version, digests), read off an export by a way of its own."""
    found = {}
    for block in re.split(r"\n(?=[a-z])", re.sub(r"(?m)^\s*#.*\n", "", text)):
        if head := re.match(r"([a-z0-9-]+)==(\S+)", block):
            found[head[1]] = (head[2], set(re.findall(r"sha256:([0-9a-f]{64})", block)))
    return found


def test_a_uv_lock_is_kept_to_the_byte(own):
    written = own("uv.lock", export=["-o", "check.txt", "--all-extras", "--no-dev"])
    given = pins((written.root / "check.txt").read_text())
    found = locked_files(lock(written))
    for name in ("anyio", "idna", "sniffio"):
        assert found[name][0] == given[name][0]
        assert found[name][1] <= given[name][1]
    assert "six" not in found
    assert found["attrs"][0] == given["attrs"][0]  # the author's lock binds, not the model's record


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("pylock.toml", "environments = [\"os_name == 'nt'\"]\n", "the bundle is for linux/amd64"),
        ("pyproject.toml", '[project]\nrequires-python = "<3"\n', "asks for Python <3"),
    ],
)
def test_a_file_for_other_machines_is_refused(project, add_model, name, text, told):
    add_model()
    with pytest.raises(ResolveError, match=told):
        lock(project(BUNDLEFILE % name, {name: text}))


@pytest.mark.parametrize("name", ["pylock.toml", "requirements.txt"])
def test_so_are_a_pylock_and_a_requirements_txt_with_hashes(own, name):
    written = own(name, export=["-o", name, "--no-dev"])
    uv.run(["export", "--frozen", "--no-emit-project", "-o", "check.txt"], cwd=written.root)
    given = pins((written.root / "check.txt").read_text())
    found = locked_files(lock(written))
    for package in ("anyio", "idna", "sniffio"):
        assert found[package][0] == given[package][0]
        assert found[package][1] <= given[package][1]


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "requirements.txt"])
def test_a_file_that_is_another_now_is_refused_with_its_name(own, name):
    written = own(name, export=["-o", name, "--no-dev"] if name != "uv.lock" else ())
    text = (written.root / name).read_text()
    wheels = re.findall(r"[0-9a-f]{64}", text)
    (written.root / name).write_text(text.replace(wheels[1], "0" * 64).replace(wheels[0], "1" * 64))
    with pytest.raises(ResolveError, match=rf"`{re.escape(name)}` pins anyio .* with other files"):
        lock(written)
    assert not (written.root / "bundle.lock").exists()


def test_a_pin_that_cannot_be_had_names_the_file(own):
    written = own("uv.lock")
    text = (written.root / "uv.lock").read_text()
    (written.root / "uv.lock").write_text(
        re.sub(r'(name = "idna"\nversion = )"[^"]+"', r'\1"0.0.99"', text)
    )
    with pytest.raises(ResolveError, match=r"asked for: `idna==0\.0\.99` \(uv\.lock\)"):
        lock(written)


def test_a_given_lock_that_changes_is_another_input(own):
    written = own("uv.lock")
    assert lock(written).is_new
    assert not lock(written).is_new
    data = json.loads((written.root / "bundle.lock").read_text())
    text = (written.root / "uv.lock").read_text()
    (written.root / "uv.lock").write_text(re.sub(r"(?m)^sdist = .*/anyio-.*\n", "", text))
    lock(written)
    assert json.loads((written.root / "bundle.lock").read_text())["variants"] != data["variants"]


BACKPORT = f"""
[project]
name = "flowers"
version = "1"
requires-python = ">=3.10"
dependencies = ["anyio", "typing-extensions<4.10; python_version < '3.11'"]
[project.optional-dependencies]
old = ["click==8.0.4"]
new = ["click==8.1.3"]
[tool.uv]
conflicts = [[{{extra = "old"}}, {{extra = "new"}}]]
exclude-newer = "{OLD}"
"""


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "requirements.txt"])
def test_what_a_lock_pins_for_another_python_or_another_extra_binds_nothing(own, name):
    """The server needs newer ones than the old Python and the extras that nobody asked for."""
    written = own(name)
    (written.root / "pyproject.toml").write_text(BACKPORT)
    uv.run(["lock"], cwd=written.root)
    if name != "uv.lock":
        uv.run(["export", "--frozen", "--no-emit-project", "-o", name], cwd=written.root)
    found = locked_files(lock(written))
    assert found["anyio"][0].startswith("4.6")
    if name != "uv.lock":
        assert found["typing-extensions"][0] > "4.10"
    assert found["click"][0] > "8.1.3"
