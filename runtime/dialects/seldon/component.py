"""Component: what an orchestrator asks of a transformer, a router or a combiner.

An API of the service class that is called as the call answers it. Without one, transformers leave
a message as it is, like Seldon's own Python wrapper, and nothing is routed or combined.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.rows import free_values
from ...errors import InvalidInput, NotSupported, PredictionFailed
from ...manifests.signature import OBJECTS
from ...models.operation import Stream
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..served import Served
from .answer import called, meta
from .message import Message, parts

_MERGED = ("tags", "requestPath")


def api(catalog: Catalog, name: str) -> Served | None:
    """The API of the service class that is called so."""
    found = (each for each in catalog.served() if each.signature is None and each.method == name)
    return next(found, None)


async def transformed(
    catalog: Catalog, request: DialectRequest, value: Any, *, name: str
) -> dict[str, Any]:
    """A message that `transform_input` or `transform_output` has changed.

    Raises:
        RequestError: as `answer.called`; NotSupported for a stream.
    """
    message, served = Message.of(value), api(catalog, name)
    if served is not None:
        return _whole(await called(served, request, message), served)
    same = {key: value[key] for key in ("data", "strData", "binData", "jsonData") if key in value}
    if isinstance(same.get("binData"), bytes):
        raise InvalidInput("binData: expected base64.")
    check_depth(same, "the message")
    free_values.check_one(same, "the message")
    return same | {"meta": meta(catalog.first(), message.meta)}


async def routed(catalog: Catalog, request: DialectRequest, value: Any) -> dict[str, Any]:
    """The number of the child to which a message goes; -1 stands for all of them.

    Raises:
        RequestError: as `answer.called`; InvalidInput where no API routes, PredictionFailed where
            it answers with anything but a whole number.
    """
    served = api(catalog, "route")
    if served is None:
        raise InvalidInput("Route not defined: the service class has no API `route`.")
    answer = _whole(await called(served, request, Message.of(value)), served)
    branch = _number(orjson.loads(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)))
    if branch is None:
        raise PredictionFailed("`route` has to answer with one whole number.")
    return {"data": {"names": ["t:0"], "ndarray": [[branch]]}, "meta": answer["meta"]}


async def aggregated(catalog: Catalog, request: DialectRequest, value: Any) -> dict[str, Any]:
    """One message out of several, in the representation of the first.

    Raises:
        RequestError: as the native route; InvalidInput where no API combines.
    """
    served = api(catalog, "aggregate")
    if served is None:
        raise InvalidInput("Aggregate not defined: the service class has no API `aggregate`.")
    listed = value.get("seldonMessages") if type(value) is dict else value
    if type(listed) is not list or not listed:
        raise InvalidInput("Expected `seldonMessages`, or a list of messages.")
    messages = list(map(Message.of, listed))
    names = list(served.route.input.get("schema", {}).get("properties", ()))
    if len(names) != 1:
        raise NotSupported("`aggregate` has to take one parameter: the list of what was combined.")
    contents = [_content(each) for each in messages]
    check_depth(contents, "seldonMessages")
    answer = await served.call(
        request, instances.written({names[0]: contents}), media.JSON, media.JSON
    )
    if isinstance(answer, Stream):
        raise _is_stream(served)
    first, output = messages[0], instances.exact(answer.body)
    if type(output) is dict and output.keys() == {"predictions"}:
        output = output["predictions"]
    is_json = first.kind == "jsonData"
    rows = output if type(output) is list else [output]
    content = {"jsonData": output} if is_json else parts(first, (), rows)
    return content | {"meta": meta(served, first.meta) | _merged(messages)}


def _content(message: Message) -> Any:
    """Rows as lists; one text, one base64 value and JSON as they are."""
    if message.kind == "jsonData":
        return message.content
    if message.kind == "binData":
        return {"b64": message.content}
    rows = message.rows(OBJECTS)
    return rows[0] if message.kind == "strData" else rows


def _merged(messages: list[Message]) -> dict[str, Any]:
    """What all messages say of themselves; the last one wins."""
    found: dict[str, Any] = {}
    for name in _MERGED:
        objects = [each.meta[name] for each in messages if type(each.meta.get(name)) is dict]
        merged = {key: value for each in objects for key, value in each.items()}
        found |= {name: merged} if merged else {}
    return found


def _number(answer: Mapping[str, Any]) -> int | None:
    """The only whole number of an answer, whatever its representation."""
    data = answer.get("data", {})
    found = data.get("ndarray", data.get("tensor", {}).get("values", answer.get("jsonData")))
    while type(found) is list and len(found) == 1:
        found = found[0]
    if type(found) is float and found.is_integer():
        return int(found)
    return found if type(found) is int else None


def _whole(answer: dict[str, Any] | Stream, served: Served) -> dict[str, Any]:
    if isinstance(answer, Stream):
        raise _is_stream(served)
    return answer


def _is_stream(served: Served) -> NotSupported:
    return NotSupported(f"`{served.name}` streams its answer, which is no message.")
