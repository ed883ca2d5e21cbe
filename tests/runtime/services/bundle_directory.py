"""A bundle directory around one saved model, as far as loading it needs."""

import shutil

from modelbundle.bundler.saving.saving import save
from modelbundle.bundler.store import Store
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.settings import ServeSettings


def bundle_directory(tmp_path, name, alias, model, sample):
    """Save `model` as `name`, and lay out a bundle that calls it `alias`."""
    store = Store(tmp_path / "store")
    item = save(name, model, sample=sample, store=store)
    directory = tmp_path / "bundle"
    shutil.copytree(store.directory(item), directory / "models" / alias)
    entry = ModelEntry(alias, name, item.version, item.digest, item.framework, item.executes_code)
    manifest = BundleManifest(
        name=name,
        version=None,
        description="",
        labels={},
        models=(entry,),
        service=None,
        routes=(),
        files=listed(directory),
        python="3.11",
        lock=None,
        hermetic=False,
        accelerator={"kind": "cpu"},
        serve=ServeSettings().to_json(),
        security={"pickle": "allow", "allow_globals": []},
        image={},
        packer="",
    )
    (directory / "bundle.json").write_bytes(manifest.encode())
    return directory


def listed(directory):
    """Every file below `directory`, as a manifest lists it."""
    return tuple(
        FileEntry(path.relative_to(directory).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    )
