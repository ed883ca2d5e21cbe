"""ModelHandle: the object that `model("name")` returns to an author.

A call decides by where it happens:

in an async method        the call is awaited: `await self.net(rows)`
in a sync method          (it runs in a worker thread) the call returns the answer
inside a batchable API    either way, straight to the model: its rows are a batch already

The rows of the first two join those of other requests in the model's own batcher.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import BundleError
from ..nearest import did_you_mean
from . import bundle_models


class ModelRunner(Protocol):
    """The part of `models.runner.Runner` that a handle uses."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods, the default first."""

    @property
    def object(self) -> Any:
        """The library's own object."""

    async def __call__(self, batch: Any, method: str | None = None) -> Any:
        """Answer through the batcher, on the event loop that it was started on."""

    def direct(self, batch: Any, method: str | None = None) -> Any:
        """Call the model with this batch alone, in this thread."""


@dataclass(frozen=True)
class Models:
    """The runners that `model("name")` finds, and their event loop.

    Without a loop (outside a server) every call goes straight to the model.
    """

    runners: Mapping[str, ModelRunner]
    loop: asyncio.AbstractEventLoop | None = None
    names: Mapping[str, str] = field(default_factory=dict)  # name of a saved model -> its alias

    def find(self, name: str) -> ModelRunner:
        """The runner of alias or name `name`; raises BundleError with the nearest name."""
        runner = self.runners.get(self.names.get(name, name)) or self.runners.get(name)
        if runner is None:
            raise BundleError(f"The bundle has no model `{name}`.", hint=self._hint(name))
        return runner

    def _hint(self, name: str) -> str:
        known = sorted({*self.runners, *self.names})
        if hint := did_you_mean(name, known):
            return hint
        listed = ", ".join(f"`{each}`" for each in known)
        return f"It has {listed}." if known else "List it under `models:` in the bundlefile."


_models: ContextVar[Models | None] = ContextVar("modelbundle_models", default=None)
_straight: ContextVar[bool] = ContextVar("modelbundle_straight", default=False)


@contextmanager
def using(models: Models) -> Iterator[None]:
    """Let `model("name")` find `models` in this context; for servers, and for an author's tests.

    Example:
        with using(Models({"fraud_net": fake})):
            service = Fraud()
    """
    token = _models.set(models)
    try:
        yield
    finally:
        _models.reset(token)


@contextmanager
def straight() -> Iterator[None]:
    """In this context, models are called without their batchers: the rows are a batch already."""
    token = _straight.set(True)
    try:
        yield
    finally:
        _straight.reset(token)


class ModelHandle:
    """A model of the bundle: call it, or one of its methods, with a batch of rows.

    `handle(rows)` calls the default method, `handle.predict_proba(rows)` another. The answer has
    as many rows. See the module for when the call is awaited.
    """

    def __init__(self, name: str, models: Models) -> None:
        self._name = name
        self._runner = models.find(name)
        self._loop = models.loop

    def __repr__(self) -> str:
        return f"model({self._name!r})"

    @property
    def object(self) -> Any:
        """The saved object itself, without the batcher: a vocabulary, or a library's own model.

        It is shared by all requests and the model's thread, so do not change it.
        """
        return self._runner.object

    def __call__(self, batch: Any, /) -> Any:
        """Answer `batch` with the model's default method."""
        return self._call(batch, None)

    def __getattr__(self, method: str) -> "ModelMethod":
        if method.startswith("_"):
            raise AttributeError(method)
        known = self._runner.methods
        if method not in known:
            listed = ", ".join(f"`{each}`" for each in known) or "only `.object`"
            raise AttributeError(
                f"The model `{self._name}` has no method `{method}`; it has {listed}."
            )
        return ModelMethod(self, method)

    def __dir__(self) -> list[str]:
        return sorted({*self._runner.methods, "object"})

    def _call(self, batch: Any, method: str | None) -> Any:
        running = asyncio._get_running_loop()  # noqa: SLF001  # get_running_loop() costs an exception
        loop = self._loop
        if loop is None or _straight.get():
            if running is None:
                return self._runner.direct(batch, method)
            return asyncio.to_thread(self._runner.direct, batch, method)
        if running is loop:
            return self._runner(batch, method)
        future = asyncio.run_coroutine_threadsafe(self._runner(batch, method), loop)
        if running is not None:  # the author's own loop in a worker thread
            return asyncio.wrap_future(future, loop=running)
        return future.result()


class ModelMethod:
    """One method of a model, called as the model itself is."""

    def __init__(self, handle: ModelHandle, method: str) -> None:
        self._handle = handle
        self._method = method

    def __repr__(self) -> str:
        return f"{self._handle!r}.{self._method}"

    def __call__(self, batch: Any, /) -> Any:
        """Answer `batch`; awaited in an async method."""
        return self._handle._call(batch, self._method)  # noqa: SLF001  # two halves of one noun


def handle(name: str) -> ModelHandle:
    """The handle of `name` among the models in use here, else in the bundle at `$BUNDLE_DIR`.

    Raises:
        BundleError: when there is no such model, or no bundle.
    """
    models = _models.get()
    if models is None:
        directory = bundle_models.directory()
        models = Models(
            bundle_models.local_models(directory), names=bundle_models.local_names(directory)
        )
    return ModelHandle(name, models)
