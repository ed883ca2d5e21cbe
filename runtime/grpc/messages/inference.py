"""The open inference protocol's messages, with the extensions that Triton's clients speak."""

from .kind import (
    BOOL,
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    STRING,
    UINT32,
    UINT64,
    Fields,
    Method,
    ProtoFile,
    message,
)
from .model_config import FILE as MODEL_CONFIG
from .settings import SETTING_CALLS, SETTINGS

_P = "inference."
_PARAMETERS = message(f"{_P}InferParameter").by(STRING)
_CHOICE = "parameter_choice"
_NAMED: Fields = {"name": (1, STRING), "version": (2, STRING)}
_DURATION = message(f"{_P}StatisticDuration")
_TENSOR: Fields = {"name": (1, STRING), "datatype": (2, STRING), "shape": (3, INT64.each)}
_CONTENTS: Fields = _TENSOR | {
    "parameters": (4, _PARAMETERS),
    "contents": (5, message(f"{_P}InferTensorContents")),
}
_HEAD: Fields = {
    "model_name": (1, STRING),
    "model_version": (2, STRING),
    "id": (3, STRING),
    "parameters": (4, _PARAMETERS),
}

_INFER: dict[str, Fields] = {
    "InferParameter": {
        "bool_param": (1, BOOL, _CHOICE),
        "int64_param": (2, INT64, _CHOICE),
        "string_param": (3, STRING, _CHOICE),
        "double_param": (4, DOUBLE, _CHOICE),
        "uint64_param": (5, UINT64, _CHOICE),
    },
    "InferTensorContents": {
        "bool_contents": (1, BOOL.each),
        "int_contents": (2, INT32.each),
        "int64_contents": (3, INT64.each),
        "uint_contents": (4, UINT32.each),
        "uint64_contents": (5, UINT64.each),
        "fp32_contents": (6, FLOAT.each),
        "fp64_contents": (7, DOUBLE.each),
        "bytes_contents": (8, BYTES.each),
    },
    "ModelInferRequest": _HEAD
    | {
        "inputs": (5, message(f"{_P}ModelInferRequest.InferInputTensor").each),
        "outputs": (6, message(f"{_P}ModelInferRequest.InferRequestedOutputTensor").each),
        "raw_input_contents": (7, BYTES.each),
    },
    "ModelInferRequest.InferInputTensor": _CONTENTS,
    "ModelInferRequest.InferRequestedOutputTensor": {
        "name": (1, STRING),
        "parameters": (2, _PARAMETERS),
    },
    "ModelInferResponse": _HEAD
    | {
        "outputs": (5, message(f"{_P}ModelInferResponse.InferOutputTensor").each),
        "raw_output_contents": (6, BYTES.each),
    },
    "ModelInferResponse.InferOutputTensor": _CONTENTS,
    "ModelStreamInferResponse": {
        "error_message": (1, STRING),
        "infer_response": (2, message(f"{_P}ModelInferResponse")),
    },
}

_SERVER: dict[str, Fields] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, BOOL)},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, BOOL)},
    "ModelReadyRequest": _NAMED,
    "ModelReadyResponse": {"ready": (1, BOOL)},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": _NAMED | {"extensions": (3, STRING.each)},
    "ModelMetadataRequest": _NAMED,
    "ModelMetadataResponse": {
        "name": (1, STRING),
        "versions": (2, STRING.each),
        "platform": (3, STRING),
        "inputs": (4, message(f"{_P}ModelMetadataResponse.TensorMetadata").each),
        "outputs": (5, message(f"{_P}ModelMetadataResponse.TensorMetadata").each),
    },
    "ModelMetadataResponse.TensorMetadata": _TENSOR,
    "ModelConfigRequest": _NAMED,
    "ModelConfigResponse": {"config": (1, message(f"{_P}ModelConfig"))},
}

_STATISTICS: dict[str, Fields] = {
    "StatisticDuration": {"count": (1, UINT64), "ns": (2, UINT64)},
    "InferStatistics": {
        name: (number, _DURATION)
        for number, name in enumerate(
            (
                "success", "fail", "queue", "compute_input", "compute_infer", "compute_output",
                "cache_hit", "cache_miss",
            ),
            1,
        )
    },
    "InferBatchStatistics": {
        "batch_size": (1, UINT64),
        "compute_input": (2, _DURATION),
        "compute_infer": (3, _DURATION),
        "compute_output": (4, _DURATION),
    },
    "InferResponseStatistics": {
        name: (number, _DURATION)
        for number, name in enumerate(
            ("compute_infer", "compute_output", "success", "fail", "empty_response", "cancel"), 1
        )
    },
    "MemoryUsage": {"type": (1, STRING), "id": (2, INT64), "byte_size": (3, UINT64)},
    "ModelStatistics": {
        "name": (1, STRING),
        "version": (2, STRING),
        "last_inference": (3, UINT64),
        "inference_count": (4, UINT64),
        "execution_count": (5, UINT64),
        "inference_stats": (6, message(f"{_P}InferStatistics")),
        "batch_stats": (7, message(f"{_P}InferBatchStatistics").each),
        "memory_usage": (8, message(f"{_P}MemoryUsage").each),
        "response_stats": (9, message(f"{_P}InferResponseStatistics").by(STRING)),
    },
    "ModelStatisticsRequest": _NAMED,
    "ModelStatisticsResponse": {"model_stats": (1, message(f"{_P}ModelStatistics").each)},
}  # fmt: skip


def _repository(package: str) -> dict[str, Fields]:
    """Messages of a repository's calls; Triton has them beside the others, MLServer apart.

    What stands in the answers is KServe's; Triton's clients look at nothing in them.
    """
    parameters = message(f"{package}.ModelRepositoryParameter").by(STRING)
    asked: Fields = {
        "repository_name": (1, STRING),
        "model_name": (2, STRING),
        "parameters": (3, parameters),
    }
    return {
        "ModelRepositoryParameter": {
            "bool_param": (1, BOOL, _CHOICE),
            "int64_param": (2, INT64, _CHOICE),
            "string_param": (3, STRING, _CHOICE),
            "bytes_param": (4, BYTES, _CHOICE),
        },
        "RepositoryIndexRequest": {"repository_name": (1, STRING), "ready": (2, BOOL)},
        "RepositoryIndexResponse": {
            "models": (1, message(f"{package}.RepositoryIndexResponse.ModelIndex").each)
        },
        "RepositoryIndexResponse.ModelIndex": _NAMED
        | {"state": (3, STRING), "reason": (4, STRING)},
        "RepositoryModelLoadRequest": asked,
        "RepositoryModelLoadResponse": {"model_name": (1, STRING), "isLoaded": (2, BOOL)},
        "RepositoryModelUnloadRequest": asked,
        "RepositoryModelUnloadResponse": {"model_name": (1, STRING), "isUnloaded": (2, BOOL)},
    }


def _calls(package: str, *names: str) -> dict[str, Method]:
    return {n: Method(f"{package}.{n}Request", f"{package}.{n}Response") for n in names}


_REPOSITORY_CALLS = ("RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload")

FILE = ProtoFile(
    "inference/grpc_service.proto",
    "inference",
    _SERVER | _INFER | _STATISTICS | _repository("inference") | SETTINGS,
    {},
    {
        "GRPCInferenceService": _calls(
            "inference", "ServerLive", "ServerReady", "ModelReady", "ServerMetadata",
            "ModelMetadata", "ModelConfig", "ModelStatistics", "ModelInfer", *_REPOSITORY_CALLS,
            *SETTING_CALLS,
        )
        | {
            "ModelStreamInfer": Method(
                f"{_P}ModelInferRequest", f"{_P}ModelStreamInferResponse", True, True
            )
        }
    },
    (MODEL_CONFIG.name,),
)  # fmt: skip

REPOSITORY = ProtoFile(
    "inference/model_repository.proto",
    "inference.model_repository",
    _repository("inference.model_repository"),
    {},
    {"ModelRepositoryService": _calls("inference.model_repository", *_REPOSITORY_CALLS)},
)
