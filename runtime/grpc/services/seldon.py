"""Seldon: the gRPC services of Seldon Core v1: of a deployment, a model, and other components.

What a message means is what it does over REST. Source: Seldon Core's documentation, "Seldon
Protocol"; the fields are listed in our own words.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
import numpy as np

from ...dialects.bodies import pictures
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.seldon import component
from ...dialects.seldon.answer import called, described, graph, told
from ...dialects.seldon.feedback import Feedback
from ...dialects.seldon.message import Message
from ...dialects.served import Served
from ...dialects.tensors.tensor import Tensor
from ...errors import InvalidInput, NotSupported, PayloadTooLarge, UnknownModel
from ...models.operation import Stream
from ..background_thread import LARGE, BackgroundThread
from ..dispatcher import Answer, Dispatcher
from ..messages.parsing import Parse
from ..messages.pool import pool
from ..tensors import extent, packed, seldon_message, struct, tensor_proto

_PACKAGE = "seldon.protos"
_JSON: extent.Fields = {2: {2: None}, 3: {3: None}, 6: None}  # meta.tags, data.ndarray, jsonData
_BOUNDS: Mapping[str, extent.Fields] = {
    "SendFeedback": {1: _JSON, 2: _JSON, 4: _JSON},  # request, response, truth
    "Aggregate": {1: _JSON},
}
_Component = Callable[[Catalog, DialectRequest, Any], Awaitable[Mapping[str, Any]]]
_SEVERAL = "SeldonMessageList"
_DEPLOYMENT = b"seldon"  # by which an ingress chooses one; its name may be a model's


class Seldon:
    """Answers the calls of all these services."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._background = BackgroundThread()
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        transform_input = self._asks(partial(component.transformed, name="transform_input"))
        transform_output = self._asks(partial(component.transformed, name="transform_output"))
        route, aggregate = self._asks(component.routed), self._asks(component.aggregated)
        answers: dict[str, Answer] = {
            "Seldon/Predict": self._predict,
            "Seldon/SendFeedback": self._feedback,
            "Seldon/ModelMetadata": self._named,
            "Seldon/GraphMetadata": self._graph,
            "Model/Predict": self._predict,
            "Model/SendFeedback": self._feedback,
            "Model/Metadata": self._first_one,
            "Transformer/TransformInput": transform_input,
            "OutputTransformer/TransformOutput": transform_output,
            "Router/Route": route,
            "Router/SendFeedback": self._feedback,
            "Combiner/Aggregate": aggregate,
            "Generic/TransformInput": transform_input,
            "Generic/TransformOutput": transform_output,
            "Generic/Route": route,
            "Generic/Aggregate": aggregate,
            "Generic/SendFeedback": self._feedback,
        }
        handlers = {}
        for name, answer in answers.items():
            path, call = f"/{_PACKAGE}.{name}", name.partition("/")[2]
            handlers[path] = dispatcher.unary(path, answer, _bounded(_BOUNDS.get(call, _JSON)))
        return handlers

    def _asks(self, ask: _Component) -> Answer:
        """What an orchestrator asks of a component that is no model, as over REST."""

        async def answer(request: Any, dialect_request: DialectRequest) -> Any:
            do = partial(self._background.run, is_long=len(dialect_request.body) >= LARGE)
            message = await do(partial(_as_json, request))
            told = await ask(self._catalog, dialect_request, message)
            return await do(partial(seldon_message.of, told, is_tf=_is_tf(request)))

        return answer

    async def _predict(self, request: Any, dialect_request: DialectRequest) -> Any:
        served = self._found(dialect_request)
        do = partial(self._background.run, is_long=len(dialect_request.body) >= LARGE)
        is_tf = _is_tf(request)
        if served.signature is None:
            answer = await _called(served, dialect_request, await do(partial(_message, request)))
            return await do(partial(seldon_message.of, answer, is_tf=is_tf))
        asked = await _asked(served, dialect_request, request)
        message, batch = await do(partial(_read, served, request)) if asked is None else asked
        output = await served.answer(dialect_request, batch)
        said = await seldon_message.offloaded(
            served, dialect_request.deadline, message, output, is_tf=is_tf
        )
        if said is not None:
            return said
        return await do(lambda: seldon_message.of(told(served, message, output), is_tf=is_tf))

    async def _feedback(self, request: Any, dialect_request: DialectRequest) -> Any:
        said = {"reward": request.reward, "truth": _truth(request)}
        for name in ("request", "response"):
            said[name] = {"meta": {"puid": getattr(request, name).meta.puid}}
        feedback = Feedback.of(said)
        feedback.note(self._catalog, self._found(dialect_request))
        return seldon_message.of({"meta": {"puid": feedback.puid}})

    async def _named(self, request: Any, dialect_request: DialectRequest) -> Any:
        served = self._catalog.find(request.name) if request.name else self._found(dialect_request)
        return self._made("SeldonModelMetadata", described(served))

    async def _first_one(self, _: Any, dialect_request: DialectRequest) -> Any:
        return self._made("SeldonModelMetadata", described(self._found(dialect_request)))

    async def _graph(self, *_: object) -> Any:
        return self._made("SeldonGraphMetadata", graph(self._catalog))

    def _found(self, dialect_request: DialectRequest) -> Served:
        """The model that is called as the deployment, or the first, as an ingress sends any."""
        name = dialect_request.headers.get(_DEPLOYMENT, b"").decode("latin-1")
        if name:
            try:
                return self._catalog.find(name)
            except UnknownModel:
                pass
        return self._catalog.first()

    def _made(self, name: str, values: Mapping[str, Any]) -> Any:
        return self._messages[f"{_PACKAGE}.{name}"](**values)


async def _called(
    served: Served, dialect_request: DialectRequest, message: Message
) -> Mapping[str, Any]:
    answer = None if served.route.streaming else await called(served, dialect_request, message)
    if answer is None or isinstance(answer, Stream):
        raise NotSupported(f"`{served.name}` streams its answer; ask it over HTTP.")
    return answer


def _bounded(fields: extent.Fields) -> Callable[[Parse], Parse]:
    """Reads messages that have no more JSON in these fields than anybody needs."""

    def reader(parse: Parse) -> Parse:
        def read(data: bytes) -> Any:
            extent.check(data, fields)
            return parse(data)

        return read

    return reader


async def _asked(
    served: Served, dialect_request: DialectRequest, request: Any
) -> tuple[Message, Any] | None:
    """A message of pictures for a model of pixels, and the batch; None for any other."""
    if not pictures.are_taken(served) or request.data.WhichOneof("data_oneof") is not None:
        return None
    message = _message(request)
    batch = await pictures.read(served, dialect_request.deadline, message.values())
    return None if batch is None else (message, batch)


def _read(served: Served, request: Any) -> tuple[Message, Any]:
    codec = served.codec
    if len(request.data.ndarray.values) > codec.max_rows:  # before any of it is a list
        raise PayloadTooLarge(f"The request has more than {codec.max_rows} rows.")
    message = _message(request)
    return message, message.batch(codec)


def _message(request: Any) -> Message:
    """What a request says; raises InvalidInput when it says nothing that is known here."""
    return Message.of(_content(request))


def _is_tf(request: Any) -> bool:
    """Whether a message, or the first of several, has a TensorProto."""
    if request.DESCRIPTOR.name == _SEVERAL:
        return bool(request.seldonMessages) and _is_tf(request.seldonMessages[0])
    return bool(request.data.WhichOneof("data_oneof") == "tftensor")


def _as_json(request: Any) -> Any:
    """One message, or all of a list, as REST has them; numbers of a tensor stay an array."""
    if request.DESCRIPTOR.name == _SEVERAL:
        return list(map(_as_json, request.seldonMessages))
    content = _content(request)
    if "binData" in content:
        content["binData"] = base64.b64encode(content["binData"]).decode()
    return content


def _content(request: Any) -> dict[str, Any]:
    kind = request.WhichOneof("data_oneof")
    said: dict[str, Any] = {"meta": _meta(request.meta)}
    if kind == "data":
        said["data"] = _data(request.data)
    elif kind == "binData":
        said[kind] = request.binData
    elif kind == "strData":
        said[kind] = request.strData
    elif kind == "jsonData":
        said[kind] = struct.read(request.jsonData)
    return said


def _data(data: Any) -> dict[str, Any]:
    kind, names = data.WhichOneof("data_oneof"), list(data.names)
    if kind == "ndarray":
        return {"names": names, "ndarray": struct.read_list(data.ndarray)}
    if kind == "tensor":
        values = packed.read(data.tensor, "values", np.dtype(np.float64))
        return {"names": names, "tensor": {"shape": list(data.tensor.shape), "values": values}}
    if kind == "tftensor":
        return {"names": names} | _of_tensor(tensor_proto.read("tftensor", data.tftensor))
    return {"names": names}


def _of_tensor(tensor: Tensor) -> dict[str, Any]:
    """Numbers as a tensor, anything else as lists of values."""
    if isinstance(tensor.data, np.ndarray) and tensor.data.dtype.kind in "iuf":
        values: np.ndarray = tensor.data.ravel()
        return {"tensor": {"shape": list(tensor.shape), "values": values}}
    if isinstance(tensor.data, np.ndarray):
        return {"ndarray": tensor.data.tolist()}
    data = np.empty(len(tensor.data), object)
    data[:] = list(map(_text, tensor.data))
    return {"ndarray": data.reshape(tensor.shape).tolist()}


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("tftensor: a text is not UTF-8.") from error


def _meta(meta: Any) -> dict[str, Any]:
    tags = {name: struct.read(each) for name, each in meta.tags.items()}
    routing = dict(meta.routing)
    given = {"puid": meta.puid, "tags": tags, "routing": routing}
    return {name: value for name, value in given.items() if value}


def _truth(request: Any) -> Any:
    """What would have been right, as JSON has it; None where nobody says."""
    kind = request.truth.WhichOneof("data_oneof") if request.HasField("truth") else None
    if kind == "data":
        data = _data(request.truth.data)
        return {"data": seldon_message.plain(data)}
    if kind == "jsonData":
        return {"jsonData": struct.read(request.truth.jsonData)}
    return {"strData": request.truth.strData} if kind == "strData" else None
