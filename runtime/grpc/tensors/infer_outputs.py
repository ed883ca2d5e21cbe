"""InferOutputs: what a model says as the outputs of a ModelInferResponse.

Large ones are written by another process, unless they are numbers, which are only copied.
"""

from collections.abc import Sequence
from typing import Any

from ...data.rows import bulk
from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.reply import Reply
from ...dialects.served import Served
from ...dialects.tensors.output import from_output
from ...dialects.tensors.tensor import Tensor
from ...dialects.v2.inference.classification import classified
from ...dialects.v2.inference.infer_answer import check_outputs
from ...dialects.v2.inference.infer_request import Wanted
from ..messages.pool import pool
from . import open_inference


def chosen(model: str, wanted: Sequence[Wanted], outputs: Sequence[Tensor]) -> Sequence[Tensor]:
    """The outputs that are wanted, in that order, some of them as classes; all if none is named.

    Raises:
        InvalidInput: for one that there is not, or that is named twice.
    """
    if not wanted:
        return outputs
    there = {each.name: each for each in outputs}
    check_outputs(model, wanted, there)
    return [
        classified(there[each.name], each.classes) if each.classes else there[each.name]
        for each in wanted
    ]


async def offloaded(
    served: Served,
    deadline: float,
    head: Any,
    wanted: Sequence[Wanted],
    output: Any,
    *,
    is_raw: bool,
) -> bytes | None:
    """The bytes of a response that begins as `head`; None if it is better written here.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: as `chosen` and `from_output`; see `work.write`.
    """
    if not bulk.is_large(output) or bulk.is_of_numbers(output):
        return None
    context = {"wanted": [(each.name, each.classes) for each in wanted], "is_raw": is_raw}
    reply = await work.write(served, deadline, "infer", context, output)
    if reply is None:
        return None
    assert isinstance(reply.body, bytes)
    return bytes(head.SerializeToString()) + reply.body  # which is one message


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Write the outputs of a response alone."""
    served = work.of(catalog, context)
    assert served.signature is not None
    wanted = [Wanted(name, None, classes) for name, classes in context["wanted"]]
    outputs = chosen(served.name, wanted, from_output(served.signature, output))
    response = pool()["inference.ModelInferResponse"]()
    open_inference.write(response, outputs, is_raw=context["is_raw"])
    return Reply(response.SerializeToString())
