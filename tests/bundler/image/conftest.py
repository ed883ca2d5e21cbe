"""A small bundle with packages of its own, and a base image that is made here: no network."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, replace

import pytest

from modelbundle.bundler.image.recipe import containerfile
from modelbundle.bundler.store import Store
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.settings import ServeSettings

ENV = ["PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8"]
PACKAGES = {
    "numpy": {"numpy/__init__.py": "x = 1\n", "numpy/core.so": "binary"},
    "click": {"click/__init__.py": "def run():\n    return {'a', 'b'}\n"},
}
FILES = {
    "models/iris/model.json": b"{}",
    "models/iris/model.bin": bytes(range(256)) * 40,
    "modelbundle/__init__.py": b"x = 1\n",
    "server.py": b"# routes\n",
    "src/service.py": b"class Service:\n    pass\n",
    "openapi.json": b"{}",
    "sbom.cdx.json": b"{}",
}


@dataclass
class Small:
    """A store with one bundle, and how to make another that differs a little."""

    store: Store
    folder: object
    make_wheel: object

    def build(self, files=(), **given):
        contents = dict(FILES)
        lines = "--find-links wheels\n"
        for name, inside in PACKAGES.items():
            wheel = self.folder / f"{name}-1.0-py3-none-any.whl"
            if not wheel.exists():  # a zip knows when it was written
                self.make_wheel(self.folder, name, "1.0", files=inside.items())
            data = wheel.read_bytes()
            contents[f"env/wheels/{wheel.name}"] = data
            lines += f"{name}==1.0 --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
        contents["env/requirements.lock"] = lines.encode()
        contents |= dict(files)
        manifest = BundleManifest(
            name="small",
            version=given.pop("version", None),
            description="Small, and complete.",
            labels={"team": "risk"},
            models=(ModelEntry("iris", "iris", "1", "sha256:" + 64 * "0", "sklearn", False),),
            service=None,
            routes=(),
            files=self.entries(contents),
            python=given.pop("python", "3.11"),
            lock=digest.of_bytes(lines.encode()),
            hermetic=given.pop("hermetic", True),
            accelerator={"kind": "cpu", "base": given.pop("base", "python:3.11-slim")},
            serve=ServeSettings().to_json(),
            security={},
            image={"platforms": ["linux/amd64"]} | given.pop("image", {}),
            packer="modelbundle 0",
        )
        assert not given
        contents["Containerfile"] = containerfile.render(manifest).encode()
        manifest = replace(manifest, files=self.entries(contents))
        return self.store.commit("bundle", "small", manifest.encode(), manifest.files)

    def entries(self, contents):
        return tuple(
            FileEntry(path, self.store.ingest_bytes(data).digest, len(data))
            for path, data in sorted(contents.items())
        )


@pytest.fixture
def small(home, tmp_path, make_wheel, monkeypatch):
    """Bundles whose packages are two tiny wheels; uv asks no index for them."""
    monkeypatch.setenv("UV_NO_INDEX", "1")
    return Small(Store(home), tmp_path / "wheelhouse", make_wheel)


@pytest.fixture
def base(tmp_path):
    """An OCI layout with a base image of one file; its reference."""
    return write_base(tmp_path / "base")


def write_base(folder, *, architecture="amd64", env=ENV, kind=".tar+gzip", step="made by hand"):
    """Write an OCI layout by hand."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        info = tarfile.TarInfo("etc/issue")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"base"))
    packed = gzip.compress(plain.getvalue(), mtime=0)
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Env": env,
            "Cmd": ["python3"],
            "Labels": {"vendor": "nobody", "note": "two\nlines"},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest.of_bytes(plain.getvalue())]},
        "history": [{"created_by": step}],
    }
    about = _put(folder, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
    layer = _put(folder, packed, f"application/vnd.oci.image.layer.v1{kind}")
    manifest = {"schemaVersion": 2, "config": about, "layers": [layer]}
    entry = _put(
        folder, json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json"
    )
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}"


def _put(folder, data, kind):
    name = hashlib.sha256(data).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / name).write_bytes(data)
    return {"mediaType": kind, "digest": f"sha256:{name}", "size": len(data)}
