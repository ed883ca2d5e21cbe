"""Seldon: the gRPC services of Seldon Core v1: of a deployment, a model, and other components.

What a message means is what it does over REST. Source: Seldon Core's documentation, "Seldon
Protocol"; the fields are listed in our own words.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import grpc
from google.protobuf import json_format

from ...dialects.bodies import pictures
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.seldon import component
from ...dialects.seldon.answer import answered, called, described, graph
from ...dialects.seldon.feedback import Feedback
from ...dialects.seldon.message import Message
from ...dialects.served import Served
from ...errors import NotSupported, UnknownModel
from ...models.operation import Stream
from ..background_thread import LARGE, BackgroundThread
from ..dispatcher import Answer, Dispatcher, Reader
from ..messages.parsing import Parse
from ..messages.pool import pool
from ..tensors import extent, seldon_message, seldon_request, slow_fields, struct

_PACKAGE = "seldon.protos"
_JSON: extent.Fields = {2: {2: None}, 3: {3: None}, 6: None}  # meta.tags, data.ndarray, jsonData
_BOUNDS: Mapping[str, extent.Fields] = {
    "SendFeedback": {1: _JSON, 2: _JSON, 4: _JSON},  # request, response, truth
    "Aggregate": {1: _JSON},
}
_Component = Callable[[Catalog, DialectRequest, Any], Awaitable[Mapping[str, Any]]]
_DEPLOYMENT = b"seldon"  # by which an ingress chooses one; its name may be a model's


class Seldon:
    """Answers the calls of all these services."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._background = BackgroundThread()
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        transform_input = self._method(partial(component.transformed, name="transform_input"))
        transform_output = self._method(partial(component.transformed, name="transform_output"))
        route, aggregate = self._method(component.routed), self._method(component.aggregated)
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
            bounded = _bounded(_BOUNDS.get(call, _JSON))
            reader = _left_out(bounded) if call == "Predict" else bounded
            handlers[path] = dispatcher.unary(path, answer, reader)
        return handlers

    def _method(self, ask: _Component) -> Answer:
        """What an orchestrator asks of a component that is no model, as over REST."""

        async def answer(request: Any, dialect_request: DialectRequest) -> Any:
            do = partial(self._background.run, is_long=len(dialect_request.body) >= LARGE)
            message = await do(partial(seldon_request.as_json, request))
            reply = await ask(self._catalog, dialect_request, message)
            return await do(partial(seldon_message.of, reply, is_tf=seldon_request.is_tf(request)))

        return answer

    async def _predict(self, request: Any, dialect_request: DialectRequest) -> Any:
        served = self._found(dialect_request)
        do = partial(self._background.run, is_long=len(dialect_request.body) >= LARGE)
        if served.signature is None:
            request = await self._whole(request, dialect_request)
            message = await do(partial(seldon_request.message, request))
            answer = await _called(served, dialect_request, message)
            is_tf = seldon_request.is_tf(request)
            return await do(partial(seldon_message.of, answer, is_tf=is_tf))
        message, is_tf, batch = await self._read(served, request, dialect_request)
        output = await served.answer(dialect_request, batch)
        reply = await seldon_message.offloaded(
            served, dialect_request.deadline, message, output, is_tf=is_tf
        )
        if reply is not None:
            return reply
        return await do(lambda: seldon_message.of(answered(served, message, output), is_tf=is_tf))

    async def _read(
        self, served: Served, request: Any, dialect_request: DialectRequest
    ) -> tuple[Message, bool, Any]:
        """What a request says, whether it has a TensorProto, and its rows as a model takes them."""
        if pictures.are_taken(served):
            request = await self._whole(request, dialect_request)
        if _is_left(request, dialect_request):
            (note, is_tf), batch = await slow_fields.read(
                self._catalog, self._background, served, dialect_request, "seldon request", {}
            )
            message = Message.from_json(note)
            message.meta = seldon_request.meta(request.meta)
            return message, is_tf, batch
        found = await _pictures(served, dialect_request, request)
        if found is None:
            is_long = len(dialect_request.body) >= LARGE
            reading = partial(seldon_request.read, request, served)
            found = await self._background.run(reading, is_long=is_long)
        return found[0], seldon_request.is_tf(request), found[1]

    async def _whole(self, request: Any, dialect_request: DialectRequest) -> Any:
        """A request with what was left out of it."""
        if not _is_left(request, dialect_request):
            return request
        parsing = partial(seldon_request.parse, dialect_request.body)
        return await self._background.run(parsing, is_long=True)

    async def _feedback(self, request: Any, dialect_request: DialectRequest) -> Any:
        document = {"reward": request.reward, "truth": _truth(request)}
        for name in ("request", "response"):
            document[name] = {"meta": {"puid": getattr(request, name).meta.puid}}
        feedback = Feedback.of(document)
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
        message = self._messages[f"{_PACKAGE}.{name}"]()
        return json_format.ParseDict(values, message)  # before protobuf 6, maps take no dicts


async def _called(
    served: Served, dialect_request: DialectRequest, message: Message
) -> Mapping[str, Any]:
    answer = None if served.route.streaming else await called(served, dialect_request, message)
    if answer is None or isinstance(answer, Stream):
        raise NotSupported(f"`{served.name}` streams its answer; ask it over HTTP.")
    return answer


def _bounded(fields: extent.Fields) -> Reader:
    """Reads messages that have no more JSON in these fields than anybody needs."""

    def reader(parse: Parse) -> Parse:
        def read(data: bytes) -> Any:
            extent.check(data, fields)
            return parse(data)

        return read

    return reader


def _left_out(bounded: Reader) -> Reader:
    """As `bounded`; what is slow to parse in a large message is left to another process."""
    leaves = slow_fields.reader(seldon_request.SLOW)
    return lambda parse: bounded(leaves(parse))


def _is_left(request: Any, dialect_request: DialectRequest) -> bool:
    """Whether its content has not been parsed."""
    is_large = len(dialect_request.body) >= LARGE
    return is_large and request.WhichOneof("data_oneof") is None


async def _pictures(
    served: Served, dialect_request: DialectRequest, request: Any
) -> tuple[Message, Any] | None:
    """A message of pictures for a model of pixels, and the batch; None for any other."""
    if not pictures.are_taken(served) or request.data.WhichOneof("data_oneof") is not None:
        return None
    message = seldon_request.message(request)
    batch = await pictures.read(served, dialect_request.deadline, message.values())
    return None if batch is None else (message, batch)


def _truth(request: Any) -> Any:
    """What would have been right, as JSON has it; None where nobody says."""
    kind = request.truth.WhichOneof("data_oneof") if request.HasField("truth") else None
    if kind == "data":
        data = seldon_request.data(request.truth.data)
        return {"data": seldon_message.plain(data)}
    if kind == "jsonData":
        return {"jsonData": struct.read(request.truth.jsonData)}
    return {"strData": request.truth.strData} if kind == "strData" else None
