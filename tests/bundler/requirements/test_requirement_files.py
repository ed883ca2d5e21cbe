"""Requirements out of the files that authors keep."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.requirement_files import read


def texts(requirements):
    return [item.text for item in requirements]


def test_a_list_is_taken_as_it_is(tmp_path):
    wanted, limits = read(["idna", " six>=1 "], tmp_path)
    assert texts(wanted) == ["idna", "six>=1"]
    assert limits == []


def test_requirements_txt_with_comments_hashes_continuations_and_includes(tmp_path):
    (tmp_path / "more.txt").write_text("six\n")
    (tmp_path / "limits.txt").write_text("anyio<5\n")
    (tmp_path / "requirements.txt").write_text(
        "# all\nidna==3.20 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd  # why\n\n"
        "-r more.txt\n-c limits.txt\nuvloop; sys_platform != 'win32'\n"
    )
    wanted, limits = read("requirements.txt", tmp_path)
    assert texts(wanted) == ["idna==3.20", "six", "uvloop; sys_platform != 'win32'"]
    assert texts(limits) == ["anyio<5"]
    assert [item.origin for item in wanted] == [
        "requirements.txt:2", "more.txt:1", "requirements.txt:8",
    ]  # fmt: skip


def test_files_that_include_each_other_end(tmp_path):
    (tmp_path / "a.txt").write_text("-r b.txt\nidna\n")
    (tmp_path / "b.txt").write_text("-r a.txt\nsix\n")
    assert texts(read("a.txt", tmp_path)[0]) == ["six", "idna"]


@pytest.mark.parametrize("line", ["-e .", "./here", "--index-url https://x/simple", "--pre"])
def test_what_a_bundle_cannot_keep_is_refused_with_its_place(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"idna\n{line}\n")
    with pytest.raises(ResolveError, match=r"requirements\.txt:2"):
        read("requirements.txt", tmp_path)


def test_dependencies_of_a_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname="x"\ndependencies=["idna>=3"]\n')
    assert texts(read("pyproject.toml", tmp_path)[0]) == ["idna>=3"]


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


@pytest.mark.parametrize(
    ("name", "text"),
    [("requirements.txt", None), ("pyproject.toml", "="), ("pyproject.toml", ""), ("x.cfg", "")],
)
def test_a_missing_broken_or_unknown_file_is_a_sentence(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ResolveError, match=name.replace(".", r"\.")):
        read(name, tmp_path)


@pytest.mark.parametrize("text", ["idna\\n--index-url http://x", "--pre", "", "==1"])
def test_no_dependency_of_a_pyproject_steers_the_resolver(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname="x"\ndependencies=["{text}"]\n')
    with pytest.raises(ResolveError, match=r"pyproject\.toml project\.dependencies"):
        read("pyproject.toml", tmp_path)
