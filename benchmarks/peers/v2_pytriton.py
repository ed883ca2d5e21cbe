"""PyTriton: Triton's own front in C++, the function in Python behind it."""

import sys

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

PORT, SIZE = int(sys.argv[1]), int(sys.argv[2])


@batch
def sums(input):
    """Add up rows."""
    return {"output": input.sum(axis=1, keepdims=True)}


with Triton(
    config=TritonConfig(http_port=PORT, grpc_port=PORT + 1, metrics_port=PORT + 2)
) as triton:
    triton.bind(
        model_name="sums",
        infer_func=sums,
        inputs=[Tensor(name="input", dtype=np.float32, shape=(SIZE,))],
        outputs=[Tensor(name="output", dtype=np.float32, shape=(1,))],
        config=ModelConfig(max_batch_size=64, batcher=DynamicBatcher()),
    )
    triton.serve()
