"""Prediction: converts a TensorFlow Serving body to a batch, and an answer to a reply."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import orjson

from ...data import media
from ...data.codecs import instances
from ...data.depth import check_depth
from ...data.payload import JSON, Payload, is_json
from ...data.rows import extent, number_rows, table
from ...errors import InvalidInput
from ...manifests.signature import OBJECTS, Side
from ...models.operation import Stream
from .. import work
from ..bodies import pictures
from ..catalog import Catalog
from ..inquiry import Inquiry
from ..reply import Reply
from ..served import Served
from . import examples, nan_json, rows
from .signature_def import DEFAULT

_JSON_ALL_THE_SAME = frozenset(
    {"application/x-www-form-urlencoded", "application/octet-stream", "text/plain"}
)
"""What clients say who say nothing: curl and those of TensorFlow Serving, which never looks."""

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
        return is_json(kind) or kind in _JSON_ALL_THE_SAME

    @property
    def is_large(self) -> bool:
        """Whether it is read elsewhere, or in a thread."""
        return len(self.body) >= work.LARGE_BODY


@dataclass(frozen=True, slots=True)
class _Question:
    """The method to call, its batch, and the key of its answer."""

    served: Served
    batch: Any
    key: str

    @property
    def outputs(self) -> Side:
        signature = self.served.signature
        return signature.outputs if signature is not None else OBJECTS


class Wording:
    """The form of an answer: rows under `key`, or the columns that were asked for.

    Under "classify" and "regress" stand scores of classes, and a number for each example.
    """

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
        return Reply(nan_json.dumps(partial(self._told, output), nan_as_null=self._is_null))

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`, by another process where it is much.

        Raises:
            RequestError: as `reply`; see `work.write`.
        """
        given = {"asked": self._question.key, "key": self._key}
        said = await work.write(self.served, deadline, "v1", given, output)
        return self.reply(output) if said is None else said

    def _told(self, output: Any, say: nan_json.EncodeRows) -> Any:
        outputs = self._question.outputs
        if self._key in _RESULTS:
            return {"results": say(_RESULTS[self._key](outputs, output))}
        if self._question.key == "outputs":
            return {"outputs": rows.to_columns(outputs, output, say)}
        return {self._key: rows.to_rows(outputs, output, say)}

    @property
    def _is_null(self) -> bool:
        return self.served.settings.nan == "null"


Rows = Callable[[Side, dict[str, Any]], tuple[list[Any], str]]


class BodyForm(NamedTuple):
    """The required form of a body.

    rows      under which key they stand: "instances", or "inputs" instead, or "examples"
    prefers   the method that is asked where the body names none, if the model has it
    refused   a key that may have no value
    """

    rows: str
    prefers: str = ""
    refused: str = ""


class PredictionReader:
    """Decodes requests for one model."""

    def __init__(self, catalog: Catalog, served: Served) -> None:
        self.served = served
        self._catalog = catalog

    def question(self, asked: RequestBody, form: BodyForm) -> _Question:
        """What is asked in JSON of a form.

        Raises:
            RequestError: for what is none.
        """
        if self.served.signature is not None:
            # Around each row may stand an object with the input's name.
            extent.check(self.served.signature.inputs, 2 * self._most, asked.body)
        if form.rows == "instances":
            batch = self._numbers(asked.body)
            if batch is not None:
                return _Question(self._method("", form.prefers), batch, "predictions")
        body, has_tokens = nan_json.loads(asked.body)
        served, listed, key = self._rows(body, form)
        if served.signature is None:
            return _Question(served, [], "")
        try:
            return _Question(served, _gathered(served, listed, has_tokens=has_tokens), key)
        except InvalidInput as error:
            if form.rows == "instances" or not error.detail.startswith("instances"):
                raise
            raise InvalidInput(form.rows + error.detail.removeprefix("instances")) from None

    async def pictured(
        self, asked: RequestBody, form: BodyForm, inquiry: Inquiry
    ) -> _Question | None:
        """What is asked in JSON whose rows are pictures; None where they are something else.

        Raises:
            RequestError: as `question`.
        """
        served, listed, key = self._rows(nan_json.loads(asked.body)[0], form)
        files = pictures.files(listed)
        if files is None:
            return None
        return _Question(served, await pictures.batch(served, inquiry, files), key)

    def _rows(self, body: Any, form: BodyForm) -> tuple[Served, list[Any], str]:
        """The method to call, the rows for it, and the key of the answer."""
        if type(body) is not dict:
            raise InvalidInput("The body is not an object with `instances` or `inputs`.")
        served = self._method(body.get("signature_name", ""), form.prefers)
        if form.refused and body.get(form.refused) not in (None, {}):
            raise InvalidInput(f"{form.refused}: this model takes none.")
        if served.signature is None:
            return served, [], ""
        return served, *_FORMS[form.rows](served.signature.inputs, body)

    def _numbers(self, body: bytes) -> np.ndarray | None:
        """The rows of a body that has nothing else in it."""
        signature = self._method("", "").signature
        return number_rows.batch(signature.inputs, body, self._most) if signature else None

    def method(self, name: str) -> Served:
        """Another method of the model."""
        return self._catalog.find(self.served.name, self.served.version, method=name)

    def _method(self, name: Any, prefers: str) -> Served:
        """The method that `signature_name` means."""
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

    def __init__(self, catalog: Catalog, served: Served, inquiry: Inquiry) -> None:
        self.served = served
        self._reader = PredictionReader(catalog, served)
        self._inquiry = inquiry

    async def predicted(self, asked: RequestBody, refused: str = "") -> Reply:
        """`:predict`: rows or columns in, the same out; other content types as everywhere.

        A value under the key `refused` is for an author's class alone: a model heeds none.
        """
        return await self._said(asked, "predictions", refused)

    async def explained(self, asked: RequestBody) -> Reply:
        """`:explain`: as `:predict`, with another key."""
        return await self._said(asked, "explanations")

    async def classified(self, asked: RequestBody) -> Reply:
        """`:classify`: the scores of each class."""
        question, output = await self._answered(
            asked, BodyForm("examples", prefers="predict_proba")
        )
        return await Wording(question, "classify").reply_offloaded(output, self._inquiry.deadline)

    async def regressed(self, asked: RequestBody) -> Reply:
        """`:regress`: a number for each example."""
        question, output = await self._answered(asked, BodyForm("examples"))
        return await Wording(question, "regress").reply_offloaded(output, self._inquiry.deadline)

    async def _said(self, asked: RequestBody, key: str, refused: str = "") -> Reply:
        if self.served.signature is None or not asked.is_json:
            return await self._called(asked, key)
        question, output = await self._answered(asked, BodyForm("instances", refused=refused))
        return await Wording(question, key).reply_offloaded(output, self._inquiry.deadline)

    def worded(self, asked: RequestBody) -> "Wording":
        """What `:predict` asks, read at once, and how it is answered.

        Raises:
            RequestError: as `predicted` does before it asks the model.
        """
        self.served.check_room()
        return Wording(self._reader.question(asked, BodyForm("instances")), "predictions")

    async def _called(self, asked: RequestBody, key: str) -> Reply:
        """A body that the native route would take as it is; `key` around JSON of another form."""
        kind = JSON if asked.is_json else asked.content_type
        accept = "" if asked.is_json else self._inquiry.accept
        answer = await self.served.call(self._inquiry, asked.body, kind, accept)
        if isinstance(answer, Stream):
            return Reply(answer.parts, content_type=answer.content_type)
        if answer.content_type == JSON:
            is_rows = self.served.signature is not None
            return Reply(_renamed(answer.body, key) if is_rows else _keyed(answer, key))
        return Reply(answer.body, content_type=answer.content_type)

    async def _answered(self, asked: RequestBody, form: BodyForm) -> tuple[_Question, Any]:
        self.served.check_room()
        question = await self._read(asked, form)
        return question, await question.served.answer(self._inquiry, question.batch)

    async def _read(self, asked: RequestBody, form: BodyForm) -> _Question:
        if pictures.may_be_in(self.served, asked.body):
            question = await self._reader.pictured(asked, form, self._inquiry)
            if question is not None:
                return question
        if not asked.is_large:
            return self._reader.question(asked, form)
        given = {"form": list(form)}
        read = await work.read(self.served, self._inquiry.deadline, "v1", given, asked.body)
        if read is None:
            return await asyncio.to_thread(self._reader.question, asked, form)
        (method, key), batch = read
        return _Question(self._reader.method(method), batch, key)


def _gathered(served: Served, listed: list[Any], *, has_tokens: bool) -> Any:
    assert served.signature is not None
    side = served.signature.inputs
    if side.layout == "objects":
        check_depth(listed)
        if has_tokens:
            raise InvalidInput("instances: this model takes JSON as it is, which has no NaN.")
    null = has_tokens or served.settings.nan == "null"
    return table.gather(side, listed, nan_as_null=null)


def _instances(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    if ("instances" in body) == ("inputs" in body):
        raise InvalidInput("Expected either `instances` (rows) or `inputs` (columns) in the body.")
    if "instances" in body:
        return rows.from_rows(side, body["instances"]), "predictions"
    return rows.from_columns(side, body["inputs"]), "outputs"


def _examples(side: Side, body: dict[str, Any]) -> tuple[list[Any], str]:
    return examples.from_examples(side, body), "results"


_FORMS: dict[str, Rows] = {"instances": _instances, "examples": _examples}
_RESULTS = {"classify": examples.classes, "regress": examples.values}


def read_elsewhere(catalog: Catalog, given: work.Json, body: bytes) -> work.Reading:
    """As `Prediction` reads a large body: the method and the key, and the batch."""
    reader = PredictionReader(catalog, work.of(catalog, given))
    question = reader.question(RequestBody(body, JSON), BodyForm(*given["form"]))
    signature = question.served.signature
    side = OBJECTS if signature is None else signature.inputs
    return work.Reading((question.served.method, question.key), side, question.batch)


def write_elsewhere(catalog: Catalog, given: work.Json, output: Any) -> Reply:
    """As `Wording` says a large answer."""
    question = _Question(work.of(catalog, given), None, given["asked"])
    return Wording(question, given["key"]).reply(output)


def _renamed(body: bytes, key: str) -> bytes:
    """What the native route says to rows, which may be much, under another key."""
    return body if key == "predictions" else body.replace(b"predictions", key.encode(), 1)


def _keyed(answer: Payload, key: str) -> bytes:
    value = instances.exact(answer.body)
    if type(value) is dict and key in value:
        return answer.body
    if type(value) is dict and value.keys() == {"predictions"}:
        return instances.written({key: value["predictions"]})
    return orjson.dumps({key: orjson.Fragment(answer.body)})
