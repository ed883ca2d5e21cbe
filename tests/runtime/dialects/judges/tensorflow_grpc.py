"""TensorFlow Serving's stubs, without TensorFlow: `tensorflow_grpc.py HOST PORT`.

They were generated long ago, for a protobuf that reads them in Python only.
"""

import json
import os
import sys

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"

import grpc
import numpy as np
from min_tfs_client.requests import TensorServingClient
from min_tfs_client.tensors import tensor_proto_to_ndarray
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def tell(*said):
    print(json.dumps(said))


def main(host, port):
    client = TensorServingClient(host=host, port=int(port))
    answer = client.predict_request("sums", {"input": ROWS})
    tell(answer.model_spec.name, tensor_proto_to_ndarray(answer.outputs["output"]).tolist())
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        asked = GetModelStatusRequest()
        asked.model_spec.name = "sums"
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        tell(models.GetModelStatus(asked, timeout=30).model_version_status[0].state)
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        asked.model_spec.name = "sums"
        told = get_model_metadata_pb2.SignatureDefMap()
        service.GetModelMetadata(asked, timeout=30).metadata["signature_def"].Unpack(told)
        only = told.signature_def["serving_default"]
        shape = [each.size for each in only.inputs["input"].tensor_shape.dim]
        tell(only.inputs["input"].dtype, shape, only.method_name)
        tell(*filled(service))
        tell(*refused(service, channel))


def filled(service):
    """One value for all, and raw ones."""
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "sums"
    asked.model_spec.signature_name = "predict"
    tensor = asked.inputs["input"]
    tensor.dtype = 2  # DT_DOUBLE
    for size in (1, 2):
        tensor.tensor_shape.dim.add(size=size)
    tensor.double_val.append(5.0)
    yield list(service.Predict(asked, timeout=30).outputs["output"].double_val)
    del tensor.double_val[:]
    tensor.tensor_content = ROWS[:1].tobytes()
    yield list(service.Predict(asked, timeout=30).outputs["output"].double_val)


def refused(service, channel):
    for version, name in ((9, "sums"), (0, "nothing")):
        asked = predict_pb2.PredictRequest()
        asked.model_spec.name = name
        if version:
            asked.model_spec.version.value = version
        try:
            service.Predict(asked, timeout=30)
        except grpc.RpcError as error:
            yield error.code().name
    asked = GetModelStatusRequest()
    asked.model_spec.name = "nothing"
    try:
        model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(asked, timeout=30)
    except grpc.RpcError as error:
        yield error.code().name


main(*sys.argv[1:])
