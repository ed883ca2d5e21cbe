"""PredictInputs: the inputs of a PredictRequest of TensorFlow Serving as a model's batch."""

from typing import Any

from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.served import Served
from ...dialects.tensors.batch import to_batch
from ..messages.parsing import parsed
from ..messages.pool import pool
from . import tensor_proto
from .extent import Fields

SLOW: Fields = {2: {2: tensor_proto.SLOW}}  # inputs, each of which is a name and a tensor


def batch(request: Any, served: Served) -> Any:
    """The inputs as a batch; raises RequestError when the model cannot take them."""
    assert served.signature is not None
    tensors = sorted(request.inputs.items(), key=_name)
    return to_batch(served.signature.inputs, [tensor_proto.read(*each) for each in tensors])


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Read the batch alone."""
    served = work.of(catalog, context)
    assert served.signature is not None
    request = parsed(pool()["tensorflow.serving.PredictRequest"].FromString, body)
    return work.Reading(None, served.signature.inputs, batch(request, served))


def _name(item: tuple[str, Any]) -> str:
    return item[0]
