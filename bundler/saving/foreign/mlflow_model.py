"""MLflow: imports the flavor's own model file where we have an adapter for it.

Source: mlflow.org, "MLflow Model": `MLmodel` is YAML with a mapping `flavors`; what a flavor calls
its file is in mlflow/<flavor>/__init__.py. Everything else is kept whole and loaded by MLflow.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ....runtime.frameworks.mlflow import HOME, Mlflow
from ....runtime.manifests.model_manifest import CODE
from ....runtime.manifests.model_validation import is_python
from ...errors import InvalidSource
from ...untrusted.quotation import plain_texts, quoted
from ..file_source import FileSource, Origin, of_file
from . import mlflow_schema, pins
from .folder import Folder

MARK = "MLmodel"
_TOOLS = frozenset({"mlflow", "mlflow-skinny", "rich", "pip", "setuptools", "wheel"})


def read(folder: Folder) -> FileSource:
    """The model in an MLflow directory. Runs nothing of it.

    Raises:
        InvalidSource: when it is damaged or of no use, with the reason.
    """
    document = folder.yaml(MARK)
    flavors = document.get("flavors")
    if not isinstance(flavors, Mapping) or not all(
        isinstance(flavor, Mapping) for flavor in flavors.values()
    ):
        raise InvalidSource(f"`{MARK}` of {folder.where} cannot be read: it has no flavors.")
    for name, reader in _FLAVORS.items():
        if name in flavors:
            source = reader(folder, flavors[name])
            return replace(source, origin=_origin(folder, document, name, source))
    if "python_function" in flavors:
        return _whole(folder, document)
    raise InvalidSource(
        f"{folder.where} has the MLflow flavors {quoted(', '.join(sorted(map(str, flavors))))}, "
        "none of which can be read.",
        hint=f"Readable are {', '.join(sorted(_FLAVORS))} and python_function; load the model with "
        "its own library and save the object itself.",
    )


def _sklearn(folder: Folder, flavor: Mapping[str, Any]) -> FileSource:
    return _with_code(folder, flavor, _file(folder, flavor.get("pickled_model")))


def _xgboost(folder: Folder, flavor: Mapping[str, Any]) -> FileSource:
    source = _file(folder, flavor.get("data"))
    kind = str(flavor.get("model_class", "")).rpartition(".")[2]
    return _with_code(folder, flavor, as_wrapper(source, kind))


def as_wrapper(source: FileSource, kind: object) -> FileSource:
    """The model as XGBoost's wrapper of that class, which its own file does not name."""
    is_wrapper = isinstance(kind, str) and kind.startswith("XGB") and kind.isidentifier()
    if source.format == "pickle" or not is_wrapper:
        return source
    return replace(source, options={"class": kind, "params": {}})


def _lightgbm(folder: Folder, flavor: Mapping[str, Any]) -> FileSource:
    return _with_code(folder, flavor, _file(folder, flavor.get("data")))


def _onnx(folder: Folder, flavor: Mapping[str, Any]) -> FileSource:
    name = flavor.get("data")
    if isinstance(name, str) and folder.place(name).is_dir():
        name = f"{name}/model.onnx"
    return _file(folder, name)


def _pytorch(folder: Folder, flavor: Mapping[str, Any]) -> FileSource:
    name = flavor.get("model_data")
    inside = folder.place(name)
    if inside.is_dir():
        found = [
            file for file in ("model.pth", "model.pt2", "model.pt") if (inside / file).exists()
        ]
        name = f"{name}/{found[0]}" if found else name
    return _with_code(folder, flavor, _file(folder, name))


_FLAVORS: Mapping[str, Callable[[Folder, Mapping[str, Any]], FileSource]] = {
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "onnx": _onnx,
    "pytorch": _pytorch,
}
_BY_ROW = frozenset({"sklearn", "xgboost", "lightgbm", "onnx", "pytorch"})


def _file(folder: Folder, name: object) -> FileSource:
    return of_file(folder.file(name), is_named_by_hand=False)


def _with_code(folder: Folder, flavor: Mapping[str, Any], source: FileSource) -> FileSource:
    """The model with the source that was logged beside it."""
    name = flavor.get("code")
    if name is None:
        return source
    place = folder.place(name)
    if not place.is_dir():
        return source
    home = Folder(place, folder.where, folder.path)
    modules = home.modules()
    if not modules:
        return source
    files = {**source.files, **{f"{CODE}/{file}": home.file(file) for file in modules}}
    return replace(source, files=files, options={**source.options, "code": modules})


def _origin(folder: Folder, document: Mapping[str, Any], flavor: str, source: FileSource) -> Origin:
    flavors = document["flavors"]
    generic = flavors.get("python_function", {})
    packages, loose = _packages(folder, _TOOLS)
    method = generic.get("predict_fn")
    is_named = isinstance(method, str) and method.isidentifier()
    return Origin(
        tool=f"mlflow {flavor}",
        packages=packages,
        python=_python(generic.get("python_version")),
        method=method if is_named else None,
        signature=mlflow_schema.signature(document.get("signature"), batchable=flavor in _BY_ROW),
        sample=_example(folder, document),
        metadata={"mlflow": _told(document, flavor)},
        notes=(*pins.warnings(loose), *_silent(source, folder)),
    )


def _silent(source: FileSource, folder: Folder) -> tuple[str, ...]:
    kept = set(source.files.values())
    code = [name for name in folder.names() if name.startswith("artifacts/")]
    left = [name for name in code if folder.path / name not in kept]
    return (f"{len(left)} files below `artifacts/` are not part of the model.",) if left else ()


def _packages(folder: Folder, without: frozenset[str]) -> tuple[dict[str, str], list[str]]:
    if not folder.has("requirements.txt"):
        return {}, []
    return pins.read(folder.read("requirements.txt").decode(errors="replace"), without)


def _python(version: object) -> str | None:
    return version if isinstance(version, str) and is_python(version) else None


def _example(folder: Folder, document: Mapping[str, Any]) -> Any:
    about = document.get("saved_input_example_info")
    name = about.get("artifact_path") if isinstance(about, Mapping) else None
    if not isinstance(name, str) or not folder.has(name) or not name.endswith(".json"):
        return None
    return mlflow_schema.example(folder.read(name))


def _told(document: Mapping[str, Any], flavor: str) -> dict[str, Any]:
    """Who it was, without a clock: the same model logged twice is one model."""
    return plain_texts({"flavor": flavor, "version": document.get("mlflow_version")})


def _whole(folder: Folder, document: Mapping[str, Any]) -> FileSource:
    """Any other model: the whole directory, for MLflow itself to load."""
    adapter = Mlflow()
    packages, loose = _packages(folder, frozenset({"pip", "setuptools", "wheel"}))
    generic = document["flavors"]["python_function"]
    names = folder.names()
    return FileSource(
        adapter,
        "pyfunc",
        {f"{HOME}/{name}": folder.file(name) for name in names if not name.endswith(".pyc")},
        origin=Origin(
            tool="mlflow python_function",
            packages=packages,
            python=_python(generic.get("python_version")),
            signature=mlflow_schema.signature(document.get("signature"), batchable=False),
            sample=_example(folder, document),
            metadata={"mlflow": _told(document, "python_function")},
            notes=pins.warnings(loose),
        ),
        takes_links=False,  # MLflow looks where its artifacts really are
    )
