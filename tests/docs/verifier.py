"""Another implementation: verifies a bundle's directory, from docs/bundle-format.md alone.

    python verifier.py DIRECTORY [sha256:DIGEST]

It imports nothing of ours, runs nothing of the bundle and believes nothing in it.
"""

import hashlib
import json
import os
import re
import stat
import sys
import unicodedata
from pathlib import Path

MODEL = "io.modelbundle.model.v1"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Refused(Exception):
    """What is wrong, in words."""


def need(condition, what):
    if not condition:
        raise Refused(what)


def sha256(path):
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def once(pairs):
    """A JSON object in which no key stands twice."""
    need(len({name for name, _ in pairs}) == len(pairs), "a key stands twice")
    return dict(pairs)


def read(path):
    """A document, the section that describes it aside."""
    need(path.is_file(), f"{path.name} is missing")
    try:
        document = json.loads(path.read_text("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise Refused(f"{path.name} is no JSON") from None
    need(isinstance(document, dict), f"{path.name} is not an object")
    section = document.get(MODEL) if path.name == "model.json" else document
    need(isinstance(section, dict), f"{path.name} lacks its section")
    schema = section.get("schema")
    need(type(schema) is int and schema == 1, f"{path.name} has another schema")
    return section


def entries(section):
    """Path -> entry of its files, each as the page says that it has to be."""
    found, names, folders = {}, set(), set()
    listed = section.get("files")
    need(isinstance(listed, list), "no list of files")
    for one in listed:
        need(isinstance(one, dict), "a file that is not an object")
        path, digest, size = one.get("path"), one.get("digest"), one.get("size")
        need(isinstance(path, str) and is_path(path), f"{path!r} is no path")
        need(isinstance(digest, str) and DIGEST.fullmatch(digest), f"{path} has no digest")
        need(type(size) is int and size >= 0, f"{path} has no size")
        need(one.get("executable", True) is True, f"{path} is told to be executable oddly")
        found[path] = one
        names.update(path.rsplit("/", cut)[0] for cut in range(path.count("/") + 1))
        folders.update(path.rsplit("/", cut)[0] for cut in range(1, path.count("/") + 1))
    need(len(found) == len(listed), "two files with one path")
    need(len({folded(name) for name in names}) == len(names), "two names that are one elsewhere")
    need(not folders.intersection(found), "a file that is a folder")
    return found


def folded(name):
    return unicodedata.normalize("NFC", name).casefold()


def is_path(path):
    parts = path.split("/")
    is_plain = path.isprintable() and "\\" not in path and len(parts) <= 64
    return is_plain and len(path.encode()) <= 1024 and not {"", ".", ".."}.intersection(parts)


def verify(directory, told=None):
    """The digest of the bundle in `directory`; raises Refused."""
    digest = sha256(directory / "bundle.json") if (directory / "bundle.json").is_file() else None
    document = read(directory / "bundle.json")
    need(told in {None, digest}, "it is another bundle than you were told")
    listed = entries(document)
    for path, one in listed.items():
        place = directory / path
        need(place.resolve().is_relative_to(directory.resolve()), f"{path} leads out")
        need(place.is_file() and stat.S_ISREG(place.stat().st_mode), f"{path} is missing")
        need(place.stat().st_size == one["size"], f"{path} has another size")
        need(sha256(place) == one["digest"], f"{path} differs")
    for folder, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = (Path(folder) / name).relative_to(directory).as_posix()
            need(path in listed or path == "bundle.json", f"{path} does not belong to it")
    if document.get("lock") is not None:
        need(listed["env/requirements.lock"]["digest"] == document["lock"], "another lock")
    for model in document["models"]:
        check_model(directory, model, listed)
    return digest


def check_model(directory, model, listed):
    home = f"models/{model['alias']}/"
    section = read(directory / home / "model.json")
    need(sha256(directory / home / "model.json") == model["digest"], f"{home} is another model")
    own = {home + path: one["digest"] for path, one in entries(section).items()}
    own[f"{home}model.json"] = model["digest"]
    here = {path: one["digest"] for path, one in listed.items() if path.startswith(home)}
    need(here == own, f"{home} has other files than its model.json says")
    need(section["executes_code"] is model["executes_code"], f"{home} runs code, or does not")


if __name__ == "__main__":
    print(verify(Path(sys.argv[1]), *sys.argv[2:]))  # noqa: T201 - it is a program
