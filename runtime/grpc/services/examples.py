"""Examples: calls of TensorFlow Serving's `PredictionService` with `tensorflow.Example`s.

Source: github.com/tensorflow/serving, `apis/{classification,regression,inference}.proto`; answers
and their labels are those of its REST API.
"""

from functools import partial
from typing import Any

import grpc

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
from ..tensors import example_inputs, slow_fields

_SERVICE = "/tensorflow.serving.PredictionService"
_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
_MOST_TASKS = 64


class Examples:
    """Answers Classify, Regress and MultiInference."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._specs = ModelSpecs(catalog)
        self._background = BackgroundThread()
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        answers = {
            "Classify": self._classify,
            "Regress": self._regress,
            "MultiInference": self._infer,
        }
        return dispatcher.service(_SERVICE, answers, slow_fields.reader(example_inputs.SLOW))

    async def _classify(self, request: Any, dialect_request: DialectRequest) -> Any:
        response = self._messages["tensorflow.serving.ClassificationResponse"]()
        await self._write_classes(response, response.result, request, request, dialect_request)
        return response

    async def _regress(self, request: Any, dialect_request: DialectRequest) -> Any:
        response = self._messages["tensorflow.serving.RegressionResponse"]()
        await self._write_values(response, response.result, request, request, dialect_request)
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
            message = response.results.add()
            if task.method_name == _CLASSIFY:
                result, write = message.classification_result, self._write_classes
            elif task.method_name == _REGRESS:
                result, write = message.regression_result, self._write_values
            else:
                raise NotSupported(f"method_name: there are {_CLASSIFY} and {_REGRESS} here.")
            await write(message, result, task, request, dialect_request)
        return response

    async def _write_classes(
        self, message: Any, result: Any, task: Any, request: Any, dialect_request: DialectRequest
    ) -> None:
        served = self._specs.method(task.model_spec, prefers="predict_proba")
        output = await self._answered(served, request, dialect_request)
        for row in examples.classes(_outputs(served), output):
            classes = result.classifications.add().classes
            for label, score in row:
                classes.add(label=label, score=score)
        self._specs.write(message.model_spec, task.model_spec, served)

    async def _write_values(
        self, message: Any, result: Any, task: Any, request: Any, dialect_request: DialectRequest
    ) -> None:
        served = self._specs.method(task.model_spec)
        output = await self._answered(served, request, dialect_request)
        for value in examples.values(_outputs(served), output).tolist():
            result.regressions.add(value=value)
        self._specs.write(message.model_spec, task.model_spec, served)

    async def _answered(self, served: Served, request: Any, dialect_request: DialectRequest) -> Any:
        if served.signature is None:
            raise NotSupported(f"`{served.name}` takes bodies of its own form, not examples.")
        is_large = len(dialect_request.body) >= LARGE
        if is_large and not request.HasField("input"):  # another process reads them
            named = {"message": request.DESCRIPTOR.full_name}
            _, batch = await slow_fields.read(
                self._catalog, self._background, served, dialect_request, "examples", named
            )
        else:
            reading = partial(example_inputs.batch, request.input, served)
            batch = await self._background.run(reading, is_long=is_large)
        return await served.answer(dialect_request, batch)


def _outputs(served: Served) -> Side:
    return OBJECTS if served.signature is None else served.signature.outputs
