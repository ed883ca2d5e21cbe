"""Examples: calls of TensorFlow Serving's `PredictionService` with `tensorflow.Example`s.

Source: github.com/tensorflow/serving, `apis/{classification,regression,inference}.proto`; answers
and their labels are those of its REST API.
"""

import base64
from functools import partial
from typing import Any

import grpc

from ...data.rows import table
from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.served import Served
from ...dialects.v1 import examples
from ...errors import InvalidInput, NotSupported
from ...manifests.signature import OBJECTS, Side
from ..background_thread import LARGE, BackgroundThread
from ..dispatcher import Dispatcher
from ..messages.pool import pool
from ..model_spec import ModelSpecs

_SERVICE = "/tensorflow.serving.PredictionService"
_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
_MOST_TASKS = 64


class Examples:
    """Answers Classify, Regress and MultiInference."""

    def __init__(self, catalog: Catalog) -> None:
        self._specs = ModelSpecs(catalog)
        self._background = BackgroundThread()
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers = {
            f"{_SERVICE}/Classify": self._classify,
            f"{_SERVICE}/Regress": self._regress,
            f"{_SERVICE}/MultiInference": self._infer,
        }
        return {path: dispatcher.unary(path, answer) for path, answer in answers.items()}

    async def _classify(self, request: Any, dialect_request: DialectRequest) -> Any:
        response = self._messages["tensorflow.serving.ClassificationResponse"]()
        await self._write_classes(
            response, response.result, request, request.input, dialect_request
        )
        return response

    async def _regress(self, request: Any, dialect_request: DialectRequest) -> Any:
        response = self._messages["tensorflow.serving.RegressionResponse"]()
        await self._write_values(response, response.result, request, request.input, dialect_request)
        return response

    async def _infer(self, request: Any, dialect_request: DialectRequest) -> Any:
        """Each task over the same examples, of one model."""
        tasks = list(request.tasks)
        if not 0 < len(tasks) <= _MOST_TASKS:
            raise InvalidInput(f"tasks: expected from 1 to {_MOST_TASKS} of them.")
        if len({task.model_spec.name for task in tasks}) > 1:
            raise InvalidInput("tasks: expected all of them to be of one model.")
        response = self._messages["tensorflow.serving.MultiInferenceResponse"]()
        for task in tasks:
            said = response.results.add()
            if task.method_name == _CLASSIFY:
                result, write = said.classification_result, self._write_classes
            elif task.method_name == _REGRESS:
                result, write = said.regression_result, self._write_values
            else:
                raise NotSupported(f"method_name: there are {_CLASSIFY} and {_REGRESS} here.")
            await write(said, result, task, request.input, dialect_request)
        return response

    async def _write_classes(
        self, said: Any, result: Any, asked: Any, given: Any, dialect_request: DialectRequest
    ) -> None:
        served = self._specs.method(asked.model_spec, prefers="predict_proba")
        output = await self._answered(served, given, dialect_request)
        for row in examples.classes(_outputs(served), output):
            classes = result.classifications.add().classes
            for label, score in row:
                classes.add(label=label, score=score)
        self._specs.write(said.model_spec, asked.model_spec, served)

    async def _write_values(
        self, said: Any, result: Any, asked: Any, given: Any, dialect_request: DialectRequest
    ) -> None:
        served = self._specs.method(asked.model_spec)
        output = await self._answered(served, given, dialect_request)
        for value in examples.values(_outputs(served), output).tolist():
            result.regressions.add(value=value)
        self._specs.write(said.model_spec, asked.model_spec, served)

    async def _answered(self, served: Served, given: Any, dialect_request: DialectRequest) -> Any:
        if served.signature is None:
            raise NotSupported(f"`{served.name}` takes bodies of its own form, not examples.")
        work = partial(_batch, served.signature.inputs, given, served.settings.nan == "null")
        batch = await self._background.run(work, is_long=len(dialect_request.body) >= LARGE)
        return await served.answer(dialect_request, batch)


def _outputs(served: Served) -> Side:
    return OBJECTS if served.signature is None else served.signature.outputs


def _batch(side: Side, given: Any, is_null: bool) -> Any:
    kind = given.WhichOneof("kind")
    if kind is None:
        raise InvalidInput("input: expected `example_list`.")
    listed = getattr(given, kind)
    body: dict[str, Any] = {"examples": [_features(side, each) for each in listed.examples]}
    if kind == "example_list_with_context":
        body["context"] = _features(side, listed.context)
    if not body["examples"]:
        raise InvalidInput("input: expected at least one example.")
    return table.gather(side, examples.from_examples(side, body), nan_as_null=is_null)


def _features(side: Side, example: Any) -> dict[str, list[Any]]:
    """The values of each feature, as in JSON."""
    found = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if kind == "bytes_list":
            values = [_text(name, value, side) for value in values]
        found[name] = values
    return found


def _text(name: str, value: bytes, side: Side) -> Any:
    """Bytes as values of rows: models that take any JSON get strings."""
    if side.layout != "objects":
        return {"b64": base64.b64encode(value).decode()}
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name[:64]}: expected UTF-8 text.") from None
