"""`[tool.uv]`: every key that makes another lock is followed or refused by its name."""

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.declared import requirement_files

PROJECT = '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = ["idna"]\n'


@pytest.fixture
def read(tmp_path):
    def run(text, name="pyproject.toml", **given):
        (tmp_path / name).write_text(text)
        return requirement_files.read(name, tmp_path, **given)

    return run


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('override-dependencies = ["numpy==2.0"]', "exclude_packages"),
        ('exclude-dependencies = ["numpy"]', "python.exclude_packages"),
        ('exclude-newer = "2026-01-01"', "python.exclude_newer"),
        ('exclude-newer-package = {idna = "2026-01-01"}', "python.exclude_newer"),
        ('prerelease = "allow"', "name>=2.0rc1"),
        ('resolution = "lowest"', "=="),
        ('find-links = ["wheels"]', "python.find_links"),
        ("no-binary = true", "python.allow_source"),
        ('no-binary-package = ["idna"]', "python.allow_source"),
        ("no-index = true", "--offline"),
        ('index-strategy = "unsafe-best-match"', "python.indexes"),
        ('index-url = "https://elsewhere.example/simple"', "python.indexes"),
        ('extra-index-url = ["https://elsewhere.example/simple"]', "python.indexes"),
        ('dependency-metadata = [{name = "idna"}]', "python.find_links"),
        ('torch-backend = "cu128"', "accelerator"),
    ],
)
def test_what_steers_the_resolver_is_refused_with_the_key_that_says_the_same(read, line, hint):
    key = line.partition(" ")[0]
    with pytest.raises(ResolveError, match=rf"`pyproject\.toml` .*`tool\.uv\.{key}`") as caught:
        read(f"{PROJECT}\n[tool.uv]\n{line}\n")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        'prerelease = "if-necessary"',
        'resolution = "highest"',
        "override-dependencies = []",
        'index-url = "https://pypi.org/simple/"',
        'package = false\ncache-dir = "x"\nlink-mode = "copy"\nno-build = true',
        "environments = [\"sys_platform == 'linux'\"]",
    ],
)
def test_what_changes_no_lock_of_ours_is_passed_over(read, line):
    assert [item.text for item in read(f"{PROJECT}\n[tool.uv]\n{line}\n").wanted] == ["idna"]


def test_an_index_of_everything_is_refused_and_an_explicit_one_is_bound(read):
    index = '\n[[tool.uv.index]]\nname = "acme"\nurl = "https://acme.example/simple"\n'
    with pytest.raises(ResolveError, match="any package taken from the index `acme`"):
        read(PROJECT + index)
    sources = '\n[tool.uv.sources]\nidna = {index = "acme"}\n'
    (found,) = read(f"{PROJECT}{index}explicit = true\n{sources}").indexes
    assert (found.url, found.packages) == ("https://acme.example/simple", ("idna",))


def test_constraints_and_the_older_name_of_the_dev_group_are_followed(read):
    text = f'{PROJECT}\n[tool.uv]\nconstraint-dependencies = ["anyio<5"]\n'
    found = read(f'{text}dev-dependencies = ["six"]\n', groups=["dev"])
    assert [item.text for item in found.limits] == ["anyio<5"]
    assert [item.text for item in found.wanted] == ["idna", "six"]


def test_a_lock_that_holds_by_an_override_is_refused(read):
    text = 'version = 1\n[manifest]\noverrides = [{ name = "numpy", specifier = "==2" }]\n'
    with pytest.raises(ResolveError, match=r"`uv\.lock` .*override-dependencies"):
        read(text, "uv.lock")


UV_LOCK = """version = 1
requires-python = ">=3.11"
[[package]]
name = "x"
version = "0"
source = { virtual = "." }
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", PROJECT),
        ("pylock.toml", 'lock-version = "1.0"\nrequires-python = ">=3.11"\npackages = []\n'),
        ("uv.lock", UV_LOCK),
    ],
)
def test_requires_python_of_every_file_is_read(read, name, text):
    assert read(text, name).python == ">=3.11"
