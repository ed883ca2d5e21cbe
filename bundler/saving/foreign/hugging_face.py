"""Hugging Face: imports config.json and safetensors of a snapshot; no pickles, no code."""

import json
import re
from collections.abc import Mapping
from typing import Any

from ....runtime.frameworks.pytorch.files import format_of
from ....runtime.frameworks.snapshot import BESIDE, CONFIG, HOME, is_data, refusal
from ....runtime.frameworks.transformers import Transformers
from ...errors import InvalidSource
from ...untrusted.quotation import plain_texts, quoted
from ..file_source import FileSource, Origin
from .folder import Folder

SCHEME = "hf://"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]{2,100}")
_CONVERT = (
    "Convert it where you trust it: `AutoModel.from_pretrained(...).save_pretrained(DIR)` writes "
    "safetensors."
)


def is_one(folder: Folder) -> bool:
    """Whether it looks like a snapshot of a model."""
    if not folder.has(CONFIG):
        return False
    try:
        config = json.loads(folder.read(CONFIG))
    except (ValueError, RecursionError):
        return False
    return isinstance(config, dict) and ("architectures" in config or "model_type" in config)


def read(folder: Folder) -> FileSource:
    """The model in a snapshot. Runs nothing of it.

    Raises:
        InvalidSource: when it takes code, pickles or devices that we do not take.
    """
    config = folder.read(CONFIG)
    if why := refusal(config):
        raise InvalidSource(
            f"{folder.where} is refused: {why}.",
            hint="Read that code; if it is what you want, load the model in a module of your own "
            "and save the object: `bundle save NAME module:attribute`.",
        )
    known: Mapping[str, Any] = json.loads(config)
    kind = _class(folder, known)
    names = [CONFIG, *_weights(folder), *sorted(n for n in BESIDE if folder.has(n))]
    about = {"architecture": kind, "version": known.get("transformers_version")}
    return FileSource(
        Transformers(),
        "snapshot",
        {f"{HOME}/{name}": folder.file(name) for name in names},
        options={"class": kind},
        origin=Origin(tool="huggingface", metadata={"huggingface": plain_texts(about)}),
    )


def _class(folder: Folder, config: Mapping[str, Any]) -> str:
    named = config.get("architectures")
    if not isinstance(named, list) or not named:
        raise InvalidSource(
            f"`{CONFIG}` of {folder.where} names no architecture.",
            hint='Add `"architectures": ["BertModel"]`, or what the class is called.',
        )
    if not isinstance(named[0], str) or not _CLASS.fullmatch(named[0]):
        raise InvalidSource(f"{quoted(str(named[0]))} of {folder.where} is the name of no class.")
    return named[0]


def _weights(folder: Folder) -> list[str]:
    if folder.has(WEIGHTS):
        names = [WEIGHTS]
    elif folder.has(INDEX):
        names = _shards(folder)
    else:
        raise InvalidSource(
            f"{folder.where} has no safetensors; other weights are pickles, or of other libraries.",
            hint=_CONVERT,
        )
    for name in names:
        is_weights = is_data(name) and format_of(folder.file(name)) == "safetensors"
        if name != INDEX and not is_weights:
            raise InvalidSource(f"`{name}` of {folder.where} is not what safetensors look like.")
    return names


def _shards(folder: Folder) -> list[str]:
    try:
        found = json.loads(folder.read(INDEX))["weight_map"]
        shards = sorted(set(found.values()))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise InvalidSource(f"`{INDEX}` of {folder.where} cannot be read.") from error
    for name in shards:
        folder.file(name)
    return [INDEX, *shards]
