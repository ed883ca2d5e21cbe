"""Prediction: converts a TensorFlow Serving body to a batch, and an answer to a reply."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.payload import Payload
from ...data.rows import extent, number_rows, table
from ...errors import InvalidInput
from ...manifests.signature import OBJECTS, Side
from ...models.operation import Stream
from .. import work
from ..bodies import pictures
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from . import examples, nan_json, rows
from .signature_def import DEFAULT

_JSON_ALL_THE_SAME = frozenset({media.FORM, media.OCTETS, media.TEXT})
"""Content types that curl and the clients of TensorFlow Serving send with JSON by default."""

_CONVENTIONAL = tuple(f"tensorflow/serving/{verb}" for verb in ("predict", "classify", "regress"))
"""TensorFlow's own names for the signatures of its three calls."""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A body and its content type."""

    body: bytes
    content_type: str

    @property
    def is_json(self) -> bool:
        """Whether it is read as JSON."""
        kind = media.essence(self.content_type)
        return media.is_json(kind) or kind in _JSON_ALL_THE_SAME

    @property
    def is_large(self) -> bool:
        """Whether it is decoded in another process, or in a thread."""
        return len(self.body) >= work.LARGE_BODY


@dataclass(slots=True)
class DecodedPrediction:
    """A DecodedRequest, with the form of its answer.

    layout  "outputs" = columns, as `inputs` were sent; else rows
    key     the key of the answer; "classify" and "regress" stand for `results` with the scores of
            the classes, and with one number per example
    """

    served: Served
    batch: Any
    layout: str
    key: str

    @property
    def rows(self) -> int:
        """The number of rows of the batch."""
        return table.rows(self.batch)

    def reply(self, output: Any) -> Reply:
        """Encode the output of the model as JSON.

        Raises:
            PredictionFailed: if it has no JSON form.
        """
        is_null = self.served.settings.nan == "null"
        return Reply(nan_json.dumps(partial(self._value, output), nan_as_null=is_null))

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`; a large output is encoded by another process.

        Raises:
            RequestError: as `reply`; see `work.write`.
        """
        context = {"layout": self.layout, "key": self.key}
        reply = await work.write(self.served, deadline, "v1", context, output)
        return self.reply(output) if reply is None else reply

    def _value(self, output: Any, encode: nan_json.EncodeRows) -> Any:
        signature = self.served.signature
        outputs = OBJECTS if signature is None else signature.outputs
        if self.key in _RESULTS:
            return {"results": encode(_RESULTS[self.key](outputs, output))}
        if self.layout == "outputs":
            return {"outputs": rows.to_columns(outputs, output, encode)}
        return {self.key: rows.to_rows(outputs, output, encode)}


Rows = Callable[[Side, dict[str, Any]], tuple[list[Any], str]]


class BodyForm(NamedTuple):
    """The required form of a body, and the key of its answer.

    rows      the key of the rows: "instances" (or `inputs` in their place), or "examples"
    key       as in `DecodedPrediction`
    prefers   the method to call if the body names none and the model has it
    refused   a key of the body that may have no value
    """

    rows: str
    key: str = "predictions"
    prefers: str = ""
    refused: str = ""


class PredictionReader:
    """Decodes requests for one model."""

    def __init__(self, catalog: Catalog, served: Served) -> None:
        self.served = served
        self._catalog = catalog

    def decode(self, sent: RequestBody, form: BodyForm) -> DecodedPrediction:
        """Decode a JSON body of the given form.

        Raises:
            RequestError: if it has another form.
        """
        if self.served.signature is not None:
            # Each row may be wrapped in an object with the name of the input: twice the values.
            extent.check(self.served.signature.inputs, 2 * self._most, sent.body)
        if form.rows == "instances":
            batch = self._numbers(sent.body)
            if batch is not None:
                return DecodedPrediction(self._method("", form.prefers), batch, "rows", form.key)
        body, has_tokens = nan_json.loads(sent.body)
        served, listed, layout = self._rows(body, form)
        if served.signature is None:
            return DecodedPrediction(served, [], "rows", form.key)
        try:
            batch = _gathered(served, listed, has_tokens=has_tokens)
            return DecodedPrediction(served, batch, layout, form.key)
        except InvalidInput as error:
            if form.rows == "instances" or not error.detail.startswith("instances"):
                raise
            raise InvalidInput(form.rows + error.detail.removeprefix("instances")) from None

    def _rows(self, body: Any, form: BodyForm) -> tuple[Served, list[Any], str]:
        """The method to call, its rows, and the layout of the answer."""
        if type(body) is not dict:
            raise InvalidInput("The body is not an object with `instances` or `inputs`.")
        served = self._method(body.get("signature_name", ""), form.prefers)
        if form.refused and body.get(form.refused) not in (None, {}):
            raise InvalidInput(f"{form.refused}: this model takes none.")
        if served.signature is None:
            return served, [], ""
        return served, *_FORMS[form.rows](served.signature.inputs, body)

    def _numbers(self, body: bytes) -> np.ndarray | None:
        """The rows of a body that contains nothing but `instances` of numbers; else None."""
        signature = self._method("", "").signature
        return number_rows.batch(signature.inputs, body, self._most) if signature else None

    def method(self, name: str) -> Served:
        """The model with another of its methods."""
        return self._catalog.find(self.served.name, self.served.version, method=name)

    def _method(self, name: Any, prefers: str) -> Served:
        """The method that `signature_name` names."""
        served = self.served
        if name in ("", DEFAULT) or (name in _CONVENTIONAL and name not in served.methods):
            name = prefers if prefers in served.methods else served.method
        if not isinstance(name, str) or name not in served.methods:
            known = ", ".join(f"`{each}`" for each in served.methods)
            raise InvalidInput(f"signature_name: there is no such signature; there is {known}.")
        return self.method(name)

    @property
    def _most(self) -> int:
        return self.served.settings.max_rows


class Prediction:
    """One request for one model."""

    def __init__(self, catalog: Catalog, served: Served, request: DialectRequest) -> None:
        self.served = served
        self._reader = PredictionReader(catalog, served)
        self._request = request

    async def predicted(self, sent: RequestBody, refused: str = "") -> Reply:
        """`:predict`: rows or columns in, the same out; other content types as in the native API.

        refused   a key whose value only a service class may use: a model refuses it
        """
        return await self._rows_answered(sent, "predictions", refused)

    async def explained(self, sent: RequestBody) -> Reply:
        """`:explain`: as `:predict`, with another key."""
        return await self._rows_answered(sent, "explanations")

    async def classified(self, sent: RequestBody) -> Reply:
        """`:classify`: the scores of each class."""
        return await self._answered(sent, BodyForm("examples", "classify", "predict_proba"))

    async def regressed(self, sent: RequestBody) -> Reply:
        """`:regress`: a number for each example."""
        return await self._answered(sent, BodyForm("examples", "regress"))

    async def _rows_answered(self, sent: RequestBody, key: str, refused: str = "") -> Reply:
        if self.served.signature is None or not sent.is_json:
            return await self._called(sent, key)
        return await self._answered(sent, BodyForm("instances", key, refused=refused))

    def decoded(self, sent: RequestBody) -> DecodedPrediction:
        """Decode the body of `:predict` without waiting.

        Raises:
            RequestError: as `predicted` does before it calls the model.
        """
        self.served.check_room()
        return self._reader.decode(sent, BodyForm("instances"))

    async def _called(self, sent: RequestBody, key: str) -> Reply:
        """Pass the body on to the native API, and put its JSON answer below `key`."""
        kind = media.JSON if sent.is_json else sent.content_type
        accept = "" if sent.is_json else self._request.accept
        answer = await self.served.call(self._request, sent.body, kind, accept)
        if isinstance(answer, Stream):
            return Reply(answer.parts, content_type=answer.content_type)
        if answer.content_type == media.JSON:
            if self.served.signature is not None:
                return Reply(_renamed(answer.body, key))
            return Reply(await work.here(answer.body, _keyed, answer, key))
        return Reply(answer.body, content_type=answer.content_type)

    async def _answered(self, sent: RequestBody, form: BodyForm) -> Reply:
        self.served.check_room()
        decoded = await self._read(sent, form)
        output = await decoded.served.answer(self._request, decoded.batch)
        return await decoded.reply_offloaded(output, self._request.deadline)

    async def _read(self, sent: RequestBody, form: BodyForm) -> DecodedPrediction:
        body, deadline, context = sent.body, self._request.deadline, {"form": list(form)}
        is_foreign = pictures.may_be_in(self.served, body)
        read = await work.read(self.served, deadline, "v1", context, body, is_foreign=is_foreign)
        if read is None:
            return await work.here(body, self._reader.decode, sent, form)
        (method, layout), batch = read
        return DecodedPrediction(self._reader.method(method), batch, layout, form.key)


def _gathered(served: Served, listed: list[Any], *, has_tokens: bool) -> Any:
    assert served.signature is not None
    side = served.signature.inputs
    if side.layout == "objects":
        check_depth(listed)
        if has_tokens:
            raise InvalidInput("instances: this model takes JSON as it is, which has no NaN.")
    if pictures.are_taken(served):
        pixels = pictures.batch(served.codec, listed)
        if pixels is not None:
            return pixels
    null = has_tokens or served.settings.nan == "null"
    return table.gather(side, listed, nan_as_null=null)


def _instances(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    if ("instances" in body) == ("inputs" in body):
        raise InvalidInput("Expected either `instances` (rows) or `inputs` (columns) in the body.")
    if "instances" in body:
        return rows.from_rows(side, body["instances"]), "rows"
    return rows.from_columns(side, body["inputs"]), "outputs"


def _examples(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    return examples.from_examples(side, body), "rows"


_FORMS: dict[str, Rows] = {"instances": _instances, "examples": _examples}
_RESULTS = {"classify": examples.classes, "regress": examples.values}


def read_elsewhere(catalog: Catalog, context: work.Json, body: bytes) -> work.Reading:
    """Decode a large body in another process: the method and the layout, and the batch."""
    reader = PredictionReader(catalog, work.of(catalog, context))
    decoded = reader.decode(RequestBody(body, media.JSON), BodyForm(*context["form"]))
    signature = decoded.served.signature
    side = OBJECTS if signature is None else signature.inputs
    return work.Reading((decoded.served.method, decoded.layout), side, decoded.batch)


def write_elsewhere(catalog: Catalog, context: work.Json, output: Any) -> Reply:
    """Encode a large answer in another process."""
    served = work.of(catalog, context)
    return DecodedPrediction(served, None, context["layout"], context["key"]).reply(output)


def _renamed(body: bytes, key: str) -> bytes:
    """The answer of the native API to rows, with another key in the place of `predictions`."""
    return body if key == "predictions" else body.replace(b"predictions", key.encode(), 1)


def _keyed(answer: Payload, key: str) -> bytes:
    if answer.body.startswith(b'{"%b":' % key.encode()):
        return answer.body
    is_object = answer.body.lstrip()[:1] == b"{"  # anything else need not be parsed
    value = instances.exact(answer.body) if is_object else None
    if type(value) is dict and key in value:
        return answer.body
    if type(value) is dict and value.keys() == {"predictions"}:
        return instances.written({key: value["predictions"]})
    return orjson.dumps({key: orjson.Fragment(answer.body)})
