"""Registry: finds the adapter for an object, a file or a name."""

from importlib import import_module
from pathlib import Path

from ..errors import InvalidModel
from ..manifests.tuning import Tuning
from .framework import Framework, Tunable

GROUP = "modelbundle.frameworks"
# By name: a server imports the one that it needs, which is a tenth of its own start.
_NAMES = "Torch Xgboost Lightgbm Onnx Sklearn Mlflow Transformers Generic"
_BUILTIN = tuple(f"{__name__.rpartition('.')[0]}.{name.lower()}:{name}" for name in _NAMES.split())


def builtin() -> tuple[Framework, ...]:
    """The built-in adapters, in the order in which they are asked."""
    return tuple(map(load, _BUILTIN))


def installed() -> tuple[Framework, ...]:
    """Third-party adapters of the entry point group `modelbundle.frameworks`, by name."""
    from importlib.metadata import entry_points

    found = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(point.load()() for point in found)


def for_model(model: object) -> Framework | None:
    """The adapter for a live object: ours, then an installed one, then any picklable object."""
    *ours, generic = builtin()
    for framework in (*ours, *installed(), generic):
        if framework.matches(model):
            return framework
    return None


def for_path(path: Path) -> tuple[Framework, str] | None:
    """The adapter for a file and its format, by its content. Runs nothing of it."""
    *ours, generic = builtin()
    for framework in (*ours, *installed(), generic):
        format = framework.reads(path)  # noqa: A001  the field's word
        if format is not None:
            return framework, format
    return None


def loader(framework: Framework) -> str:
    """The name by which `load` finds an adapter: "module:Class"."""
    kind = type(framework)
    return f"{kind.__module__}:{kind.__qualname__}"


def is_builtin(loader: str) -> bool:
    """Whether it is the name of a built-in adapter."""
    return loader in _BUILTIN


def load(loader: str) -> Framework:
    """The adapter that a manifest names; no entry points are needed, nor wanted, in a bundle.

    Raises:
        InvalidModel: when it is not there, or is not an adapter.
    """
    module, _, name = loader.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidModel(
            f"The model's adapter `{loader}` cannot be imported: {error}.",
            hint="Install the package that it comes from.",
        ) from error
    if not isinstance(kind, type) or not hasattr(kind, "call") or not hasattr(kind, "formats"):
        raise InvalidModel(f"`{loader}` is not an adapter.")
    found: Framework = kind()
    return found


def refusal(framework: Framework, format: str, tuning: Tuning) -> str | None:
    """Why its models of this format cannot be tuned so, or None."""
    if tuning.is_default:
        return None
    if isinstance(framework, Tunable):
        return framework.refusal(format, tuning)
    key = "precision" if tuning.precision else "compile"
    return f"`{key}` is for torch models; this one is of {framework.name}."
