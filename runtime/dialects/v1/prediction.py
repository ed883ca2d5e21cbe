"""Prediction: a body of TensorFlow Serving's to a batch, and what the model says to a reply."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import orjson

from ...data import extent, instances, number_rows, table
from ...data.payload import JSON, Payload, is_json
from ...errors import InvalidInput
from ...models.operation import Stream
from ...signature import OBJECTS, Side
from ..catalog import Catalog
from ..inquiry import Inquiry
from ..reply import Reply
from ..served import Served
from . import examples, rows, speech
from .contract import DEFAULT

_LARGE = 1 << 16  # bytes; such a body is read in a thread
_JSON_ALL_THE_SAME = frozenset(
    {"application/x-www-form-urlencoded", "application/octet-stream", "text/plain"}
)
"""What clients say who say nothing: curl and those of TensorFlow Serving, which never looks."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A body and what it is."""

    body: bytes
    content_type: str

    @property
    def is_json(self) -> bool:
        """Whether it is read as JSON."""
        kind = self.content_type.partition(";")[0].strip().lower()
        return is_json(kind) or kind in _JSON_ALL_THE_SAME

    @property
    def is_large(self) -> bool:
        """Whether it is read in a thread."""
        return len(self.body) >= _LARGE


@dataclass(frozen=True, slots=True)
class _Question:
    """The method that is asked, its batch, and the key under which its answer stands."""

    served: Served
    batch: Any
    key: str

    @property
    def outputs(self) -> Side:
        signature = self.served.signature
        return signature.outputs if signature is not None else OBJECTS


class Wording:
    """How a model's answer is told: as rows under `key`, or as the columns that were asked for."""

    __slots__ = ("_key", "_question", "batch", "served")

    def __init__(self, question: _Question, key: str) -> None:
        self._question = question
        self._key = key
        self.served = question.served
        self.batch = question.batch

    def reply(self, output: Any) -> Reply:
        """The answer, given what the model says.

        Raises:
            PredictionFailed: for what has no JSON.
        """
        return Reply(speech.dumps(partial(self._told, output), nan_as_null=self._is_null))

    def _told(self, output: Any, say: speech.Speech) -> Any:
        outputs = self._question.outputs
        if self._question.key == "outputs":
            return {"outputs": rows.to_columns(outputs, output, say)}
        return {self._key: rows.to_rows(outputs, output, say)}

    @property
    def _is_null(self) -> bool:
        return self.served.settings.nan == "null"


Rows = Callable[[Side, dict[str, Any]], tuple[list[Any], str]]


class Prediction:
    """One request for one model."""

    def __init__(self, catalog: Catalog, served: Served, inquiry: Inquiry) -> None:
        self.served = served
        self._catalog = catalog
        self._inquiry = inquiry

    async def predicted(self, asked: Asked) -> Reply:
        """`:predict`: rows or columns in, the same out; other content types as everywhere."""
        return await self._said(asked, "predictions")

    async def explained(self, asked: Asked) -> Reply:
        """`:explain`: as `:predict`, with another key."""
        return await self._said(asked, "explanations")

    async def classified(self, asked: Asked) -> Reply:
        """`:classify`: the scores of each class."""
        question, output = await self._answered(asked, _examples, prefers="predict_proba")
        results = examples.classes(question.outputs, output)
        return self._reply(lambda say: {"results": say(results)})

    async def regressed(self, asked: Asked) -> Reply:
        """`:regress`: a number for each example."""
        question, output = await self._answered(asked, _examples)
        results = examples.values(question.outputs, output)
        return self._reply(lambda say: {"results": say(results)})

    async def _said(self, asked: Asked, key: str) -> Reply:
        if self.served.signature is None or not asked.is_json:
            return await self._called(asked, key)
        question, output = await self._answered(asked, _instances)
        return Wording(question, key).reply(output)

    def worded(self, asked: Asked) -> "Wording":
        """What `:predict` asks, read at once, and how it is answered.

        Raises:
            RequestError: as `predicted` does before it asks the model.
        """
        self.served.check_room()
        return Wording(self._question(asked, _instances, ""), "predictions")

    async def _called(self, asked: Asked, key: str) -> Reply:
        """A body that the native route would take as it is; `key` around JSON of another form."""
        kind = JSON if asked.is_json else asked.content_type
        accept = "" if asked.is_json else self._inquiry.accept
        answer = await self.served.call(self._inquiry, asked.body, kind, accept)
        if isinstance(answer, Stream):
            return Reply(answer.parts, content_type=answer.content_type)
        if answer.content_type == JSON:
            return Reply(_keyed(answer, key))
        return Reply(answer.body, content_type=answer.content_type)

    async def _answered(self, asked: Asked, read: Rows, prefers: str = "") -> tuple[_Question, Any]:
        self.served.check_room()
        if asked.is_large:
            question = await asyncio.to_thread(self._question, asked, read, prefers)
        else:
            question = self._question(asked, read, prefers)
        return question, await question.served.answer(self._inquiry, question.batch)

    def _question(self, asked: Asked, read: Rows, prefers: str) -> _Question:
        if self.served.signature is not None:
            # Around each row may stand an object with the input's name.
            extent.check(self.served.signature.inputs, 2 * self._most, asked.body)
        if read is _instances:
            batch = self._numbers(asked.body)
            if batch is not None:
                return _Question(self._method("", prefers), batch, "predictions")
        body, has_tokens = speech.loads(asked.body)
        if type(body) is not dict:
            raise InvalidInput("The body is not an object with `instances` or `inputs`.")
        served = self._method(body.get("signature_name", ""), prefers)
        if served.signature is None:
            return _Question(served, [], "")
        side = served.signature.inputs
        listed, key = read(side, body)
        if side.layout == "objects":
            instances.check_depth(listed)
            if has_tokens:
                raise InvalidInput("instances: this model takes JSON as it is, which has no NaN.")
        null = has_tokens or served.settings.nan == "null"
        return _Question(served, table.gather(side, listed, nan_as_null=null), key)

    def _numbers(self, body: bytes) -> np.ndarray | None:
        """The rows of a body that has nothing else in it."""
        signature = self._method("", "").signature
        return number_rows.batch(signature.inputs, body, self._most) if signature else None

    def _method(self, name: Any, prefers: str) -> Served:
        """The method that `signature_name` means."""
        served = self.served
        if name in ("", DEFAULT):
            name = prefers if prefers in served.methods else served.method
        if not isinstance(name, str) or name not in served.methods:
            known = ", ".join(f"`{each}`" for each in served.methods)
            raise InvalidInput(f"signature_name: there is no such signature; there is {known}.")
        return self._catalog.find(served.name, served.version, method=name)

    def _reply(self, build: Callable[[speech.Speech], Any]) -> Reply:
        return Reply(speech.dumps(build, nan_as_null=self.served.settings.nan == "null"))

    @property
    def _most(self) -> int:
        return self.served.settings.max_rows


def _instances(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    if ("instances" in body) == ("inputs" in body):
        raise InvalidInput("Expected either `instances` (rows) or `inputs` (columns) in the body.")
    if "instances" in body:
        return rows.from_rows(side, body["instances"]), "predictions"
    return rows.from_columns(side, body["inputs"]), "outputs"


def _examples(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    return examples.from_examples(side, body), "results"


def _keyed(answer: Payload, key: str) -> bytes:
    value = orjson.loads(answer.body)
    if type(value) is dict and key in value:
        return answer.body
    if type(value) is dict and value.keys() == {"predictions"}:
        return orjson.dumps({key: value["predictions"]})
    return orjson.dumps({key: orjson.Fragment(answer.body)})
