"""Framework: the protocol of an adapter, a class of nine short methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ..manifests.signature import Signature
from ..manifests.tuning import Tuning


@dataclass(frozen=True, slots=True)
class Saved:
    """What an adapter wrote into a model's directory.

    `files` are names relative to it; `options` is plain JSON for the adapter's own loader; `needs`
    are import names that loading it takes beside the adapter's; `note` is a sentence for the
    person when the format is not the one they would expect.
    """

    format: str
    files: tuple[str, ...]
    executes_code: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    note: str | None = None


class Framework(Protocol):
    """One library's models: saved, recognised as files, loaded and called.

    The adapter's module imports its library inside the methods only, so that it can be imported
    where the library is not installed.
    """

    name: str
    distributions: tuple[str, ...]
    """Import names of what is always recorded and pinned, e.g. ("xgboost", "numpy")."""
    extra: str
    """The requirement that brings the library: what a person without it is told to install."""
    formats: Mapping[str, str]
    """Format -> the name under which a file of that format is kept."""
    executing: frozenset[str]
    """The formats whose loading may run code out of the file."""
    is_typed: bool = False
    """Whether `signatures` knows the exact dtypes, better than a sample does."""

    def matches(self, model: object) -> bool:
        """Whether it adapts `model`, judged by the modules in `type(model).__mro__` alone."""

    def reads(self, path: Path) -> str | None:
        """The format of the file at `path`, by its content, or None. Runs nothing."""

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:
        """Write `model` into `directory`, deterministically, and leave it as it was.

        `options` are the author's own, `save(..., options={"init": {...}})`.
        """

    def load(
        self, directory: Path, format: str, options: Mapping[str, Any], device: str, pickles: Any
    ) -> Any:
        """Load what `save` (or the library itself, in the same format) wrote.

        `device` is "cpu" or "cuda:N"; `pickles` is a `runtime.pickles.Policy`, the only way to
        unpickle anything.
        """

    def prepare(self, model: Any) -> Any:
        """A live object as the methods below take it: mostly the object itself."""
        return model

    def methods(self, model: Any) -> tuple[str, ...]:
        """Names of the methods worth serving, the default first."""

    def signatures(self, model: Any) -> Mapping[str, Signature]:
        """What the model itself tells of its methods, without being called; may be empty."""

    def call(self, model: Any, method: str, batch: Any) -> Any:
        """Call `method` once with a whole batch.

        `batch` is an ndarray, a DataFrame, a dict of ndarrays or a list, after the signature's
        input layout; the answer is an ndarray, a DataFrame, a dict or tuple of ndarrays, or a
        list, with as many rows.
        """


@runtime_checkable
class Tunable(Protocol):
    """An adapter that supports `precision` or `compile`."""

    def refusal(self, format: str, tuning: Tuning) -> str | None:
        """Why a model of this format cannot be tuned so, or None. Runs nothing."""

    def tune(self, model: Any, tuning: Tuning, device: str) -> Any:
        """The loaded model, tuned; its answers keep their dtypes.

        Raises:
            InvalidModel: when what that takes is not on this machine.
        """


@runtime_checkable
class Classifying(Protocol):
    """An adapter that can tell the classes of a model."""

    def classes(self, model: Any, method: str) -> Mapping[int, Sequence[Any]]:
        """Of each field of a method's answer that has some, by its place; runs nothing."""


@runtime_checkable
class Naming(Protocol):
    """An adapter that makes objects of classes which the options of a model name."""

    def names_others(self, options: Mapping[str, Any]) -> bool:
        """Whether one is not of the adapter's own library: making it may do anything."""


def lineage(model: object) -> frozenset[str]:
    """The top-level packages of an object's class and its bases."""
    return frozenset(base.__module__.partition(".")[0] for base in type(model).__mro__)
