"""KServe's client over gRPC: `kserve_grpc.py HOST:PORT`."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def asked(*, is_raw):
    made = InferInput("input", list(ROWS.shape), "FP64")
    made.set_data_from_numpy(ROWS, binary_data=is_raw)
    return InferRequest(model_name="sums", infer_inputs=[made], request_id="7")


async def main(where):
    client = InferenceGRPCClient(where)
    states = [await client.is_server_live(), await client.is_server_ready()]
    print(json.dumps([*states, await client.is_model_ready("sums")]))
    for is_raw in (True, False):
        answer = await client.infer(asked(is_raw=is_raw))
        print(json.dumps([answer.id, answer.outputs[0].as_numpy().tolist()]))
    await client.close()


asyncio.run(main(sys.argv[1]))
