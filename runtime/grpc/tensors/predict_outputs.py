"""PredictOutputs: what a model says as the outputs of a PredictResponse of TensorFlow Serving."""

from collections.abc import Collection
from typing import Any

from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.reply import Reply
from ...dialects.served import Served
from ...dialects.tensors.output import from_output
from ...errors import InvalidInput
from ...printable import printable
from ..messages.pool import pool
from . import tensor_proto

_SHOWN = 64  # characters of a name that an error repeats


def write(response: Any, served: Served, names: Collection[str], output: Any) -> None:
    """Put the outputs that are asked for into `response`; all if none is named.

    Raises:
        InvalidInput: for one that there is not.
        PredictionFailed: see `from_output`.
    """
    assert served.signature is not None
    outputs = {each.name: each for each in from_output(served.signature, output)}
    for name in names:
        if name not in outputs:
            known = ", ".join(f"`{each}`" for each in outputs)
            shown = printable(name[:_SHOWN])
            raise InvalidInput(f"output_filter: there is no output {shown!r}; there is {known}.")
    for name, tensor in outputs.items():
        if not names or name in names:
            tensor_proto.write(response.outputs[name], tensor)


async def written(
    served: Served, deadline: float, response: Any, names: Collection[str], output: Any
) -> Any:
    """`response` with the outputs in it; the bytes of it if another process wrote many.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: as `write`; see `work.write`.
    """
    context = {"names": list(names)}
    reply = await work.write(served, deadline, "predict", context, output)
    if reply is None:
        write(response, served, names, output)
        return response
    assert isinstance(reply.body, bytes)
    return bytes(response.SerializeToString()) + reply.body  # which is one message


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Write the outputs of a response alone."""
    response = pool()["tensorflow.serving.PredictResponse"]()
    write(response, work.of(catalog, context), context["names"], output)
    return Reply(response.SerializeToString())
