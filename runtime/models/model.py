"""LoadedModel: a saved model in memory, ready to be called."""

import os
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..batching.execution.out_of_memory import is_out_of_memory
from ..data.rows import table
from ..data.samples import Samples
from ..errors import (
    BundleError,
    InvalidInput,
    InvalidModel,
    MissingFramework,
    PredictionFailed,
    RequestError,
    in_short,
)
from ..frameworks import keras_backend, registry
from ..frameworks.framework import Framework, Naming, Tunable
from ..manifests.model_manifest import ModelManifest
from ..manifests.tuning import Tuning
from ..pickles.policy import Policy
from ..system import shared_library
from . import batch_axis, row_kinds, unknown_level
from .tuned import Tuned

_NOT_SO = "The model says that loading it runs no code, which is not so."


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A manifest, its adapter and the library's own object; `tuned` if it computes differently.

    Trust was checked before, by digest; `Policy` only restricts it.
    """

    manifest: ModelManifest
    framework: Framework
    object: Any
    tuned: Tuned | None = None
    directory: Path | None = None  # with its samples

    @classmethod
    def load(
        cls,
        directory: Path,
        device: str = "cpu",
        policy: Policy = Policy(),  # noqa: B008  frozen
        tuning: Tuning = Tuning(),  # noqa: B008  frozen
    ) -> Self:
        """Load the model in `directory` onto "cpu" or "cuda:N"; what `tuning` compiles, compile.

        Raises:
            InvalidBundle: when there is no manifest.
            MissingFramework: when its library is not installed.
            InvalidModel: when its files cannot be read, or it cannot be tuned so.
            NotTrusted: when the policy refuses its pickle.
        """
        manifest = ModelManifest.read(directory)
        _check_loader(manifest)
        framework = registry.load(manifest.loader)
        _check_declared(manifest, framework)
        refused = registry.refusal(framework, manifest.format, tuning)
        if refused is not None:
            raise InvalidModel(f"The model cannot be tuned: {refused}")
        keras_backend.choose(manifest.options)
        try:
            model = framework.load(directory, manifest.format, manifest.options, device, policy)
            if isinstance(framework, Tunable) and not tuning.is_default:
                model = framework.tune(model, tuning, device)
        except BundleError:
            raise
        except Exception as error:
            library = shared_library.hint(error)
            if library is None and isinstance(error, ImportError):
                raise _missing(framework, manifest, error) from error
            if os.environ.get("BUNDLE_DEBUG"):
                raise
            raise InvalidModel(
                f"The {framework.name} model cannot be loaded: {in_short(error)}.", hint=library
            ) from error
        if tuning.is_default:
            return cls(manifest, framework, model, directory=directory)
        tuned = Tuned(manifest, tuning)
        loaded = cls(manifest, framework, model, tuned, directory)
        if tuning.compile:
            tuned.compile(directory, manifest.samples, loaded.call)
        return loaded

    def call(self, method: str, batch: Any) -> Any:
        """The raw output of one call with a whole batch; exceptions of the library pass through.

        Columns may come as a dict of arrays.

        Raises:
            InvalidModel: when the model has no such method.
            InvalidInput: when it fails on a value that it does not know, and on rows of any JSON
                that are not of its sample's kinds.
            PredictionFailed: when it answers more or fewer rows than it was given, and its sample
                has one answer for each.
        """
        if method not in self.manifest.methods:
            known = ", ".join(f"`{name}`" for name in self.manifest.methods)
            raise InvalidModel(f"The model has no method `{method}`; it has {known}.")
        batch = table.assemble(self.manifest.methods[method].inputs, _writable(batch))
        try:
            return self._counted(method, batch, self._answer(method, batch))
        except (RequestError, BundleError):
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            words = self._unlike(method, batch) or unknown_level.refusal(error, batch)
            if words is None:
                raise
            raise InvalidInput(words) from error

    def _answer(self, method: str, batch: Any) -> Any:
        function = partial(self.framework.call, self.object, method)
        call = partial(batch_axis.call, function, self.manifest.methods[method])
        return call(batch) if self.tuned is None else self.tuned.call(method, call, batch)

    def _counted(self, method: str, batch: Any, answer: Any) -> Any:
        """The answer, with a row for each that was given, where its sample had so."""
        signature, wanted = self.manifest.methods[method], table.rows(batch)
        if wanted == 1:
            answer = batch_axis.restored(answer, signature.outputs)
        if signature.batchable:
            return answer  # where requests share a call, their rows are counted anyway
        got = table.rows(answer)
        if got == wanted or not self._answers_each(method):
            return answer
        raise PredictionFailed(
            f"The model was given {wanted} rows and answered {got}: it is unknown which row an "
            "answer is for."
        )

    def _answers_each(self, method: str) -> bool:
        """Whether its recorded sample shows an answer for each of several rows."""
        path = self._sample_path(method)
        return path is not None and _is_one_each(path)

    def _sample_path(self, method: str) -> Path | None:
        path = self.manifest.samples.get(method)
        return None if path is None or self.directory is None else self.directory / path

    def _unlike(self, method: str, batch: Any) -> str | None:
        """How rows of any JSON that failed differ from those of the sample."""
        path = self._sample_path(method) if isinstance(batch, list) else None
        return None if path is None else row_kinds.difference(batch, Samples.read(path).inputs)


def _writable(batch: Any) -> Any:
    """The batch as writable arrays; those decoded from bytes are read-only views."""
    if isinstance(batch, np.ndarray):
        return batch if batch.flags.writeable else batch.copy()
    if isinstance(batch, dict):
        return {name: _writable(part) for name, part in batch.items()}
    return batch


@cache
def _is_one_each(path: Path) -> bool:
    """Whether a sample has an answer for each of several rows; some models need it every call."""
    sample = Samples.read(path)
    return len(sample.inputs) == len(sample.outputs) > 1


def _check_loader(manifest: ModelManifest) -> None:
    """An adapter that is not ours is code already when it is imported."""
    if not registry.is_builtin(manifest.loader) and not manifest.executes_code:
        raise InvalidModel(_NOT_SO)


def _check_declared(manifest: ModelManifest, framework: Framework) -> None:
    """Check that a model that declares no code has none, as nobody was asked to trust it."""
    options = manifest.options
    runs = manifest.format in framework.executing or options.get("code")
    runs = runs or (isinstance(framework, Naming) and framework.names_others(options))
    if runs and not manifest.executes_code:
        raise InvalidModel(_NOT_SO)


def _missing(
    framework: Framework, manifest: ModelManifest, error: ImportError
) -> InvalidModel | MissingFramework:
    """The error when the library is missing or broken, or an import of the pickle."""
    if not error.name and not isinstance(error, ModuleNotFoundError):
        return InvalidModel(
            f"`{framework.name}` is here, but cannot be imported: {in_short(error)}.",
            hint=f"See why with `python -c 'import {framework.name}'`; a file of yours may have "
            "the name of a module that it needs.",
        )
    name = (error.name or "").partition(".")[0]
    if name and name not in framework.distributions and name != framework.name:
        return InvalidModel(
            f"The model needs the module `{name}`, which is not here: {error}.",
            hint=f"Install what brings `{name}`, or put it among the bundle's sources.",
        )
    pins = [f"{name}=={version}" for name, version in sorted(manifest.packages.items())]
    return MissingFramework(name or framework.name, " ".join(pins) or framework.extra)
