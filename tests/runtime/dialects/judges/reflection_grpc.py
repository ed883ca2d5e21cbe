"""gRPC's own health and reflection clients: `reflection_grpc.py HOST:PORT`.

Of what reflection tells alone, a call is made, as grpcurl does.
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICE = "inference.GRPCInferenceService"
QUESTION = {
    "model_name": "sums",
    "inputs": [
        {
            "name": "input",
            "datatype": "FP64",
            "shape": [1, 2],
            "contents": {"fp64_contents": [1, 2]},
        }
    ],
}


def main(where):
    with grpc.insecure_channel(where) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        print(json.dumps(health.Check(health_pb2.HealthCheckRequest(service=SERVICE)).status))
        database = ProtoReflectionDescriptorDatabase(channel)
        print(json.dumps(sorted(database.get_services())))
        method = DescriptorPool(database).FindServiceByName(SERVICE).FindMethodByName("ModelInfer")
        question = json_format.ParseDict(QUESTION, GetMessageClass(method.input_type)())
        answer = GetMessageClass(method.output_type)
        asked = channel.unary_unary(f"/{SERVICE}/ModelInfer", None, answer.FromString)
        told = asked(question.SerializeToString(), timeout=30)
        print(json.dumps(json_format.MessageToDict(told)["outputs"]))


main(sys.argv[1])
