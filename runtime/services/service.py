"""The decorators of a service: `@service` on a class, `@api` on its methods, `model("name")`.

The decorators only take notes: a decorated class is instantiated and its methods are called
directly, in a unit test as everywhere else. The build reads the same notes from the source.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from ..duration import seconds
from ..errors import BundleError
from .model_handle import ModelHandle, handle

Class = TypeVar("Class", bound=type)
Function = TypeVar("Function", bound=Callable[..., Any])

_SERVICE = "__modelbundle_service__"
_API = "__modelbundle_api__"


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """The arguments of `@api(...)`.

    route           path of the route; None = "/" and the method's name
    batchable       many requests share one call: their rows are stacked
    max_batch_size  rows of one call; None = the server's
    latency_budget  seconds a request may wait for company; None = the server's
    idempotent      a request may run a second time, if the process died during the first
    """

    route: str | None = None
    batchable: bool = False
    max_batch_size: int | None = None
    latency_budget: float | None = None
    idempotent: bool = False

    @classmethod
    def of(
        cls,
        *,
        route: str | None = None,
        batchable: bool = False,
        max_batch_size: int | None = None,
        latency_budget: float | str | None = None,
        idempotent: bool = False,
    ) -> "ApiOptions":
        """Read the arguments of `@api(...)`.

        Raises:
            ValueError: for an invalid argument, with the valid ones.
        """
        if max_batch_size is not None and (type(max_batch_size) is not int or max_batch_size < 1):
            raise ValueError(f"`max_batch_size` is a number of rows, not {max_batch_size!r}.")
        if type(batchable) is not bool:
            raise ValueError(f"`batchable` is True or False, not {batchable!r}.")
        if type(idempotent) is not bool:
            raise ValueError(f"`idempotent` is True or False, not {idempotent!r}.")
        if route is not None and not isinstance(route, str):
            raise ValueError(f"`route` is a path such as `/predict`, not {route!r}.")
        if not batchable and (max_batch_size is not None or latency_budget is not None):
            raise ValueError(
                "`max_batch_size` and `latency_budget` are for APIs with `batchable=True`."
            )
        budget = None if latency_budget is None else seconds(latency_budget)
        return cls(route, batchable, max_batch_size, budget, idempotent)


@overload
def service(cls: Class, /) -> Class: ...
@overload
def service() -> Callable[[Class], Class]: ...
def service(cls: Class | None = None, /) -> Class | Callable[[Class], Class]:
    """Mark a class as a service: one instance per process, its `@api` methods are the routes.

    Example:
        @modelbundle.service
        class Fraud:
            def __init__(self):
                self.net = modelbundle.model("fraud_net")
    """
    if cls is None:
        return service
    if not isinstance(cls, type):
        raise BundleError(f"`@service` belongs on a class, not on {cls!r}.")
    setattr(cls, _SERVICE, True)
    return cls


@overload
def api(function: Function, /) -> Function: ...
@overload
def api(
    *,
    route: str | None = None,
    batchable: bool = False,
    max_batch_size: int | None = None,
    latency_budget: float | str | None = None,
    idempotent: bool = False,
) -> Callable[[Function], Function]: ...
def api(function: Function | None = None, /, **options: Any) -> Any:
    """Mark a method of a service as a route; its annotations define its body and its answer.

    With `batchable=True` the rows of many requests are stacked into one call, which must return
    as many rows. `latency_budget` is seconds or a text such as "25ms". With `idempotent=True` a
    request that was there when the service's process died is run once more by the next one.

    Example:
        @modelbundle.api(batchable=True, max_batch_size=64)
        def predict(self, rows: np.ndarray) -> np.ndarray: ...
    """
    if function is None:
        return lambda function: _mark(function, options)
    return _mark(function, options)


def _mark(function: Function, options: dict[str, Any]) -> Function:
    if not callable(function) or isinstance(function, type):
        raise BundleError(f"`@api` belongs on a method, not on {function!r}.")
    try:
        setattr(function, _API, ApiOptions.of(**options))
    except (TypeError, ValueError) as error:
        raise BundleError(f"`@api` of `{function.__qualname__}`: {error}") from error
    return function


def model(name: str, /) -> ModelHandle:
    """The bundle's model called `name`, ready to be called with a batch of rows.

    `name` is the `as`, or the name, of an entry under `models:` in the bundlefile; write it as a
    literal, because the build reads it without running anything. In an async method await the
    call; in a sync method it returns the answer. Outside a server the models are those of the
    bundle in the directory `$BUNDLE_DIR`.

    Raises:
        BundleError: when the bundle has no such model, or there is no bundle to look in.
    """
    return handle(name)


def is_service(cls: object) -> bool:
    """Whether the class itself (not only a base of it) was marked by `@service`."""
    return isinstance(cls, type) and vars(cls).get(_SERVICE, False) is True


def options_of(function: object) -> ApiOptions | None:
    """The arguments of `@api` on a function, or None if it has no `@api`."""
    options = getattr(function, _API, None)
    return options if isinstance(options, ApiOptions) else None
