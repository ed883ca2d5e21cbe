"""Values: decodes the body of an answer."""

import base64
from typing import Any, Literal

import numpy as np

from ...runtime.data import media
from ...runtime.data.codecs import instances, npy, npz
from ...runtime.errors import RequestError
from ...runtime.manifests.signature import Side
from .contract import Route
from .exact_array import exact_array
from .wire import events
from .wire.failures import ClientError
from .wire.reply import Reply

Shape = Literal["auto", "numpy", "frame", "list"]
"""What predictions become: arrays, a DataFrame, lists - or what suits the route and the input."""

MOST_BYTES = 1 << 31  # what an npz answer may become


def accept(route: Route) -> str:
    """What to ask for: arrays where the answer is some, as npy or npz."""
    if route.is_streaming:
        return ""
    layout = route.outputs.layout if route.outputs else ("array" if route.gives_rows else "")
    wanted = {"array": media.NPY, "tensors": media.NPZ, "columns": media.NPZ}.get(layout)
    if wanted in route.gives:
        return f"{wanted}, {media.JSON};q=0.9"
    own = route.gives[0]  # of bytes and pictures JSON would be base64
    return own if own == media.JSON else f"{own}, */*;q=0.1"


def value(route: Route, reply: Reply, shape: Shape, *, was_frame: bool = False) -> Any:
    """What the reply holds; raises ClientError when it is not what it says."""
    found = _read(reply)
    if not route.gives_rows:
        return found
    if isinstance(found, dict) and set(found) == {"predictions"}:
        found = found["predictions"]
    try:
        found = _with_bytes(found, route.outputs)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ClientError("The answer has no base64 where the contract has bytes.") from error
    is_array = isinstance(found, np.ndarray) or (  # also where it came as JSON
        route.outputs is not None and route.outputs.layout == "array"
    )
    if shape == "frame" or (shape == "auto" and was_frame and not is_array):
        return _frame(found)
    if shape == "list":
        return _listed(found)
    if shape == "numpy":
        return _arrays(found)
    return _arrays(found) if is_array else found


def _read(reply: Reply) -> Any:
    kind = media.essence(reply.content_type)
    if kind in events.ITEMS:
        found = events.Events(kind)
        return [*found.feed(reply.body), *found.close()]
    try:
        if kind == media.NPY:
            return npy.loads(reply.body)
        if kind == media.NPZ:
            return npz.loads(reply.body, MOST_BYTES)
        if kind == media.JSON:
            return instances.exact(reply.body)
        if kind.startswith("text/"):
            return reply.body.decode()
    except (RequestError, ValueError) as error:
        raise ClientError(f"The answer is not the {kind} that it says.") from error
    return reply.body


def _listed(found: Any) -> Any:
    if isinstance(found, np.ndarray):
        return found.tolist()
    if isinstance(found, dict):
        columns = [np.asarray(column).tolist() for column in found.values()]
        return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]
    return found


def _with_bytes(found: Any, side: Side | None) -> Any:
    """The answer with bytes where the contract has bytes: in JSON they are base64."""
    names = {field.name for field in side.fields if field.dtype == "bytes"} if side else set()
    if side is None or not names or not isinstance(found, list):
        return found
    if side.layout == "array":
        return _decoded(found)
    return [
        {name: _decoded(value) if name in names else value for name, value in row.items()}
        for row in found
    ]


def _decoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) else value


def _arrays(found: Any) -> Any:
    """Arrays; records become one array a field."""
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        return {name: exact_array([row.get(name) for row in found]) for name in found[0]}
    return exact_array(found) if isinstance(found, list) else found


def _frame(found: Any) -> Any:
    import pandas as pd

    if isinstance(found, dict):
        return pd.DataFrame({n: c if c.ndim == 1 else list(c) for n, c in found.items()})
    if isinstance(found, np.ndarray) and found.ndim == 1:
        return pd.DataFrame({"predictions": found})
    if isinstance(found, list) and not (found and isinstance(found[0], dict)):
        return pd.DataFrame({"predictions": found})
    return pd.DataFrame(found)
