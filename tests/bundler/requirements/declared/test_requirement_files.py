"""Requirements out of the files that authors keep."""

import os

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.declared import requirement_files
from modelbundle.bundler.requirements.index import Index


def read(source, root, **given):
    found = requirement_files.read(source, root, **given)
    return found.wanted, found.limits


def texts(requirements):
    return [item.text for item in requirements]


def test_a_list_is_taken_as_it_is(tmp_path):
    wanted, limits = read(["idna", " six>=1 "], tmp_path)
    assert texts(wanted) == ["idna", "six>=1"]
    assert limits == ()


def test_a_file_that_is_not_there_is_named_once(tmp_path):
    with pytest.raises(ResolveError, match=r"gone\.txt`, which cannot be read: No such") as told:
        read("gone.txt", tmp_path)
    assert str(told.value).count("gone.txt") == 1
    assert "relative to the bundlefile" in told.value.hint


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


@pytest.mark.parametrize("name", ["sub/../a.txt", "./a.txt", "same.txt"])
def test_a_file_that_includes_itself_by_another_name_is_read_once(tmp_path, name):
    (tmp_path / "sub").mkdir()
    (tmp_path / "same.txt").symlink_to("a.txt")
    (tmp_path / "a.txt").write_text(f"-r {name}\nidna\n")
    assert texts(read("a.txt", tmp_path)[0]) == ["idna"]


def test_files_that_include_each_other_twice_are_each_read_once(tmp_path):
    for number in range(40):
        more = f"-r {number + 1}.txt\n" * 2 + f"-c {number + 1}.txt\n"
        (tmp_path / f"{number}.txt").write_text(more)
    (tmp_path / "40.txt").write_text("idna\n")
    wanted, limits = read("0.txt", tmp_path)
    assert (texts(wanted), texts(limits)) == (["idna"], ["idna"])


def test_groups_that_include_each_other_twice_are_each_read_once(tmp_path):
    groups = [
        f'{kind}{n}=[{{include-group="a{n + 1}"}}, {{include-group="b{n + 1}"}}]\n'
        for n in range(18)
        for kind in "ab"
    ]
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies=[]\n[dependency-groups]\n" + "".join(groups)
        + 'a18=["idna"]\nb18=["six"]\n'
    )  # fmt: skip
    assert texts(read("pyproject.toml", tmp_path, groups=["a0"])[0]) == ["idna", "six"]


def test_a_chain_of_files_ends(tmp_path):
    for number in range(60):
        (tmp_path / f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    with pytest.raises(ResolveError, match=r"50\.txt:1: the files include each other 50 deep"):
        read("0.txt", tmp_path)


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("-r b\0.txt\n")
    with pytest.raises(ResolveError, match=r"a\.txt:1: only files of this project"):
        read("a.txt", tmp_path)


def test_a_file_of_any_length_is_read_in_one_go(tmp_path):
    lines = [f"p{number}==1 \\\n# why\n" for number in range(10_000)]
    (tmp_path / "a.txt").write_text("".join(lines))
    assert len(read("a.txt", tmp_path)[0]) == 10_000
    (tmp_path / "a.txt").write_text("p\n" * 100_001)
    with pytest.raises(ResolveError, match="more than 100,000 lines"):
        read("a.txt", tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "-e git+https://u:s3cret@host/x",
        "git+https://u:s3cret@host/x",
        "x @ https://u:s3cret@host/x-1-py3-none-any.whl",
        "x[a]@git+ssh://u:s3cret@host/x",
        "https://u:s3cret@host/x.whl",
        "x @ https://host/x-1-py3-none-any.whl?sig=s3cret",
        "x @ file:///etc/passwd",
    ],
)
def test_what_comes_from_an_address_is_refused_before_anybody_is_asked(tmp_path, line):
    (tmp_path / "a.txt").write_text(f"{line}\n")
    with pytest.raises(ResolveError, match=r"a\.txt:1: .* comes from an address") as caught:
        read("a.txt", tmp_path)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"idna==1 --hash=sha512:{'a' * 128}", "no hash of `idna` is one by sha256"),
        ("idna>=1 --hash=sha256:aa", "'idna>=1' has a hash, and no version"),
        ("idna==1.* --hash=sha256:aa", "has a hash, and no version"),
    ],
)
def test_a_hash_that_nothing_would_be_compared_with_is_refused(tmp_path, line, told):
    (tmp_path / "a.txt").write_text(f"{line}\n")
    with pytest.raises(ResolveError, match=told):
        read("a.txt", tmp_path)


def test_each_version_that_a_marker_chooses_keeps_its_hashes(tmp_path):
    (tmp_path / "a.txt").write_text(
        "idna==1 ; python_version < '3.12' --hash=sha256:AA\n"
        "idna==2 ; python_version >= '3.12' --hash=sha256:bb --hash=sha512:cc\n"
    )
    found = requirement_files.read("a.txt", tmp_path).given["idna"]
    assert found.files == {"1": {"aa"}, "2": {"bb"}}


@pytest.mark.parametrize("line", ["-e .", "./here", "--index-url https://x/simple", "--pre"])
def test_what_a_bundle_cannot_keep_is_refused_with_its_place(tmp_path, line):
    (tmp_path / "requirements.txt").write_text(f"idna\n{line}\n")
    with pytest.raises(ResolveError, match=r"requirements\.txt:2"):
        read("requirements.txt", tmp_path)


def test_dependencies_of_a_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nname="x"\ndependencies=["idna>=3"]\n')
    assert texts(read("pyproject.toml", tmp_path)[0]) == ["idna>=3"]


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


URL = "https://user:s3cret@pypi.example.com/simple"


@pytest.mark.parametrize("option", ["--index-url", "--extra-index-url", "-i"])
def test_an_index_in_a_requirements_txt_needs_the_bundlefiles_word(tmp_path, option):
    (tmp_path / "requirements.txt").write_text(f"{option} {URL}\nidna\n")
    with pytest.raises(ResolveError, match=r"requirements\.txt:1") as caught:
        read("requirements.txt", tmp_path)
    assert "url: https://pypi.example.com/simple, packages:" in caught.value.hint
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    known = [Index("https://pypi.example.com/simple/", "a", ("idna",))]
    assert texts(read("requirements.txt", tmp_path, indexes=known)[0]) == ["idna"]


def test_options_that_say_what_holds_anyway_are_passed_over(tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "--index-url https://pypi.org/simple\n--require-hashes\n--only-binary :all:\nidna\n"
    )
    assert texts(read("requirements.txt", tmp_path)[0]) == ["idna"]


def test_hashes_are_what_the_author_gave(tmp_path):
    (tmp_path / "requirements.txt").write_text(
        "Foo_Bar[x]==1.0 ; python_version > '3' \\\n  --hash=sha256:aa --hash sha256:bb\nsix\n"
    )
    found = requirement_files.read("requirements.txt", tmp_path)
    assert texts(found.wanted) == ["Foo_Bar[x]==1.0 ; python_version > '3'", "six"]
    assert found.given["foo-bar"].files == {"1.0": {"aa", "bb"}}
    assert found.given["foo-bar"].origin == "requirements.txt"


PROJECT = """
[project]
name = "Mine"
dependencies = ["idna>=3"]
[project.optional-dependencies]
gpu = ["torch"]
all = ["mine[gpu]", "six"]
[dependency-groups]
base = ["anyio"]
serve = [{include-group = "base"}, "attrs"]
[tool.uv]
constraint-dependencies = ["anyio<5"]
[[tool.uv.index]]
name = "pt"
url = "https://download.example.com/whl/cpu"
[tool.uv.sources]
torch = {index = "pt"}
other = {git = "https://x/y"}
"""


def test_extras_and_groups_of_a_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    wanted, limits = read("pyproject.toml", tmp_path, extras=["All"], groups=["serve"])
    assert sorted(texts(wanted)) == ["anyio", "attrs", "idna>=3", "six", "torch"]
    assert texts(limits) == ["anyio<5"]
    assert texts(read("pyproject.toml", tmp_path)[0]) == ["idna>=3"]
    found = requirement_files.read("pyproject.toml", tmp_path, ["gpu"])
    assert [(i.url, i.packages) for i in found.indexes] == [
        ("https://download.example.com/whl/cpu", ("torch",))
    ]


@pytest.mark.parametrize(("extras", "groups"), [(["gpus"], []), ([], ["server"])])
def test_an_extra_or_group_that_is_not_there_is_named(tmp_path, extras, groups):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    with pytest.raises(ResolveError, match=r"has no (extra|group)") as caught:
        read("pyproject.toml", tmp_path, extras=extras, groups=groups)
    assert "It has `" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["project.optional-dependencies.gpu = 'torch'", "dependency-groups.gpu = 'torch'",
     "tool.uv.constraint-dependencies = 'torch'"],
)  # fmt: skip
def test_a_text_is_not_taken_for_a_list_of_its_letters(tmp_path, text):
    """Or the lock would hold the packages `t`, `o`, `r`, `c` and `h` of strangers."""
    (tmp_path / "pyproject.toml").write_text(f"project.dependencies = []\n{text}\n")
    names = {"extras": ["gpu"] * ("opt" in text), "groups": ["gpu"] * ("gro" in text)}
    with pytest.raises(ResolveError, match=r"`\S+` in `pyproject\.toml` is not a list"):
        requirement_files.read("pyproject.toml", tmp_path, **names)


def test_a_group_that_includes_itself_ends(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies=[]\n[dependency-groups]\na=[{include-group="a"}]\n'
    )
    with pytest.raises(ResolveError, match="includes itself"):
        read("pyproject.toml", tmp_path, groups=["a"])


def test_a_source_that_is_no_index_is_refused(tmp_path):
    text = PROJECT.replace('dependencies = ["idna>=3"]', 'dependencies = ["other"]')
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ResolveError, match="takes `other` from a source"):
        read("pyproject.toml", tmp_path)


@pytest.mark.parametrize("option", ["-r", "-c", "--requirement"])
@pytest.mark.parametrize("name", ["../secret", "link", "sub/../../secret", "/etc/passwd"])
def test_only_files_of_the_project_are_included(tmp_path, option, name):
    (tmp_path / "secret").write_text("root:x:0:0\n")
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "r.txt").write_text(f"{option} {name}\n")
    with pytest.raises(ResolveError, match="only files of this project") as refusal:
        requirement_files.read("r.txt", root)
    assert "root:x" not in str(refusal.value)


@pytest.mark.parametrize("name", ["../secret.txt", "link.txt"])
def test_requirements_are_of_the_project(tmp_path, name):
    (tmp_path / "secret.txt").write_text("root:x:0:0\n")
    root = tmp_path / "project"
    root.mkdir()
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(ResolveError, match="not in the project"):
        requirement_files.read(name, root)


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "r.txt").write_text("-r pipe.txt\n")
    for name in ("r.txt", "pipe.txt"):
        with pytest.raises(ResolveError, match="not a regular file"):
            requirement_files.read(name, tmp_path)


@pytest.mark.parametrize("url", ["https://[x", "https://a]b/simple", "https://a\u2100b/simple"])
def test_an_index_at_what_is_no_address_is_told_with_its_line(tmp_path, url):
    (tmp_path / "r.txt").write_text(f"idna\n--index-url {url}\n")
    with pytest.raises(ResolveError, match=r"^r\.txt:2: .*is not an address"):
        requirement_files.read("r.txt", tmp_path)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "pyproject.toml"])
@pytest.mark.parametrize("text", ["a = " + "1" * 5000, "a = " + "[" * 100_000])
def test_toml_that_python_does_not_read_is_a_sentence(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ResolveError, match="is not TOML"):
        requirement_files.read(name, tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_file_as_powershell_writes_it_is_read(tmp_path, encoding):
    (tmp_path / "requirements.txt").write_bytes("six==1.16\r\nidna\r\n".encode(encoding))
    assert texts(read("requirements.txt", tmp_path)[0]) == ["six==1.16", "idna"]


def test_a_file_that_is_not_there_to_include_is_told_with_its_line(tmp_path):
    (tmp_path / "requirements.txt").write_text("six\n-r gone.txt\n")
    with pytest.raises(ResolveError, match=r"^requirements\.txt:2: `gone\.txt`, which it includes"):
        read("requirements.txt", tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("wheels/six-1.16-py3-none-any.whl", "a file of this machine"),
        ("six-1.16-py3-none-any.whl", "a file of this machine"),
        ("six-1.16.tar.gz", "a file of this machine"),
        ("~/six", "a folder or"),
        ("six==${VERSION}", "has a variable"),
    ],
)
def test_a_file_and_a_variable_are_told_with_their_line(tmp_path, line, told):
    (tmp_path / "requirements.txt").write_text(f"{line}\n")
    with pytest.raises(ResolveError, match=rf"^requirements\.txt:1: .*{told}") as caught:
        read("requirements.txt", tmp_path)
    assert caught.value.hint


@pytest.mark.parametrize(
    "project", ["", '[project]\nname = "x"\nversion = "1"\n', '[project]\ndynamic = ["version"]\n']
)
def test_a_pyproject_of_groups_alone_is_read(tmp_path, project):
    groups = '[dependency-groups]\nserving = ["six"]\n'
    (tmp_path / "pyproject.toml").write_text(project + groups)
    assert texts(read("pyproject.toml", tmp_path, groups=["serving"])[0]) == ["six"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[project]\ndynamic = ["dependencies"]\n', "build backend"),
        ('[tool.poetry.dependencies]\nsix = "^1"\n', "poetry export"),
        ("[tool.black]\n", "build backend"),
    ],
)
def test_a_pyproject_whose_dependencies_stand_elsewhere_says_what_to_do(tmp_path, text, hint):
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ResolveError, match=r"has no list `project\.dependencies`") as caught:
        read("pyproject.toml", tmp_path)
    assert hint in caught.value.hint
