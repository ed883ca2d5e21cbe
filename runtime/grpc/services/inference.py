"""Inference: the open inference protocol's service, `inference.GRPCInferenceService`.

Sources: github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md, and
what Triton's clients call beyond it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
import orjson
from google.protobuf import json_format

from ...data.regions import Place
from ...dialects.bodies import pictures
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.memory import Memory
from ...dialects.served import Served
from ...dialects.tensors import method_outputs
from ...dialects.tensors.api_tensors import ask
from ...dialects.tensors.output import from_output
from ...dialects.tensors.tensor import Tensor
from ...dialects.v2 import api_stream
from ...dialects.v2.inference.infer_request import Wanted, heed
from ...dialects.v2.metadata import config, extensions, metadata
from ...dialects.v2.statistics import statistics
from ...errors import InvalidInput
from ..background_thread import LARGE, MANY, BackgroundThread
from ..dispatcher import Dispatcher, Say
from ..messages.pool import pool
from ..refusal import Refusal
from ..tensors import infer_inputs, infer_outputs, large_request
from ..tensors import open_inference as tensors
from ..tensors.parameters import values

_SERVICE = "/inference.GRPCInferenceService"
_WANTS_END = "triton_enable_empty_final_response"


class Inference:
    """Answers the service's calls."""

    PROBES = frozenset({f"{_SERVICE}/ServerLive", f"{_SERVICE}/ServerReady"})

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._background = BackgroundThread()
        self._messages = pool()
        self._response = self._messages["inference.ModelInferResponse"]

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelConfig": self._config,
            "ModelStatistics": self._statistics,
        }
        made = dispatcher.service(_SERVICE, answers)
        infer = f"{_SERVICE}/ModelInfer"
        made[infer] = dispatcher.unary(infer, self._infer, large_request.reader)
        stream = f"{_SERVICE}/ModelStreamInfer"
        made[stream] = dispatcher.streamed(
            stream, self._infer_on_stream, self._failed, large_request.reader
        )
        return made

    # --- how it is ---

    async def _live(self, _: Any, __: DialectRequest) -> Any:
        return self._messages["inference.ServerLiveResponse"](live=True)

    async def _ready(self, _: Any, __: DialectRequest) -> Any:
        is_ready = self._catalog.reason is None
        return self._messages["inference.ServerReadyResponse"](ready=is_ready)

    async def _model_ready(self, request: Any, _: DialectRequest) -> Any:
        served = self._catalog.find(request.name, request.version)
        return self._messages["inference.ModelReadyResponse"](ready=served.is_ready)

    async def _server_metadata(self, _: Any, __: DialectRequest) -> Any:
        return self._messages["inference.ServerMetadataResponse"](
            name=self._catalog.server_name,
            version=self._catalog.server_version,
            extensions=extensions(self._catalog.regions),
        )

    async def _model_metadata(self, request: Any, _: DialectRequest) -> Any:
        served = self._catalog.find(request.name, request.version)
        versions = [each.version for each in self._catalog.versions(served)]
        return self._message("ModelMetadataResponse", metadata(served, request.name, versions))

    async def _config(self, request: Any, _: DialectRequest) -> Any:
        served = self._catalog.find(request.name, request.version)
        return self._message("ModelConfigResponse", {"config": config(served, request.name)})

    async def _statistics(self, request: Any, _: DialectRequest) -> Any:
        listed = [statistics(s, self._catalog.number(s)) for s in self._requested(request)]
        return self._message("ModelStatisticsResponse", {"model_stats": listed})

    def _requested(self, request: Any) -> Iterator[Served]:
        """The versions of a model, or one of them, or all models."""
        if request.name and request.version:
            yield self._catalog.find(request.name, request.version)
            return
        name = self._catalog.find(request.name).name if request.name else ""
        for served in self._catalog.served():
            if not name or served.name == name:
                yield served

    def _message(self, name: str, fields: Mapping[str, Any]) -> Any:
        """What REST says as JSON, as a message."""
        message = self._messages[f"inference.{name}"]()
        return json_format.Parse(orjson.dumps(fields), message, ignore_unknown_fields=True)

    # --- predictions ---

    async def _infer(self, request: Any, dialect_request: DialectRequest) -> Any:
        return await self._whole(request, self._served(request, dialect_request), dialect_request)

    async def _whole(self, request: Any, served: Served, dialect_request: DialectRequest) -> Any:
        """The response to a request, or the bytes of a large one."""
        places, wanted = _places(request.outputs, served), list(map(_wanted, request.outputs))
        response, is_raw = self._begun(request, served), _is_raw(request, served)
        names = [each.name for each in wanted]
        if served.signature is None or method_outputs.are_named(served, names):
            outputs = await self._tensors_of(request, served, dialect_request, names)
        else:
            batch = await self._batch(request, served, dialect_request)
            output = await served.answer(dialect_request, batch)
            if not places:
                reply = await infer_outputs.offloaded(
                    served, dialect_request.deadline, response, wanted, output, is_raw=is_raw
                )
                if reply is not None:
                    return reply
            outputs = from_output(served.signature, output)
        chosen = infer_outputs.chosen(served.name, wanted, outputs)
        is_long = not request.raw_input_contents and tensors.count(chosen) > MANY
        work = partial(tensors.write, response, chosen, places, is_raw=is_raw)
        await self._background.run(work, is_long=is_long)
        return response

    async def _tensors_of(
        self, request: Any, served: Served, dialect_request: DialectRequest, names: list[str]
    ) -> list[Tensor]:
        """What an author's class says to a request, or the methods of these names."""
        if served.signature is None:
            work = partial(infer_inputs.tensors, request, served)
            is_long = _is_long(request, dialect_request)
            inputs = await self._background.run(work, is_long=is_long)
            return await ask(served, dialect_request, inputs)
        batch = await self._batch(request, served, dialect_request)
        version = request.model_version
        return await method_outputs.ask(
            self._catalog, served, dialect_request, batch, names, version
        )

    async def _batch(self, request: Any, served: Served, dialect_request: DialectRequest) -> Any:
        """The tensors of a request as a model takes them."""
        is_long, deadline = _is_long(request, dialect_request), dialect_request.deadline
        if pictures.are_tensors(served, request.inputs):
            work = partial(infer_inputs.tensors, request, served)
            (files,) = await self._background.run(work, is_long=is_long)
            batch = await pictures.read(served, deadline, files.data)
            if batch is not None:
                return batch
        if is_long:
            body = dialect_request.body
            batch = await infer_inputs.offloaded(served, deadline, request, body)
            if batch is not None:
                return batch
        reading = partial(infer_inputs.batch, request, served)
        return await self._background.run(reading, is_long=is_long)

    def _begun(self, request: Any, served: Served) -> Any:
        """The response to a request, without outputs."""
        return self._response(
            model_name=request.model_name, model_version=served.version, id=request.id
        )

    def _written(self, request: Any, served: Served, outputs: Sequence[Tensor]) -> Any:
        """The response to a request, in the form in which that came."""
        response = self._begun(request, served)
        tensors.write(response, outputs, is_raw=_is_raw(request, served))
        return response

    def _served(self, request: Any, dialect_request: DialectRequest) -> Served:
        """What is asked; among the parameters may be its method and what the client wishes."""
        name, version = request.model_name, request.model_version
        if not request.parameters:
            return self._catalog.find(name, version)
        parameters = values(request.parameters)
        method = parameters.get("method")
        served = self._catalog.find(name, version, method=method if type(method) is str else None)
        heed(parameters, dialect_request, served)
        return served

    async def _infer_on_stream(
        self, request: Any, dialect_request: DialectRequest, say: Say
    ) -> Any:
        served = self._served(request, dialect_request)
        if not served.route.streaming:
            response = await self._whole(request, served, dialect_request)
            return self._part(response, is_last=True)
        reading = partial(infer_inputs.tensors, request, served)
        is_long = _is_long(request, dialect_request)
        inputs = await self._background.run(reading, is_long=is_long)
        async with aclosing(api_stream.ask(served, dialect_request, inputs)) as parts:
            async for part in parts:
                response = self._written(request, served, part)
                await say(self._part(response, is_last=False))
        if not values(request.parameters).get(_WANTS_END):
            return None
        return self._part(self._written(request, served, []), is_last=True)

    def _part(self, response: Any, *, is_last: bool) -> Any:
        """An answer on a stream, and whether there will be another to the same question."""
        if isinstance(response, bytes):
            response = self._response.FromString(response)
        response.parameters["triton_final_response"].bool_param = is_last
        return self._messages["inference.ModelStreamInferResponse"](infer_response=response)

    def _failed(self, request: Any, refusal: Refusal) -> Any:
        """As Triton says it: in words, with the id, on a stream that goes on."""
        message = self._messages["inference.ModelStreamInferResponse"](error_message=refusal.detail)
        if request is not None:
            message.infer_response.id = request.id
            message.infer_response.model_name = request.model_name
        return message


def _is_long(request: Any, dialect_request: DialectRequest) -> bool:
    """Whether its values are so many that a thread reads them."""
    return len(dialect_request.body) >= LARGE and tensors.is_long(request)


def _is_raw(request: Any, served: Served) -> bool:
    """Whether the values of the answer are raw."""
    return served.settings.grpc.raw_output or tensors.is_raw(request)


def _places(wanted: Any, served: Served) -> dict[str, Place]:
    """Where the outputs shall be that the answer only names."""
    memory = Memory(served)
    found = {each.name: memory.place(values(each.parameters)) for each in wanted if each.parameters}
    return {name: place for name, place in found.items() if place is not None}


def _wanted(output: Any) -> Wanted:
    """An output that was asked for, perhaps as classes."""
    return Wanted(output.name, None, _classes(output))


def _classes(output: Any) -> int:
    classes = values(output.parameters).get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise InvalidInput("outputs: expected `classification` to be a number of classes.")
    return classes
