"""Every page: its YAML is a bundlefile that is read, its Python is Python, its keys and files are there."""

import re

import yaml

from modelbundle.bundler.project.bundlefile import Bundlefile
from modelbundle.bundler.project.schema import schema

OTHERS = {"apiVersion", "jobs", "rules"}  # of Kubernetes, of GitHub, of a policy
SECTIONS = "serve|python|image|security|system|models"
PARTS = "cli|bundler|runtime|templates|benchmarks|examples|tests"


def blocks(pages, language):
    """Each block of that language, beside the page on which it stands."""
    for page, text in pages.items():
        for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield page, block


def current(pages):
    """All pages but the one that tells what was."""
    return ((page, text) for page, text in pages.items() if page.name != "CHANGELOG.md")


def test_every_piece_of_a_bundlefile_is_read(pages, tmp_path):
    count = 0
    for page, block in blocks(pages, "yaml"):
        first = next(yaml.safe_load_all(block))
        if OTHERS & set(first):
            continue
        whole = "" if "name" in first else "name: page\n"
        whole += block + ("" if {"models", "service"} & set(first) else "\nmodels: [iris]\n")
        (tmp_path / "bundlefile.yaml").write_text(whole)
        assert Bundlefile.read(tmp_path / "bundlefile.yaml").name, page
        count += 1
    assert count > 20


def test_every_piece_of_python_is_python(pages):
    found = list(blocks(pages, "python"))
    assert len(found) > 20
    for page, block in found:
        compile(block, page.name, "exec")


def has_key(node, path, known):
    """Whether a bundlefile may have a value at this path of names."""
    if not path:
        return True
    node = known[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if any(has_key(each, path, known) for each in node.get("anyOf", ())):
        return True
    if "items" in node:
        return has_key(node["items"], path, known)
    inner = node.get("properties", {}).get(path[0])
    named = [inner] if inner else list(node.get("patternProperties", {}).values())
    return any(has_key(each, path[1:], known) for each in named)


def test_every_key_is_one_of_the_bundlefile(pages):
    whole = schema()
    known = whole["$defs"]
    count = 0
    for page, text in current(pages):
        kept = text.partition("\n## Keys that do not exist\n")[0]
        for key in re.findall(rf"`((?:{SECTIONS})(?:\[\])?(?:\.[a-z_]+)+)(?::[^`]*)?`", kept):
            assert has_key(whole, key.replace("[]", "").split("."), known), (page, key)
            count += 1
    assert count > 100
    assert not has_key(whole, ["serve", "no_such_key"], known)


def test_every_file_of_the_code_that_is_named_is_there(pages, checkout):
    count = 0
    for page, text in current(pages):
        for path in re.findall(rf"`((?:{PARTS})/[\w/]+(?:\.\w+)?)`", text):
            assert (checkout / path).exists(), (page, path)
            count += 1
    assert count > 20
