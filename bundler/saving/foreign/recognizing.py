"""Recognizing: which tool wrote a directory or an archive, by its content."""

from dataclasses import replace
from pathlib import Path

from ...errors import InvalidSource
from ..file_source import KNOWN, FileSource, Origin, find
from . import bento, hugging_face, mlflow_model, torchserve
from .folder import Folder

_OURS = "oci-layout"
_SCRIPT = "code/inference.py"  # of SageMaker's containers
_MOST = 200  # files of an archive that are looked at


def of_directory(path: Path) -> FileSource:
    """The model in a directory that a person names.

    Raises:
        InvalidSource: when it is none that is known, or one that is refused.
    """
    folder = Folder(path, f"`{path}`", _reach(path))
    source = _of_tool(folder)
    if source is None:
        raise InvalidSource(
            f"`{path}` is a directory, but no model of a tool that is known here.",
            hint="Name the model's file itself." if folder.path.is_dir() else None,
        )
    return source


def of_fetched(folder: Folder) -> FileSource:
    """The model in a directory that was fetched from where its tool keeps it.

    Raises:
        InvalidSource: when it is none that is known, or one that is refused.
    """
    source = _of_tool(folder)
    if source is None:
        raise InvalidSource(f"{folder.where} holds no model that is known here.")
    return source


def of_archive(folder: Folder) -> FileSource:
    """The model in an archive that was unpacked.

    Raises:
        InvalidSource: when it is none that is known, or one that is refused.
    """
    if folder.has(_OURS):
        raise InvalidSource(
            f"{folder.where} is an archive of `bundle export`.",
            hint=f"Take it in with `bundle models import {folder.where.strip('`')}`.",
        )
    source = _of_tool(folder) or _of_only_directory(folder) or _of_only_file(folder)
    if source is None:
        raise InvalidSource(
            f"{folder.where} is an archive without a model that is known here.",
            hint=f"Known are {KNOWN}.",
        )
    return source


def _of_tool(folder: Folder) -> FileSource | None:
    if folder.has(torchserve.MARK):
        return torchserve.read(folder)
    if folder.has(mlflow_model.MARK):
        return mlflow_model.read(folder)
    if bento.is_model(folder):
        return bento.read(folder)
    if folder.has(bento.BENTO):
        return bento.read(bento.inside(folder))
    if hugging_face.is_one(folder):
        return hugging_face.read(folder)
    return None


def _of_only_directory(folder: Folder) -> FileSource | None:
    """Archives are often made of a directory instead of what is in it."""
    places = list(folder.path.iterdir())
    if len(places) == 1 and places[0].is_dir():
        return _of_tool(Folder(places[0], folder.where))
    return None


def _of_only_file(folder: Folder) -> FileSource | None:
    """What SageMaker takes: one model file in a tar, and perhaps a script around it."""
    names = folder.names()
    if _SCRIPT in names:
        raise InvalidSource(
            f"{folder.where} answers by a script of its own, `{_SCRIPT}`: the model alone would "
            "answer otherwise.",
            hint="Unpack it, save the model with `bundle save NAME FILE`, and write what the "
            "script does as a service class: `bundle init` makes one.",
        )
    found = {}
    for name in names[:_MOST]:
        source = find(folder.file(name))
        if source is not None:
            found[name] = source
    if len(found) > 1:
        listed = ", ".join(f"`{name}`" for name in list(found)[:5])
        raise InvalidSource(
            f"{folder.where} holds several models: {listed}.",
            hint="Unpack it and save the one that you mean.",
        )
    for source in found.values():
        return replace(source, origin=Origin(tool="archive"))
    return None


def _reach(path: Path) -> Path | None:
    """A snapshot in the Hugging Face cache is made of links into `blobs` beside it."""
    home = path.resolve().parent
    if home.name == "snapshots" and (home.parent / "blobs").is_dir():
        return home.parent
    return None
