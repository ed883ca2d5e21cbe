"""What of a model's configuration is told, as Triton's `ModelConfig` has it."""

from .kind import BOOL, INT32, INT64, STRING, UINT64, Fields, ProtoFile, enum, message

_TYPES = (
    "INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64",
    "FP16", "FP32", "FP64", "STRING", "BF16",
)  # fmt: skip

_CONFIG: Fields = {
    "name": (1, STRING),
    "platform": (2, STRING),
    "max_batch_size": (4, INT32),
    "input": (5, message("inference.ModelInput").each),
    "output": (6, message("inference.ModelOutput").each),
    "instance_group": (7, message("inference.ModelInstanceGroup").each),
    "default_model_filename": (8, STRING),
    "metric_tags": (10, STRING.by(STRING)),
    "dynamic_batching": (11, message("inference.ModelDynamicBatching"), "scheduling_choice"),
    "parameters": (14, message("inference.ModelParameter").by(STRING)),
    "backend": (17, STRING),
    "model_transaction_policy": (19, message("inference.ModelTransactionPolicy")),
}

FILE = ProtoFile(
    "inference/model_config.proto",
    "inference",
    {
        "ModelInput": {
            "name": (1, STRING),
            "data_type": (2, enum("inference.DataType")),
            "dims": (4, INT64.each),
            "optional": (8, BOOL),
        },
        "ModelOutput": {
            "name": (1, STRING),
            "data_type": (2, enum("inference.DataType")),
            "dims": (3, INT64.each),
            "label_filename": (4, STRING),
        },
        "ModelInstanceGroup": {
            "name": (1, STRING),
            "count": (2, INT32),
            "kind": (4, enum("inference.ModelInstanceGroup.Kind")),
        },
        "ModelDynamicBatching": {
            "preferred_batch_size": (1, INT32.each),
            "max_queue_delay_microseconds": (2, UINT64),
            "preserve_ordering": (3, BOOL),
            "priority_levels": (4, UINT64),
            "default_priority_level": (5, UINT64),
        },
        "ModelParameter": {"string_value": (1, STRING)},
        "ModelTransactionPolicy": {"decoupled": (1, BOOL)},
        "ModelConfig": _CONFIG,
    },
    {
        "DataType": {f"TYPE_{name}": number for number, name in enumerate(_TYPES)},
        "ModelInstanceGroup.Kind": {
            "KIND_AUTO": 0,
            "KIND_GPU": 1,
            "KIND_CPU": 2,
            "KIND_MODEL": 3,
        },
    },
    {},
)
