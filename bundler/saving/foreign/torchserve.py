"""TorchServe: imports the model of a `.mar` archive, without its handler.

Source: pytorch/serve, model-archiver/README.md: `MAR-INF/MANIFEST.json` beside the files.
"""

import ast
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....runtime.frameworks.torch import Torch
from ....runtime.manifests.model_manifest import CODE
from ...errors import InvalidSource
from ...untrusted.quotation import plain_texts, quoted
from ..file_source import FileSource, Origin, of_file
from . import pins
from .folder import Folder

MARK = "MAR-INF/MANIFEST.json"
_PLAIN = "base_handler"
_HANDLERS = frozenset(
    {_PLAIN, "image_classifier", "image_segmenter", "object_detector", "text_classifier"}
)


def read(folder: Folder) -> FileSource:
    """The model in an unpacked archive. Runs nothing of it.

    Raises:
        InvalidSource: when its handler is code of its own, or its weights have no class.
    """
    model = _manifest(folder)
    handler = model.get("handler")
    if not isinstance(handler, str) or handler not in _HANDLERS:
        raise InvalidSource(
            f"{folder.where} answers by a handler of its own, {quoted(str(handler))}: the model "
            "alone would answer otherwise.",
            hint="Unpack it, save the model with `bundle save NAME FILE`, and write what the "
            "handler does as a service class: `bundle init` makes one.",
        )
    source = _weights(folder, model)
    notes = () if handler == _PLAIN else (
        f"The handler `{handler}` stays behind: the model takes tensors, as its `forward` does.",
    )  # fmt: skip
    packages, loose = _packages(folder, model)
    origin = Origin(
        tool="torchserve",
        packages=packages,
        metadata={"torchserve": _told(model)},
        notes=(*notes, *pins.warnings(loose)),
    )
    return replace(source, origin=origin)


def _manifest(folder: Folder) -> Mapping[str, Any]:
    try:
        model = json.loads(folder.read(MARK))["model"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise InvalidSource(f"`{MARK}` of {folder.where} cannot be read.") from error
    if not isinstance(model, dict) or "serializedFile" not in model:
        raise InvalidSource(
            f"{folder.where} names no weights: only its handler would know them.",
            hint="Save the model itself: `bundle save NAME module:attribute`.",
        )
    return model


def _weights(folder: Folder, model: Mapping[str, Any]) -> FileSource:
    source = of_file(folder.file(model["serializedFile"]), is_named_by_hand=False)
    if model.get("modelFile") is None:
        return source
    code = _code(folder, model)
    files = {**source.files, **{f"{CODE}/{name}": folder.file(name) for name in code}}
    if source.format not in {"weights", "safetensors"}:
        return FileSource(source.framework, source.format, files, {"code": code})
    recipe = {"class": _class(folder, model["modelFile"]), "init": {}}
    return FileSource(Torch(), source.format, files, {"recipe": recipe, "code": code})


def _code(folder: Folder, model: Mapping[str, Any]) -> list[str]:
    """The model's file and what it may import: all source that is not its handler."""
    modules = folder.modules()
    if model["modelFile"] not in modules:
        raise InvalidSource(f"{folder.where} has no model file {quoted(str(model['modelFile']))}.")
    return modules


def _class(folder: Folder, name: str) -> str:
    """The one class of the model's file, as TorchServe asks for it; it is read, not imported."""
    try:
        tree = ast.parse(folder.read(name))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidSource(f"{quoted(name)} of {folder.where} is not Python.") from error
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if len(classes) != 1:
        raise InvalidSource(
            f"{quoted(name)} of {folder.where} has {len(classes)} classes; TorchServe wants one.",
            hint="Make the model in a module of your own and save the object.",
        )
    return f"{name.removesuffix('.py').replace('/', '.')}:{classes[0]}"


def _packages(folder: Folder, model: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    name = model.get("requirementsFile")
    if name is None:
        return {}, []
    folder.file(name)
    return pins.read(folder.read(name).decode(errors="replace"), frozenset({"torchserve"}))


def _told(model: Mapping[str, Any]) -> dict[str, str]:
    keys = {"modelName": "name", "modelVersion": "version", "handler": "handler"}
    return plain_texts({to: model.get(key) for key, to in keys.items()})
