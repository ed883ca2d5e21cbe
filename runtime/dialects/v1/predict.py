"""Predict: decodes `:predict` requests and encodes their answers, for the fast path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...data.rows import table
from ...errors import RequestError
from ..bodies import pictures
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..reply import Reply
from ..served import Served
from .cloud_event import CloudEvent
from .prediction import DecodedPrediction, Prediction, RequestBody

Find = Callable[[Mapping[str, str]], Served]
"""The model that the parts of a path name; raises a RequestError where there is none."""


class Predict:
    """A PredictionCodec for small JSON bodies that are not a CloudEvent."""

    def __init__(self, catalog: Catalog, find: Find) -> None:
        self._catalog = catalog
        self._find = find

    def has_rows(self, parts: Mapping[str, str]) -> bool:
        """Whether the path names a model that takes rows, and not a service class."""
        try:
            return self._find(parts).signature is not None
        except RequestError:
            return False

    def numbers_at(self, headers: Mapping[bytes, bytes]) -> int | None:  # noqa: ARG002
        """None: bodies are JSON."""
        return None

    def decode(self, request: DialectRequest) -> DecodedPrediction | None:
        """Decode a small JSON body; None for anything else, which the handler answers."""
        served = self._find(request.parts)
        body = RequestBody(request.body, request.content_type)
        if served.signature is None or body.is_large or not body.is_json:
            return None
        if CloudEvent.of(request) is not None or pictures.may_be_in(served, body.body):
            return None
        decoded = Prediction(self._catalog, served, request).decoded(body)
        return None if decoded.served.signature is None else decoded

    def encode(
        self, requests: Sequence[DecodedPrediction], output: Any, bounds: Sequence[int]
    ) -> Sequence[Reply]:
        """The answers of a batch, one for each request."""
        return [
            decoded.reply(table.slice(output, start, stop))
            for decoded, start, stop in zip(requests, bounds, bounds[1:], strict=False)
        ]
