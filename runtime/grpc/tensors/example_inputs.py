"""ExampleInputs: `tensorflow.Example`s of a request of TensorFlow Serving as a model's batch."""

import base64
from typing import Any

from ...data.rows import table
from ...dialects import work
from ...dialects.catalog import Catalog
from ...dialects.served import Served
from ...dialects.v1 import examples
from ...errors import InvalidInput
from ...manifests.signature import Side
from ..messages.parsing import parsed
from ..messages.pool import pool
from .extent import Fields

SLOW: Fields = {2: None}  # the field of the examples


def batch(message: Any, served: Served) -> Any:
    """The examples of an `Input` as a batch; raises InvalidInput when a model cannot take them."""
    assert served.signature is not None
    side = served.signature.inputs
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidInput("input: expected `example_list`.")
    listed = getattr(message, kind)
    body: dict[str, Any] = {"examples": [_features(side, each) for each in listed.examples]}
    if kind == "example_list_with_context":
        body["context"] = _features(side, listed.context)
    if not body["examples"]:
        raise InvalidInput("input: expected at least one example.")
    return table.gather(
        side, examples.from_examples(side, body), nan_as_null=served.settings.nan == "null"
    )


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Read the batch of a request, whose message `context` names."""
    served = work.of(catalog, context)
    assert served.signature is not None
    request = parsed(pool()[context["message"]].FromString, body)
    return work.Reading(None, served.signature.inputs, batch(request.input, served))


def _features(side: Side, example: Any) -> dict[str, list[Any]]:
    """The values of each feature, as in JSON."""
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if kind == "bytes_list":
            values = [_text(name, value, side) for value in values]
        found[name] = values
    return found


def _text(name: str, value: bytes, side: Side) -> Any:
    """Bytes as values of rows: models that take any JSON get strings."""
    if side.layout != "objects":
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name[:64]}: expected UTF-8 text.") from None
