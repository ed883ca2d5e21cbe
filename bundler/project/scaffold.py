"""Scaffold: the first files of a project, commented, ready to build."""

import json
import keyword
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from ...runtime.manifests.signature import Field, Side
from ...runtime.services.array import DTYPES
from .. import atomic_file
from ..errors import Refused, StoreError
from ..requirements import system_libraries
from ..tag import Tag, check_name
from .project import DEFAULT_NAME
from .yaml_scalar import Unclear, resolve

if TYPE_CHECKING:
    from ...runtime.manifests.model_manifest import ModelManifest


def scaffold(
    directory: Path,
    *,
    name: str | None = None,
    models: Sequence[str] = (),
    service: bool = False,
    force: bool = False,
    saved: "Sequence[ModelManifest | None]" = (),
) -> list[Path]:
    """Write a bundlefile, and with `service` a `service.py`, into `directory`.

    `name` defaults to the name of the directory, `models` to one of the same name. `saved` are the
    manifests of `models`, None for those that are not saved yet: the service asks its clients for
    just what the first of them takes, and the image gets what their libraries need of the system.

    Raises:
        InvalidTag: when `name` or one of `models` is none.
        Refused: when a file is there already; `force` overwrites it.
        StoreError: when the directory cannot be written to.
    """
    name = check_name(name or _name_of(directory))
    tags = [Tag.parse(model, "model") for model in models or [name]]
    system = system_libraries.wanted(name for each in saved if each for name in each.packages)
    texts = {DEFAULT_NAME: _bundlefile(name, tags, service, system).encode()}
    if service:
        texts["service.py"] = _service(name, _aliases(tags), _inputs(saved)).encode()
    paths = {directory / file: text for file, text in texts.items()}
    _refuse_existing(paths, force)
    _write(directory, dict(reversed(paths.items())))  # without a bundlefile it is no project
    return list(paths)


def _refuse_existing(paths: Mapping[Path, bytes], force: bool) -> None:
    there = [f"`{path}`" for path, text in paths.items() if _is_other(path, text)]
    if there and not force:
        verb = "is" if len(there) == 1 else "are"
        message = f"{' and '.join(there)} {verb} there already."
        raise Refused(message, hint="`--force` overwrites it.")


def _is_other(path: Path, text: bytes) -> bool:
    """Whether something else is there than what a crash may have left of us."""
    if path.is_symlink() or not path.is_file():
        return path.is_symlink() or path.exists()
    return path.stat().st_size != len(text) or path.read_bytes() != text


def _write(directory: Path, texts: Mapping[Path, bytes]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        atomic_file.write_all(texts)
    except OSError as error:
        path = error.filename or directory
        hint = atomic_file.hint(error)
        raise StoreError(f"`{path}` cannot be written: {error.strerror}.", hint=hint) from error


def _name_of(directory: Path) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", directory.resolve().name.lower()).strip("-")
    return words or "bundle"


def _bundlefile(name: str, tags: Sequence[Tag], service: bool, system: Sequence[str]) -> str:
    line = f"\n# The class that answers: `module:Class`.\nservice: service:{_title(name)}\n"
    installed = (
        f"system:\n  packages: [{', '.join(system)}]  # a library of the models needs it\n\n"
    )
    return _fill(
        "bundlefile.yaml.txt",
        name=_yaml(name),
        models=f"[{', '.join(map(_entry, tags, _aliases(tags)))}]",
        service=line if service else "",
        system=installed if system else "",
    )


def _service(name: str, aliases: Sequence[str], inputs: Side | None) -> str:
    attributes: dict[str, str] = {}
    for alias in aliases:
        key = _identifier(alias)
        while key in attributes or key == "predict":  # which is the method
            key += "_"
        attributes[key] = alias
    lines = [f'        self.{key} = mb.model("{alias}")' for key, alias in attributes.items()]
    return _fill(
        "service.py.txt",
        name=name,
        title=_title(name),
        attributes="\n".join(lines),
        first=next(iter(attributes)),
        **_rows(inputs),
    )


def _inputs(saved: "Sequence[ModelManifest | None]") -> Side | None:
    first = saved[0] if saved else None
    return first.methods[first.default_method].inputs if first and first.methods else None


def _rows(inputs: Side | None) -> dict[str, str]:
    """How the service names the rows that the model takes."""
    named = {"imports": "import numpy as np", "rows": "", "answers": "np.ndarray"}
    named["kind"] = "np.ndarray"
    if inputs is None:
        return named
    field = inputs.fields[0] if inputs.fields else None
    if inputs.layout == "tensors":
        named["imports"] = "from typing import Any\n\nimport numpy as np"
        named["kind"] = "list[dict[str, Any]]"
    elif inputs.layout == "columns":
        named["imports"] += "\nimport pandas as pd"
        named["kind"] = "pd.DataFrame"
    elif field is None:  # any values
        return {
            "imports": "from typing import Any",
            "rows": "",
            "kind": "list[Any]",
            "answers": "list[Any]",
        }
    elif field.dtype == "bytes" and len(field.shape) == 1:
        named["kind"] = "list[bytes]"
    elif field.dtype in DTYPES and field.shape[0] is None:
        named |= _checked(field)
    return named


def _checked(field: Field) -> dict[str, str]:
    """An array whose dtype and shape the server looks at."""
    array = f'mb.Array("{field.dtype}", ({", ".join(map(str, field.shape))},))'
    array = array.replace(",,", ",") if len(field.shape) == 1 else array.replace(",))", "))")
    return {
        "imports": "from typing import Annotated\n\nimport numpy as np",
        "rows": f"\nRows = Annotated[np.ndarray, {array}]  # any other is refused (422)\n",
        "kind": "Rows",
    }


def _fill(template: str, **values: str) -> str:
    text = (files("modelbundle") / "templates" / template).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _aliases(tags: Sequence[Tag]) -> list[str]:
    """A name in code for each model: its own, numbered where two share one."""
    aliases: list[str] = []
    for tag in tags:
        alias = tag.name or "model"
        count = 1
        while alias in aliases:
            count += 1
            alias = f"{_identifier(tag.name or 'model')}_{count}"
        aliases.append(alias)
    return aliases


def _entry(tag: Tag, alias: str) -> str:
    text = tag.name if tag.alias == "latest" else str(tag)
    ref = _yaml(text or "")
    return ref if tag.name == alias else f"{{ref: {ref}, as: {alias}}}"


def _yaml(text: str) -> str:
    """`text` as a YAML scalar: in quotes where it would be taken for a number or a word."""
    try:
        return text if resolve(text) == text else json.dumps(text)
    except Unclear:
        return json.dumps(text)


def _identifier(text: str) -> str:
    word = re.sub(r"\W", "_", text)
    word = word if word[0].isalpha() else f"model_{word}"
    return f"{word}_" if keyword.iskeyword(word) else word


def _title(name: str) -> str:
    title = "".join(part.capitalize() for part in re.split(r"[._-]", name))
    return title if title[0].isalpha() and not keyword.iskeyword(title) else f"Bundle{title}"
