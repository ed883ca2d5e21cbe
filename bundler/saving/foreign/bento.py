"""BentoML: imports a model of its store, exported or not, or the only model of a bento.

Source: bentoml 1.4, `bentoml models export`: `model.yaml` beside `saved_model.*`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....runtime.manifests.model_validation import is_package, is_python
from ...errors import InvalidSource
from ...untrusted.quotation import plain_texts, quoted
from ..file_source import FileSource, Origin, find
from . import mlflow_model
from .folder import Folder

MARK, BENTO = "model.yaml", "bento.yaml"
_MLFLOW = "mlflow_model"
_EXPORT = "Export the model itself: `bentoml models export NAME FILE`."


def is_model(folder: Folder) -> bool:
    """Whether it is a model of BentoML's store."""
    if not folder.has(MARK):
        return False
    try:
        return {"module", "context"} <= folder.yaml(MARK).keys()
    except InvalidSource:
        return False


def inside(folder: Folder) -> Folder:
    """The only model of a bento; its service is code, which is not taken.

    Raises:
        InvalidSource: when it has none or several.
    """
    marks = [
        name.removesuffix(f"/{MARK}")
        for name in folder.names()
        if name.startswith("models/") and name.endswith(f"/{MARK}")
    ]
    if len(marks) != 1:
        raise InvalidSource(
            f"{folder.where} is a bento with {len(marks) or 'no'} models.", hint=_EXPORT
        )
    return Folder(folder.path / marks[0], folder.where)


def read(folder: Folder) -> FileSource:
    """A model of BentoML's. Runs nothing of it.

    Raises:
        InvalidSource: when its file is of no library that is known here.
    """
    document = folder.yaml(MARK)
    if folder.has(f"{_MLFLOW}/{mlflow_model.MARK}"):
        return mlflow_model.read(Folder(folder.path / _MLFLOW, folder.where))
    source = _file(folder, document)
    given = document.get("options")
    if source.framework.name == "xgboost" and isinstance(given, Mapping):
        source = mlflow_model.as_wrapper(source, given.get("model_class"))
    return replace(source, origin=_origin(document))


def _file(folder: Folder, document: Mapping[str, Any]) -> FileSource:
    for name in folder.names():
        if "/" not in name and name.startswith("saved_model."):
            source = find(folder.file(name))
            if source is not None:
                return source
    raise InvalidSource(
        f"{folder.where} is a model of {quoted(str(document.get('module')))}, whose files are of "
        "no library that is known here.",
        hint="Load it with BentoML and save the object: `bundle save NAME module:attribute`.",
    )


def _origin(document: Mapping[str, Any]) -> Origin:
    context = document.get("context")
    context = context if isinstance(context, Mapping) else {}
    versions = context.get("framework_versions")
    packages = {
        name: version.partition("+")[0]
        for name, version in (versions if isinstance(versions, Mapping) else {}).items()
        if isinstance(name, str) and isinstance(version, str) and is_package(name, version)
    }
    python = context.get("python_version")
    signatures = document.get("signatures")
    methods = [name for name in signatures if name.isidentifier()] if isinstance(
        signatures, Mapping) else []  # fmt: skip
    about = {"name": document.get("name"), "version": document.get("version")}
    return Origin(
        tool="bentoml",
        packages=packages,
        python=python if isinstance(python, str) and is_python(python) else None,
        method=methods[0] if methods and methods[0] not in {"__call__", "run"} else None,
        metadata={"bentoml": plain_texts(about)},
    )
