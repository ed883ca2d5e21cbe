"""Whatever a bundlefile says ends in one line of error, or arrives literally where it belongs."""

import json

import pytest

from modelbundle.bundler.building.plan import _image
from modelbundle.bundler.errors import BuildError, BundlefileError
from modelbundle.bundler.image.recipe import containerfile, image_config
from modelbundle.bundler.image.recipe.image_config import Identity
from modelbundle.bundler.image.recipe.image_settings import ImageSettings
from modelbundle.bundler.project.bundlefile import Bundlefile
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry

from .dockerfile_reader import logical_lines, read

DIGEST = "sha256:" + 64 * "0"
VALUES = (
    'x" && id "', "x'y", "a\nRUN id", "a\r\nUSER 0", "$(id)", "`id`", "${HOME}", "a\0b", "../../etc",
    "é数\u202e\u2028", "# syntax=x", "<<EOF", "\\", "a\\\nb", "\x1b[31m", "--privileged", " ", "\ud800",
    "x" * 70_000,
)  # fmt: skip
FIELDS = (
    "name", "version", "description", "service", "labels.note", "labels.{}", "image.base",
    "image.user", "image.workdir", "image.env.NOTE", "image.env.{}", "image.labels.note",
    "image.labels.{}", "system.packages.[]", "system.run.[]", "python.version", "models.[].ref",
    "models.[].as", "platforms.[]", "accelerator", "include.[]", "serve.host",
)  # fmt: skip
PLAIN = {"name": "iris", "models": ["iris"]}
BASE = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"diff_ids": []}}


def bundlefile(field, value, folder):
    """A bundlefile with `value` at a place, as JSON, which YAML includes."""
    document = json.loads(json.dumps(PLAIN))
    parts = field.split(".")
    at = document
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        inner = value if following is None else [] if following == "[]" else {}
        if part == "[]":
            at[:] = [inner]
            at = at[0]
        elif part == "{}":
            at[value] = "x"
        else:
            at[part] = inner
            at = at[part]
    path = folder / "bundlefile.yaml"
    path.write_bytes(json.dumps(document).encode())
    return path


def manifest(known):
    """What a build makes of it, as far as an image is concerned."""
    files = ("server.py", "env/requirements.lock", "modelbundle/__init__.py", "src/a.py")
    return BundleManifest(
        name=known.name, version=known.version, description=known.description,
        labels=dict(known.labels), service=known.service, routes=(), python=known.python.version or "3.11",
        models=tuple(ModelEntry(m.alias, m.alias, "1", DIGEST, "sklearn", False) for m in known.models),
        files=tuple(FileEntry(path, DIGEST, 1) for path in files), lock=DIGEST, hermetic=True,
        accelerator={"kind": "cpu", "base": known.image.base or "python:3.11-slim"},
        serve=known.serve_settings(), security={}, image=_image(known, ("linux/amd64",)), packer="x",
    )  # fmt: skip


def skeleton(text):
    """The instructions without what they say; `system` and labels may add one each."""
    return [line.split()[0] for line in logical_lines(text)]


def said(made):
    """Every word that can be found in what was made, as its reader understands it."""
    text = containerfile.render(made)
    found = [
        word for _, pairs in read(text, {"PATH": ""}) for pair in pairs.items() for word in pair
    ]
    found += [word for line in logical_lines(text) for word in line.split()]
    for line in logical_lines(text):
        if line.startswith('RUN ["/bin/sh"'):
            found += json.loads(line.removeprefix("RUN "))
    return found


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:20])
def test_it_arrives_literally_or_is_told_in_a_line(field, value, tmp_path):
    try:
        made = manifest(Bundlefile.read(bundlefile(field, value, tmp_path)))
        text = containerfile.render(made)
        config = image_config.encode(BASE, ImageSettings.of(made), [], Identity(DIGEST, "1"))
    except (BundlefileError, BuildError) as error:
        told = str(error)
        assert told.count("\n") <= 1, told  # the second one names another place
        assert told.isprintable() or "\n" in told
        assert len(told) < 2_000
        return
    plain = skeleton(
        containerfile.render(manifest(Bundlefile.read(bundlefile("name", "iris", tmp_path))))
    )
    allowed = {"ENV", "LABEL"} if "env" in field or "label" in field else {"RUN"}
    extra = list(skeleton(text))
    for word in plain:
        extra.remove(word)
    assert set(extra) <= allowed, extra
    assert not [line for line in text.splitlines() if line.startswith(("RUN id", "USER 0"))]
    if field.startswith(("labels", "image.", "system.run")):
        assert value in said(made) or f"{value}:{value}" in said(made)
        if not field.startswith("system"):
            found = json.loads(config)["config"]
            there = [*found["Labels"].items(), *(entry.split("=", 1) for entry in found["Env"])]
            there = [word for pair in there for word in pair]
            assert value in [*there, found["WorkingDir"], found["User"]] or field == "image.base"
