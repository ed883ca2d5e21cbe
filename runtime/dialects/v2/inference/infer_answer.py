"""InferAnswer: encodes tensors as an answer, in JSON or with binary data behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ....data import media
from ....data.regions import Place
from ....errors import InvalidInput
from ....printable import printable
from ...reply import Reply
from ...tensors.tensor import LONGEST, Tensor, raw_view, to_raw
from . import json_data
from .classification import classified
from .infer_request import InferRequest, Wanted

_LENGTH = b"inference-header-content-length"


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """The output of a model, encoded as the client wants it."""

    model: str
    version: str
    tensors: Sequence[Tensor]
    nan_as_null: bool = False

    def reply(self, request: InferRequest) -> Reply:
        """The whole answer.

        Raises:
            InvalidInput: for an output that the model does not have, or that has no JSON.
            PredictionFailed: for NaN in JSON.
        """
        outputs: list[dict[str, Any]] = []
        binary: list[bytes | memoryview] = []
        for tensor, wanted in self._chosen(request.outputs):
            if wanted.classes:
                tensor = classified(tensor, wanted.classes)  # noqa: PLW2901
            if wanted.place is not None:
                outputs.append(self._placed(tensor, wanted.place))
                continue
            is_binary = request.is_binary if wanted.is_binary is None else wanted.is_binary
            outputs.append(self._described(tensor, binary if is_binary else None))
        document: dict[str, Any] = {"model_name": self.model, "model_version": self.version}
        if request.id is not None:
            document["id"] = request.id
        document["outputs"] = outputs
        head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
        return with_binary(head, *binary)

    def _described(self, tensor: Tensor, binary: list[bytes | memoryview] | None) -> dict[str, Any]:
        described: dict[str, Any] = {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": tensor.shape,
        }
        if binary is None:
            described["data"] = json_data.written(tensor, nan_as_null=self.nan_as_null)
        else:
            binary.append(raw_view(tensor))
            described["parameters"] = {"binary_data_size": len(binary[-1])}
        return described

    def _placed(self, tensor: Tensor, place: Place) -> dict[str, Any]:
        """Write the values of a tensor to the client's region; returns its description."""
        raw = to_raw(tensor)
        place.write(raw, tensor.name)
        described: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype}
        return described | {"shape": tensor.shape, "parameters": place.parameters(len(raw))}

    def _chosen(self, wanted: Sequence[Wanted]) -> list[tuple[Tensor, Wanted]]:
        if not wanted:
            return [(tensor, Wanted(tensor.name)) for tensor in self.tensors]
        known = {tensor.name: tensor for tensor in self.tensors}
        check_outputs(self.model, wanted, known)
        return [(known[each.name], each) for each in wanted]


def with_binary(head: bytes, *blobs: bytes | memoryview) -> Reply:
    """An answer of JSON, followed by binary data if there are any."""
    if not any(map(len, blobs)):
        return Reply(head)
    return Reply(b"".join((head, *blobs)), 200, media.OCTETS, ((_LENGTH, b"%d" % len(head)),))


def check_outputs(model: str, wanted: Sequence[Wanted], known: Any) -> None:
    """Refuse requested outputs that are unknown or repeated.

    Raises:
        InvalidInput: naming it, and what there is.
    """
    seen: set[str] = set()
    for each in wanted:
        if each.name in seen:
            shown = printable(each.name[:LONGEST])
            raise InvalidInput(f"output '{shown}' already exists in request for model '{model}'.")
        seen.add(each.name)
        if each.name not in known:
            listed = ", ".join(f"`{name}`" for name in list(known)[:8])
            raise InvalidInput(
                f"unexpected inference output '{printable(each.name[:LONGEST])}' for model "
                f"'{model}'; it has {listed}."
            )
