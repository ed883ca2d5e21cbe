"""Predict: decodes `:predict` requests and encodes their answers, for the fast path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.rows import table
from ...errors import RequestError
from ..bodies import pictures
from ..catalog import Catalog
from ..inquiry import Inquiry
from ..reply import Reply
from ..served import Served
from .cloud_event import CloudEvent
from .prediction import Prediction, RequestBody, Wording

Find = Callable[[Mapping[str, str]], Served]
"""The model that the parts of a path name; raises a RequestError where there is none."""


class PredictQuestion:
    """A Question, with the form of its answer."""

    __slots__ = ("_wording", "batch", "rows", "served")

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self.served = wording.served
        self.batch = wording.batch
        self.rows = table.rows(wording.batch)

    def reply(self, output: Any) -> Reply:
        """The answer, given what the model says to exactly these rows."""
        return self._wording.reply(output)

    async def reply_offloaded(self, output: Any, deadline: float) -> Reply:
        """As `reply`, by another process where it is much."""
        return await self._wording.reply_offloaded(output, deadline)


class Predict:
    """A PredictionCodec for small JSON bodies that are not a CloudEvent."""

    def __init__(self, catalog: Catalog, find: Find) -> None:
        self._catalog = catalog
        self._find = find

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the model of a path is there, and no author's class."""
        try:
            return self._find(parts).signature is not None
        except RequestError:
            return False

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:  # noqa: ARG002
        """Nowhere."""
        return None

    def ask(self, inquiry: Inquiry) -> PredictQuestion | None:
        """What a request asks; None for whatever the handler has to do."""
        served = self._find(inquiry.parts)
        asked = RequestBody(inquiry.body, inquiry.content_type)
        if served.signature is None or asked.is_large or not asked.is_json:
            return None
        if CloudEvent.of(inquiry) is not None or pictures.may_be_in(served, asked.body):
            return None
        wording = Prediction(self._catalog, served, inquiry).worded(asked)
        return None if wording.served.signature is None else PredictQuestion(wording)

    def replies(
        self, questions: Sequence[PredictQuestion], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """The answers to all of a batch."""
        return [
            question.reply(table.slice(output, start, stop))
            for question, start, stop in zip(questions, bounds, bounds[1:], strict=False)
        ]
