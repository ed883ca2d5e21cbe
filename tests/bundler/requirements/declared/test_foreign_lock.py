"""The locks that authors bring along, as requirements."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.declared import requirement_files
from modelbundle.bundler.requirements.marker import environment


def read(source, root, **given):
    found = requirement_files.read(source, root, **given)
    return found.wanted, found.limits


def texts(requirements):
    return [item.text for item in requirements]


def test_a_pylock_pins_everything(tmp_path):
    (tmp_path / "pylock.toml").write_text(
        '[[packages]]\nname="idna"\nversion="3.20"\n'
        "[[packages]]\nname='uvloop'\nversion='0.23.0'\nmarker=\"sys_platform != 'win32'\"\n"
    )
    assert texts(read("pylock.toml", tmp_path)[0]) == [
        "idna==3.20", "uvloop==0.23.0 ; sys_platform != 'win32'",
    ]  # fmt: skip


def test_a_uv_lock_binds_the_projects_own_dependencies(tmp_path):
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname="mine"\nversion="1"\nsource={virtual="."}\n'
        'dependencies=[{name="anyio"}]\n'
        '[[package]]\nname="anyio"\nversion="4.16.0"\nsource={registry="https://pypi.org/simple"}\n'
        '[[package]]\nname="idna"\nversion="3.20"\nsource={registry="https://pypi.org/simple"}\n'
    )
    wanted, limits = read("uv.lock", tmp_path)
    assert texts(wanted) == ["anyio"]
    assert texts(limits) == ["anyio==4.16.0", "idna==3.20"]


def test_extras_and_groups_of_a_pylock_are_decided_and_other_markers_kept(tmp_path):
    (tmp_path / "pylock.toml").write_text(
        'lock-version="1.0"\nextras=["gpu"]\ndependency-groups=["dev"]\n'
        "[[packages]]\nname='a'\nversion='1'\nmarker=\"'gpu' in extras\"\n"
        "[[packages]]\nname='b'\nversion='1'\n"
        "marker=\"'dev' in dependency_groups and sys_platform == 'linux'\"\n"
        "wheels=[{url='https://x/b.whl', hashes={sha256='ab'}}]\n"
    )
    assert texts(read("pylock.toml", tmp_path, extras=["gpu"])[0]) == [
        "a==1 ; python_version >= '0'",
        "b==1 ; python_version < '0' and sys_platform == 'linux'",
    ]
    assert requirement_files.read("pylock.toml", tmp_path).given["b"].files == {"1": {"ab"}}
    with pytest.raises(ResolveError, match="no extra `cpu`"):
        read("pylock.toml", tmp_path, extras=["cpu"])


UV_LOCK = """
version = 1
[[package]]
name = "mine"
source = { editable = "." }
dependencies = [
    { name = "anyio", extra = ["trio"], marker = "python_full_version >= '3.10'" },
]
[package.optional-dependencies]
more = [{ name = "attrs" }]
[package.dev-dependencies]
dev = [{ name = "six" }]
[[package]]
name = "anyio"
version = "4.16.0"
source = { registry = "https://pypi.org/simple" }
wheels = [{ url = "https://x/anyio.whl", hash = "sha256:ab" }]
[[package]]
name = "attrs"
version = "1.0"
source = { registry = "https://pypi.example.com/simple" }
resolution-markers = ["python_full_version < '3.12'"]
[[package]]
name = "attrs"
version = "2.0"
source = { registry = "https://pypi.example.com/simple" }
resolution-markers = ["python_full_version >= '3.12'", "sys_platform == 'win32'"]
[[package]]
name = "six"
version = "1.0"
source = { git = "https://x/six" }
"""


def test_a_uv_lock_with_extras_forks_and_another_index(tmp_path):
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    found = requirement_files.read("uv.lock", tmp_path, ["more"])
    assert texts(found.wanted) == ["anyio[trio] ; python_full_version >= '3.10'", "attrs"]
    assert texts(found.limits) == [
        "anyio==4.16.0",
        "attrs==1.0 ; (python_full_version < '3.12')",
        "attrs==2.0 ; (python_full_version >= '3.12') or (sys_platform == 'win32')",
    ]
    assert found.given["anyio"].files == {"4.16.0": {"ab"}}
    (index,) = found.indexes
    assert (index.url, index.packages) == ("https://pypi.example.com/simple", ("attrs",))


def test_what_a_uv_lock_takes_from_a_repository_is_refused_and_not_taken_from_an_index(tmp_path):
    (tmp_path / "uv.lock").write_text(UV_LOCK)
    with pytest.raises(ResolveError, match=r"`six` of `uv\.lock` comes from a repository"):
        read("uv.lock", tmp_path, groups=["dev"])


def test_a_uv_lock_of_several_projects_none_of_them_here_is_not_one_of_the_first(tmp_path):
    (tmp_path / "uv.lock").write_text(UV_LOCK.replace('"."', '"packages/mine"'))
    assert texts(read("uv.lock", tmp_path)[0])[0].startswith("anyio[trio]")
    other = '[[package]]\nname = "other"\nsource = { virtual = "packages/other" }\n'
    (tmp_path / "uv.lock").write_text(UV_LOCK.replace('"."', '"packages/mine"') + other)
    with pytest.raises(ResolveError, match=r"several projects \(`mine`, `other`\)") as refusal:
        read("uv.lock", tmp_path)
    assert "uv export --package mine" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", f"supported-markers = [\"sys_platform == 'win32'\"]\n{UV_LOCK}"),
        ("pylock.toml", "environments = [\"sys_platform == 'win32'\"]\n"),
    ],
)
def test_a_lock_for_other_environments_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = requirement_files.read(name, tmp_path)
    found.check_environments({"windows": {"sys_platform": "win32"}}, name)
    with pytest.raises(ResolveError, match="was locked for `sys_platform == 'win32'` only"):
        found.check_environments({"linux/amd64": environment("3.11", "x86_64")}, name)


@pytest.mark.parametrize("text", ["package = 3", "[[package]]\nname = 3", "package = [[]]"])
@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
def test_a_lock_that_is_built_otherwise_is_a_sentence(tmp_path, name, text):
    (tmp_path / name).write_text(text.replace("package", "packages") if "py" in name else text)
    with pytest.raises(ResolveError, match=name.replace(".", r"\.")):
        read(name, tmp_path)
