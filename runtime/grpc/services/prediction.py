"""Prediction: TensorFlow Serving's `PredictionService` and `ModelService`.

Source: github.com/tensorflow/serving, `tensorflow_serving/apis`.
"""

from functools import partial
from typing import Any

import grpc
import orjson
from google.protobuf import json_format

from ...dialects.catalog import Catalog
from ...dialects.dialect_request import DialectRequest
from ...dialects.served import Served
from ...dialects.v1 import signature_def, status
from ...errors import InvalidInput, NotSupported
from ..background_thread import LARGE, BackgroundThread
from ..dispatcher import Dispatcher
from ..messages.pool import pool
from ..model_spec import ModelSpecs
from ..tensors import predict_inputs, predict_outputs, slow_fields

_PREDICTION = "/tensorflow.serving.PredictionService"
_MODEL = "/tensorflow.serving.ModelService"
_UNKNOWN = 2  # of the codes that a version's status has
_SIGNATURE_DEF = "signature_def"


class Prediction:
    """Answers the calls of both services."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._specs = ModelSpecs(catalog)
        self._background = BackgroundThread()
        self._messages = pool()

    def handlers(self, dispatcher: Dispatcher) -> dict[str, grpc.RpcMethodHandler]:
        """By path."""
        reader = slow_fields.reader(predict_inputs.SLOW)
        return (
            dispatcher.service(_PREDICTION, {"GetModelMetadata": self._metadata})
            | dispatcher.service(_PREDICTION, {"Predict": self._predict}, reader)
            | dispatcher.service(_MODEL, {"GetModelStatus": self._status})
        )

    async def _predict(self, request: Any, dialect_request: DialectRequest) -> Any:
        spec = request.model_spec
        served = self._specs.method(spec)
        if served.signature is None:
            raise NotSupported(f"`{served.name}` takes bodies of its own form, not tensors.")
        batch = await self._batch(request, served, dialect_request)
        output = await served.answer(dialect_request, batch)
        response = self._messages["tensorflow.serving.PredictResponse"]()
        self._specs.write(response.model_spec, spec, served)
        names, deadline = list(request.output_filter), dialect_request.deadline
        return await predict_outputs.written(served, deadline, response, names, output)

    async def _batch(self, request: Any, served: Served, dialect_request: DialectRequest) -> Any:
        """The inputs of a request, which is without them where another process reads them."""
        is_large = len(dialect_request.body) >= LARGE
        if is_large and not request.inputs:
            _, batch = await slow_fields.read(
                self._catalog, self._background, served, dialect_request, "predict request", {}
            )
            return batch
        is_long = is_large and not all(each.tensor_content for each in request.inputs.values())
        reading = partial(predict_inputs.batch, request, served)
        return await self._background.run(reading, is_long=is_long)

    async def _metadata(self, request: Any, _: DialectRequest) -> Any:
        if list(request.metadata_field) != [_SIGNATURE_DEF]:
            raise InvalidInput(f"metadata_field: there is `{_SIGNATURE_DEF}`, and nothing else.")
        served = self._specs.model(request.model_spec)
        methods = self._catalog.signatures(served)
        metadata = signature_def.metadata(served.name, served.version, methods)
        signatures = json_format.Parse(
            orjson.dumps(metadata["metadata"][_SIGNATURE_DEF]),
            self._messages["tensorflow.serving.SignatureDefMap"](),
        )
        response = self._messages["tensorflow.serving.GetModelMetadataResponse"]()
        self._specs.write(response.model_spec, request.model_spec, served)
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    async def _status(self, request: Any, _: DialectRequest) -> Any:
        served = self._specs.model(request.model_spec)
        is_one = self._specs.is_one(request.model_spec, served)
        versions = status.versions(self._catalog, served, is_one=is_one)
        response = self._messages["tensorflow.serving.GetModelStatusResponse"]()
        for each in versions:
            message = response.model_version_status.add(state=status.state(each))
            message.version = self._specs.number(each)
            message.status.error_code = _UNKNOWN if each.phase == "failed" else 0
            message.status.error_message = each.why or "" if each.phase == "failed" else ""
        return response
