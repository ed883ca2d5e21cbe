"""Asking: converts calls to requests and replies to values, for both clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...runtime.data import media
from ...runtime.data.codecs import instances
from ...runtime.data.rows.predictions import to_instances
from ...runtime.errors import InvalidInput, PredictionFailed
from . import rows, values
from .contract import Contract, Route
from .values import Shape
from .wire import events
from .wire.failures import WrongInput
from .wire.reply import Reply
from .wire.request import AGENT, Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and how its reply is decoded."""

    route: Route
    request: Request
    shape: Shape
    was_frame: bool

    def value(self, reply: Reply) -> Any:
        """What the reply holds; raises ClientError when it is not what it says."""
        return values.value(self.route, reply, self.shape, was_frame=self.was_frame)


def asked(
    contract: Contract,
    name: str,
    given: tuple[tuple[Any, ...], Mapping[str, Any]],
    headers: Mapping[str, str],
    shape: Shape = "auto",
) -> Call:
    """The request of a call `name(*given[0], **given[1])`.

    Raises:
        NoRoute: when there is no such route.
        WrongInput: when the arguments are not those of the contract; nothing was sent.
    """
    route = contract.route(name)
    arguments, named = given
    was_frame = False
    if route.takes_rows:
        data = _only(route, arguments, named)
        body, kind = rows.body(route, data)
        was_frame = rows.is_frame(data)
    else:
        body, kind = _parameters(route, arguments, named)
    wanted = events.ACCEPT if route.is_streaming else values.accept(route)
    own = {"content-type": kind, "accept": wanted, "user-agent": AGENT}
    request = Request("POST", route.path, body, own | dict(headers), route.is_idempotent)
    return Call(route, request, shape, was_frame)


def _only(route: Route, arguments: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    values = [*arguments, *named.values()]
    if len(values) != 1 or not set(named) <= {"rows", "instances"}:
        raise WrongInput(f"`{route.name}` takes one argument, the rows.")
    return values[0]


def _parameters(
    route: Route, arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[bytes, str]:
    names = route.parameters
    if len(arguments) > len(names):
        raise WrongInput(f"`{route.name}` takes {_listing(names)}.")
    given = dict(zip(names, arguments, strict=False))
    for name in named:
        if name in given or (
            name not in names and route.schema.get("additionalProperties") is False
        ):
            raise WrongInput(
                f"`{route.name}` takes {_listing(names)}; `{name}` is unknown or was given twice."
            )
    given |= named
    missing = [name for name in route.schema.get("required", ()) if name not in given]
    if missing:
        raise WrongInput(f"`{route.name}` also needs {_listing(missing)}.")
    if (
        len(given) == 1
        and media.MULTIPART in route.takes
        and "application/octet-stream" in route.takes
    ):
        only = next(iter(given.values()))
        if isinstance(only, bytes):
            return only, "application/octet-stream"
    try:
        plain = {name: _json(value) for name, value in given.items()}
        return instances.written(plain), media.JSON
    except (InvalidInput, PredictionFailed, TypeError, ValueError) as error:
        raise WrongInput(f"`{route.name}`: an argument has no JSON: {error}") from None


def _json(value: Any) -> Any:
    rows.refuse_infinite(value)
    if rows.is_frame(value) or (isinstance(value, np.ndarray) and value.ndim):
        return to_instances(value, nan_as_null=True)
    return to_instances([value], nan_as_null=True)[0]


def _listing(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names) or "no arguments"
