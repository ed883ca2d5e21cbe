"""Trust: whether this machine vouches for the code in a bundle, and its bytes are unchanged.

Trust is by digest and lives outside the bundle: nothing in it can vouch for itself.
"""

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import digest
from .bundle_modules import guard_sources
from .errors import InvalidBundle, NotTrusted
from .first_few import first_few
from .manifests.bundle_manifest import BundleManifest, bundle_digest
from .manifests.file_entry import FileEntry
from .manifests.model_entry import ModelEntry
from .manifests.model_manifest import ModelManifest

VARIABLE = "BUNDLE_TRUST"
"""Digests between commas, with or without `sha256:`."""

_SHOWN = 6  # globals in a message
_CHECKED = ("models/", "src/")  # what is loaded; the runtime and server.py are running already


def home() -> Path:
    """`$BUNDLE_HOME`, or its default."""
    chosen = os.environ.get("BUNDLE_HOME")
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "bundle"


def is_trusted(identity: str) -> bool:
    """Whether this machine, or this process's environment, vouches for a bundle or a model."""
    hexadecimal = identity.removeprefix("sha256:")
    named = re.split(r"[,\s]+", os.environ.get(VARIABLE, ""))
    if hexadecimal in {name.removeprefix("sha256:") for name in named}:
        return True
    return (home() / "trust" / hexadecimal).is_file()


def check(directory: Path, manifest: BundleManifest, *, granted: bool = False) -> None:
    """Refuse code that this machine does not trust, unless `granted` by --trust.

    What `bundle.json` says of its models is compared with the models first: trust in a model is
    by its digest, and anybody can write a digest down.

    Raises:
        InvalidBundle: when it says of a model what is not so.
        NotTrusted: says what would run, and how to allow it.
    """
    for entry in manifest.models:
        _check_model(directory, entry, manifest)
    if granted or not manifest.executes_code:
        return
    identity = bundle_digest(directory)
    if is_trusted(identity) or _are_models_trusted(manifest):
        return
    raise NotTrusted(
        f"Serving the bundle `{manifest.name}` would run code that is not trusted on this machine: "
        f"{'; '.join(what_runs(directory, manifest))}.",
        hint="If you know where it comes from, add `--trust`, or set "
        f"`{VARIABLE}={identity.removeprefix('sha256:')}`.",
    )


def verify(directory: Path, files: Iterable[FileEntry]) -> None:
    """Compare every byte that will be loaded with the digest in the manifest.

    From then on, the author's sources are imported from those bytes alone: not from files that
    nobody lists, nor from bytecode beside them.

    Raises:
        InvalidBundle: names the first file that is missing or differs.
    """
    entries = [entry for entry in files if entry.path.startswith(_CHECKED)]
    _compare(directory, entries)
    guard_sources(str(directory), {entry.path: entry.digest for entry in entries})


def verify_model(directory: Path, files: Iterable[FileEntry]) -> None:
    """As `verify`, for one model, as it may be loaded long after the server was started.

    Raises:
        InvalidBundle: names the first file that is missing or differs.
    """
    _compare(directory, list(files))


def _compare(directory: Path, entries: Sequence[FileEntry]) -> None:
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # hashing releases the GIL
        for entry, problem in zip(
            entries, pool.map(lambda entry: _problem(directory, entry), entries), strict=True
        ):
            if problem is not None:
                raise InvalidBundle(
                    f"`{entry.path}` {problem}; the bundle is damaged.",
                    hint="Build or copy it again; `bundle verify` names everything damaged.",
                )


def what_runs(directory: Path, manifest: BundleManifest) -> list[str]:
    """What in a bundle is code, in words: the service class, and the globals of each pickle."""
    found = [f"the service `{manifest.service}`"] if manifest.service else []
    for entry in manifest.models:
        if not entry.executes_code:
            continue
        model = ModelManifest.read(directory / "models" / entry.alias)
        named = {name for names in model.globals.values() for name in names}
        names = sorted(named) or list(model.code)
        verb = "asks for" if named else "brings its own"
        asks = f" {verb} {first_few(names, _SHOWN)}" if names else " runs code"
        found.append(f"the model `{entry.alias}` ({model.format}){asks}")
    return found


def _problem(directory: Path, entry: FileEntry) -> str | None:
    path = directory / entry.path
    try:
        if path.stat().st_size != entry.size:
            return f"has {path.stat().st_size} bytes instead of {entry.size}"
        return None if digest.of_file(path) == entry.digest else "differs from its digest"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def _check_model(directory: Path, entry: ModelEntry, manifest: BundleManifest) -> None:
    """Compare a model with what the bundle says of it; `verify` then hashes the listed files."""
    home = f"models/{entry.alias}/"
    folder = directory / "models" / entry.alias
    model = ModelManifest.read(folder)
    listed = {
        file.path.removeprefix(home): file.digest
        for file in manifest.files
        if file.path.startswith(home)
    }
    own = {file.path: file.digest for file in model.files} | {"model.json": entry.digest}
    if (
        listed != own
        or digest.of_file(folder / "model.json") != entry.digest
        or model.executes_code != entry.executes_code
    ):
        raise InvalidBundle(
            f"`models/{entry.alias}` is not the model that `bundle.json` names.",
            hint="Build or copy the bundle again.",
        )


def _are_models_trusted(manifest: BundleManifest) -> bool:
    """Whether every piece of code in it is a model that is vouched for by itself."""
    if manifest.service is not None:
        return False
    return all(is_trusted(model.digest) for model in manifest.models if model.executes_code)
