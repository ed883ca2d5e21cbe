"""Inference: the open inference protocol's service, `inference.GRPCInferenceService`.

Sources: github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md, and
what Triton's clients call beyond it.
"""

from typing import Any

import grpc

from ..dialects.catalog import Catalog
from ..dialects.inquiry import Inquiry
from ..dialects.tensor import LONGEST, Tensor
from ..dialects.tensor_batch import to_batch
from ..dialects.tensor_output import from_output
from ..errors import InvalidInput, NotSupported
from ..printable import printable
from . import description, tensors
from .desk import Desk
from .messages.pool import pool
from .refusal import Refusal

EXTENSIONS = ("model_configuration", "model_repository", "statistics", "binary_tensor_data")

_SERVICE = "/inference.GRPCInferenceService"


class Inference:
    """Answers the service's calls."""

    PROBES = frozenset({f"{_SERVICE}/ServerLive", f"{_SERVICE}/ServerReady"})

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._messages = pool()
        self._response = self._messages["inference.ModelInferResponse"]

    def handlers(self, desk: Desk) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._config,
            "ModelInfer": self._infer,
        }
        made = {f"{_SERVICE}/{n}": desk.unary(f"{_SERVICE}/{n}", a) for n, a in answers.items()}
        stream = f"{_SERVICE}/ModelStreamInfer"
        return made | {stream: desk.streamed(stream, self._infer_on_stream, self._failed)}

    # --- how it is ---

    async def _live(self, _: Any, __: Inquiry) -> Any:
        return self._messages["inference.ServerLiveResponse"](live=True)

    async def _ready(self, _: Any, __: Inquiry) -> Any:
        is_ready = self._catalog.reason is None
        return self._messages["inference.ServerReadyResponse"](ready=is_ready)

    async def _model_ready(self, request: Any, _: Inquiry) -> Any:
        served = self._catalog.find(request.name, request.version)
        return self._messages["inference.ModelReadyResponse"](ready=served.is_ready)

    async def _server_metadata(self, _: Any, __: Inquiry) -> Any:
        return self._messages["inference.ServerMetadataResponse"](
            name=self._catalog.server_name,
            version=self._catalog.server_version,
            extensions=EXTENSIONS,
        )

    async def _model_metadata(self, request: Any, _: Inquiry) -> Any:
        served = self._catalog.find(request.name, request.version)
        versions = [each.version for each in self._catalog.served() if each.name == served.name]
        return description.metadata(served, request.name, versions)

    async def _config(self, request: Any, _: Inquiry) -> Any:
        return description.config(self._catalog.find(request.name, request.version), request.name)

    # --- predictions ---

    async def _infer(self, request: Any, inquiry: Inquiry) -> Any:
        served = self._catalog.find(request.model_name, request.model_version)
        if served.signature is None:
            raise NotSupported(f"`{served.name}` takes bodies of its own form, not tensors.")
        side, is_null = served.signature.inputs, served.settings.nan == "null"
        batch = to_batch(side, tensors.read(request), nan_as_null=is_null)
        output = await served.answer(inquiry, batch)
        response = self._response(
            model_name=request.model_name, model_version=served.version, id=request.id
        )
        outputs = _chosen(request.outputs, from_output(served.signature, output))
        tensors.write(response, outputs, is_raw=bool(request.raw_input_contents))
        return response

    async def _infer_on_stream(self, request: Any, inquiry: Inquiry) -> Any:
        response = await self._infer(request, inquiry)
        response.parameters["triton_final_response"].bool_param = True
        return self._messages["inference.ModelStreamInferResponse"](infer_response=response)

    def _failed(self, request: Any, refusal: Refusal) -> Any:
        """As Triton says it: in words, with the id, on a stream that goes on."""
        said = self._messages["inference.ModelStreamInferResponse"](error_message=refusal.detail)
        if request is not None:
            said.infer_response.id = request.id
            said.infer_response.model_name = request.model_name
        return said


def _chosen(wanted: Any, outputs: list[Tensor]) -> list[Tensor]:
    """The outputs that were asked for, in that order; all where none were."""
    if not wanted:
        return outputs
    there = {each.name: each for each in outputs}
    for each in wanted:
        if each.name not in there:
            known = ", ".join(f"`{name}`" for name in there)
            shown = printable(each.name[:LONGEST])
            raise InvalidInput(f"outputs: there is no output `{shown}`; there is {known}.")
    return [there[each.name] for each in wanted]
