"""InferInputs: the inputs of a ModelInferRequest as the batch that a model takes.

Another process reads lists of values and strings of a large one, so that the event loop stays free.
"""

from typing import Any

from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.memory import Memory
from ...dialects.served import Served
from ...dialects.tensors.batch import to_batch
from ...dialects.tensors.tensor import Tensor
from ..messages.pool import pool
from . import large_request, open_inference

_NAME = "infer request"  # of the work


def tensors(request: Any, served: Served) -> list[Tensor]:
    """The inputs; raises RequestError as `open_inference.read` and `large_request.whole`."""
    return open_inference.read(large_request.whole(request), Memory(served))


def batch(request: Any, served: Served) -> Any:
    """The inputs as a batch; raises RequestError as `tensors` and `to_batch`."""
    assert served.signature is not None
    return to_batch(
        served.signature.inputs,
        tensors(request, served),
        nan_as_null=served.settings.nan == "null",
        model=request.model_name,
    )


async def offloaded(served: Served, deadline: float, request: Any, body: bytes) -> Any:
    """The batch of a request whose bytes are `body`; None if it is better read here.

    `deadline` is on the monotonic clock.

    Raises:
        RequestError: as `batch`; see `work.read`.
    """
    if open_inference.has_regions(request):
        return None  # only this process has them
    found = await work.read(served, deadline, _NAME, {}, body)
    return None if found is None else found[1]


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Read the batch alone."""
    served = work.of(catalog, context)
    assert served.signature is not None
    parse = pool()["inference.ModelInferRequest"].FromString
    request = large_request.reader(parse)(body)
    return work.Reading(None, served.signature.inputs, batch(request, served))
