"""Calls of API methods: awaited, in a thread, or once for the rows of many requests."""

import asyncio
import contextvars
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from functools import partial
from math import inf
from typing import Any

from ..errors import InvalidInput
from ..models.invalid_rows import InvalidRows
from .contract.answer import arrayed
from .model_handle import Models, straight, using
from .start_throttle import StartThrottle
from .threads import ThreadJob, Threads, escaped

Arguments = dict[str, Any]
_END = object()
_ORDINARY = (Exception, asyncio.CancelledError, GeneratorExit)


class AsyncCall:
    """An async method, run on the event loop."""

    def __init__(self, method: Callable[..., Any], models: Models, throttle: StartThrottle) -> None:
        self._method = method
        self._models = models
        self._throttle = throttle

    async def __call__(self, arguments: Arguments, deadline: float) -> Any:  # noqa: ARG002
        """The method's result. A call that is cancelled before its turn never runs."""
        await self._throttle.enter()
        with using(self._models):
            return await _come(await _contained(self._method(**arguments)))

    async def stream(self, arguments: Arguments) -> AsyncGenerator[Any, None]:
        """The items of an async generator, which is closed when the client disconnects."""
        await self._throttle.enter()
        with using(self._models):
            items = await _come(self._method(**arguments))
        async with aclosing(_followed(items)) as parts:
            async for part in parts:
                yield part


class ThreadCall:
    """A sync method, run in one of a limited number of threads."""

    def __init__(self, method: Callable[..., Any], models: Models, threads: Threads) -> None:
        self._method = method
        self._models = models
        self._threads = threads

    async def __call__(self, arguments: Arguments, deadline: float) -> Any:
        """The method's result. A call that is cancelled before its turn never runs."""
        work = partial(self._method, **arguments)
        job = self._begin(contextvars.copy_context(), work, deadline)
        result = await self._threads.result(job, deadline)
        with using(self._models):
            return await _come(result)

    async def stream(self, arguments: Arguments) -> AsyncGenerator[Any, None]:
        """Yield the items of a generator; each step runs in a thread."""
        context = contextvars.copy_context()
        made = await self._threads.result(self._begin(context, partial(self._method, **arguments)))
        if hasattr(made, "__aiter__"):  # a decorator around an async generator is often sync
            async with aclosing(_followed(made)) as parts:
                async for part in parts:
                    yield part
            return
        items: Iterator[Any] = iter(made)
        step: ThreadJob | None = None
        try:
            while True:
                step = self._begin(context, partial(next, items, _END))
                item = await self._threads.result(step)
                if item is _END:
                    return
                yield item
        finally:
            # The client may have left in the middle of a step, which cannot be interrupted.
            if step is not None:
                step.future.add_done_callback(lambda _: self._close(context, items))

    def _close(self, context: contextvars.Context, items: Any) -> None:
        close = getattr(items, "close", None)
        if close is not None:
            with suppress(RuntimeError):  # the threads have been stopped
                self._begin(context, close)

    def _begin(
        self, context: contextvars.Context, work: Callable[[], Any], deadline: float = inf
    ) -> ThreadJob:
        name = self._method.__name__
        return self._threads.begin(name, partial(context.run, self._with_models, work), deadline)

    def _with_models(self, work: Callable[[], Any]) -> Any:
        with using(self._models):
            return work()


class BatchCall:
    """A batchable method, called in the batcher's thread with stacked rows.

    Models are called past their own batchers: the rows are a batch already.
    """

    def __init__(
        self, method: Callable[..., Any], parameter: str, models: Models, *, is_async: bool
    ) -> None:
        self._method = method
        self._parameter = parameter
        self._models = models
        self._is_async = is_async

    def __call__(self, batch: Any) -> Any:
        """The method's answer for `batch`, made of as many rows."""
        try:
            with using(self._models), straight():
                answer = self._method(**{self._parameter: batch})
                if self._is_async and self._models.loop is not None:
                    # The thread's context travels with the coroutine.
                    work = _contained(answer)
                    answer = asyncio.run_coroutine_threadsafe(work, self._models.loop).result()
        except InvalidRows as error:
            blame = blamed(error, {"instances": batch})
            if blame is None:
                raise
            raise blame from error
        return _rows(answer)


def blamed(error: Exception, places: Mapping[str, Any]) -> InvalidInput | None:
    """The client's error, if a model rejects rows that came from the client; else None.

    An annotation such as `DataFrame` admits any columns; that some are missing only the model
    knows. `places` are the values of the request by their places in the body.
    """
    if not isinstance(error, InvalidRows):
        return None
    place = next((name for name, value in places.items() if value is error.batch), None)
    if place is None:
        return None
    rest = error.detail.removeprefix("instances")
    return InvalidInput(f"{place}{rest}" if rest != error.detail else f"{place}: {rest}")


async def _come(result: Any) -> Any:
    """The result, awaited if a method or its decorator returned an awaitable."""
    # Before Python 3.12 asyncio took a generator for a coroutine.
    return await result if inspect.iscoroutine(result) else result


async def _contained(work: Awaitable[Any]) -> Any:
    """Await a method; any exception is a failure of this request only."""
    try:
        return await work
    except BaseException as error:
        if isinstance(error, _ORDINARY):
            raise
        raise escaped(error) from error


async def _followed(items: Any) -> AsyncGenerator[Any, None]:
    """The items of an async iterator, whose generator is closed when the client disconnects."""
    try:
        async for item in items:
            yield item
    except BaseException as error:
        if isinstance(error, _ORDINARY):
            raise
        raise escaped(error) from error
    finally:
        close = getattr(items, "aclose", None)
        if close is not None:
            await close()


def _rows(answer: Any) -> Any:
    """Tensors as arrays, and lists of scalars and arrays as they are."""
    if isinstance(answer, dict):
        return {name: arrayed(part) for name, part in answer.items()}
    if isinstance(answer, tuple):
        return tuple(arrayed(part) for part in answer)
    return arrayed(answer)
