"""tritonclient over gRPC, as its own examples use it: `triton_grpc.py HOST:PORT`."""

import asyncio
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def tell(**said):
    print(json.dumps(said))


def given(rows=ROWS):
    made = triton.InferInput("input", list(rows.shape), "FP64")
    made.set_data_from_numpy(rows)
    return [made]


def refused(client, **more):
    try:
        client.infer("sums", given(), **more)
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return None


def plain(client):
    tell(
        live=client.is_server_live(),
        ready=client.is_server_ready(),
        model=client.is_model_ready("sums"),
        server=client.get_server_metadata().name,
        platform=client.get_model_metadata("sums").platform,
        rows=client.get_model_config("sums", as_json=True)["config"]["max_batch_size"],
        index=[each.state for each in client.get_model_repository_index().models],
    )
    tell(
        traces=client.get_trace_settings("sums", as_json=True)["settings"]["trace_level"],
        logs=client.get_log_settings(as_json=True)["settings"]["log_info"],
        memory=[
            client.get_system_shared_memory_status(as_json=True),
            client.get_cuda_shared_memory_status(as_json=True),
        ],
    )
    for coding in (None, "gzip", "deflate"):
        answer = client.infer("sums", given(), request_id="7", compression_algorithm=coding)
        tell(answer=answer.as_numpy("output").tolist(), id=answer.get_response().id)
    classes = [triton.InferRequestedOutput("output", class_count=1)]
    answer = client.infer("sums", given(), outputs=classes)
    tell(classes=[[text.decode() for text in row] for row in answer.as_numpy("output").tolist()])
    tell(refused=refused(client, model_version="9"))
    tell(refused=refused(client, outputs=[triton.InferRequestedOutput("nothing")]))
    tell(refused=refused(client, timeout=1))
    tell(count=client.get_inference_statistics("sums").model_stats[0].inference_count)


def called_back(client):
    told = queue.Queue()
    client.async_infer("sums", given(), callback=lambda result, error: told.put((result, error)))
    result, error = told.get(timeout=30)
    tell(answer=result.as_numpy("output").tolist(), error=error)
    client.start_stream(callback=lambda result, error: told.put((result, error)))
    for number in range(5):
        name = "nothing" if number == 2 else "sums"
        client.async_stream_infer(name, given(), request_id=str(number))
    for _ in range(5):
        result, error = told.get(timeout=30)
        tell(
            answer=result and result.as_numpy("output").tolist(),
            error=str(error) if error else None,
        )
    client.stop_stream()


async def in_a_loop(where):
    client = triton_aio.InferenceServerClient(where)
    answers = await asyncio.gather(*(client.infer("sums", given()) for _ in range(20)))
    tell(all=all(each.as_numpy("output").tolist() == [3.0, 7.0] for each in answers))

    async def asked():
        for number in range(3):
            yield {"model_name": "sums", "inputs": given(), "request_id": str(number)}

    ids = []
    async for result, error in client.stream_infer(asked()):
        assert error is None
        ids.append(result.get_response().id)
    tell(ids=ids)
    await client.close()


def main(where):
    with triton.InferenceServerClient(where) as client:
        plain(client)
        called_back(client)
    asyncio.run(in_a_loop(where))


main(sys.argv[1])
