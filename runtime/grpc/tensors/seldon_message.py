"""SeldonMessage: an answer of Seldon's protocol as a message; another process writes large ones."""

import base64
from collections.abc import Mapping
from typing import Any

from ...data.codecs import instances
from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.reply import Reply
from ...dialects.seldon.answer import answered
from ...dialects.seldon.message import Message
from ...dialects.served import Served
from ...dialects.tensors.tensor import Tensor
from ..messages.pool import pool
from . import packed, struct, tensor_proto


def of(answer: Mapping[str, Any], *, is_tf: bool = False) -> Any:
    """The message that says `answer`, which REST would say as JSON; `is_tf`: with a TensorProto."""
    message = pool()["seldon.protos.SeldonMessage"]()
    _write_meta(message.meta, answer["meta"])
    if "strData" in answer:
        message.strData = answer["strData"]
    elif "binData" in answer:
        message.binData = base64.b64decode(answer["binData"])
    elif "jsonData" in answer:
        struct.write(message.jsonData, plain(answer["jsonData"]))
    elif "data" in answer:
        _write_data(message.data, answer["data"], is_tf=is_tf)
    return message


async def offloaded(
    served: Served, deadline: float, request: Message, output: Any, *, is_tf: bool
) -> bytes | None:
    """The bytes of the answer to `request`; None for a small one, or if there is no process.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: as `answered`; see `work.write`.
    """
    context = {"message": request.to_json(), "is_tf": is_tf}
    reply = await work.write(served, deadline, "seldon message", context, output)
    if reply is None:
        return None
    assert isinstance(reply.body, bytes)
    return reply.body


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Write the whole answer."""
    answer = answered(work.of(catalog, context), Message.from_json(context["message"]), output)
    return Reply(of(answer, is_tf=context["is_tf"]).SerializeToString())


def plain(value: Any) -> Any:
    """What is JSON partly encoded, or of NumPy's, as Python's own types."""
    return instances.exact(instances.written(value))


def _write_meta(message: Any, meta: Mapping[str, Any]) -> None:
    message.puid = meta.get("puid", "")
    for name, value in meta.get("tags", {}).items():
        struct.write(message.tags[name], value)
    message.routing.update(meta.get("routing", {}))
    message.requestPath.update(meta.get("requestPath", {}))


def _write_data(message: Any, data: Mapping[str, Any], *, is_tf: bool) -> None:
    message.names.extend(data["names"])
    if "ndarray" in data:
        message.ndarray.SetInParent()
        struct.write_list(message.ndarray, plain(data["ndarray"]))
        return
    shape, values = data["tensor"]["shape"], data["tensor"]["values"]
    if is_tf:
        tensor_proto.write(message.tftensor, Tensor("tftensor", "FP64", tuple(shape), values))
        return
    message.tensor.shape.extend(shape)
    packed.write(message.tensor, "values", values)
