"""Contract: the parameters and the result of an API's method, from its annotations."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import BundleError
from ..headers import Headers
from . import wire
from .types import annotation
from .types.decoder import ANYTHING, ValueDecoder
from .types.hints import hints_of
from .types.record import RecordField
from .types.spec import FieldSpec


@dataclass(frozen=True, slots=True)
class Contract:
    """The parameters and the result of a method.

    input, output  as `Route.input` and `Route.output`: kind, schema, content types
    is_async       a coroutine function or an async generator
    streaming      the method yields, or returns an iterator
    headers        the parameter that gets those of the request
    """

    name: str
    parameters: tuple[RecordField, ...]
    result: ValueDecoder
    batchable: bool
    streaming: bool
    is_async: bool
    doc: str
    headers: str | None = None

    @classmethod
    def of(
        cls, function: Callable[..., Any], *, batchable: bool = False, owner: type | None = None
    ) -> "Contract":
        """Read a method of the class `owner`; its first parameter is the instance.

        Raises:
            BundleError: when no request could call it.
        """
        hints = hints_of(function, owner)
        found = list(inspect.signature(function).parameters.values())[1:]
        asking = [each.name for each in found if _is_headers(hints.get(each.name))]
        headers = asking[0] if asking else None
        parameters = [each for each in found if each.name not in asking]
        inner = inspect.unwrap(function)  # a decorator hands on what a generator yields
        is_generator = inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner)
        result = hints.get("return", Any)
        item = annotation.iterated(result) if is_generator else annotation.streamed(result)
        contract = cls(
            name=function.__name__,
            parameters=tuple(_parameter(function, each, hints) for each in parameters),
            result=_result(result if item is None else item),
            batchable=batchable,
            streaming=is_generator or item is not None,
            is_async=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
            doc=inspect.getdoc(function) or "",
            headers=headers,
        )
        fault = wire.fault(
            contract.specs,
            contract.result.spec,
            batchable=batchable,
            streaming=contract.streaming,
            headers=headers is not None,
        )
        if fault:
            raise BundleError(f"`{function.__qualname__}` {fault[0]}", hint=fault[1])
        return contract

    @property
    def specs(self) -> list[FieldSpec]:
        """The parameters, as in schemas."""
        return [parameter.spec for parameter in self.parameters]

    @property
    def input(self) -> dict[str, Any]:
        """The request body, for OpenAPI."""
        asks = self.headers is not None
        return wire.request(self.specs, batchable=self.batchable, headers=asks)

    @property
    def output(self) -> dict[str, Any]:
        """The answer, for OpenAPI."""
        spec = self.result.spec
        return wire.response(spec, batchable=self.batchable, streaming=self.streaming)


def _result(hint: Any) -> ValueDecoder:
    """What an answer is. It is written as it comes, so a record that cannot be read is no fault."""
    try:
        return annotation.decoder(hint)
    except BundleError:
        return ANYTHING


def _is_headers(hint: Any) -> bool:
    """Whether a parameter is for the headers of a request; `Headers | None` as well."""
    return any(each is Headers for each in (hint, *typing.get_args(hint)))


def _parameter(
    function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]
) -> RecordField:
    if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
        inner = "<locals>" in function.__qualname__
        wraps = "A decorator hides the method: put `@functools.wraps(...)` on its inner function."
        raise BundleError(
            f"`{function.__qualname__}` takes `{parameter}`, which no request can fill.",
            hint=wraps if inner else "Name every parameter.",
        )
    required = parameter.default is parameter.empty
    read = annotation.decoder(hints.get(parameter.name, Any))
    default = None if required else parameter.default
    return RecordField(parameter.name, read, required, default)
