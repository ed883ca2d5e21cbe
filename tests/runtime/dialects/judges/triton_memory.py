"""Asks `sums` by tensors in shared memory, with Triton's clients; prints what comes, a line each."""

import json
import sys

import numpy as np
import tritonclient.grpc
import tritonclient.http
import tritonclient.utils.shared_memory as shm

ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def ask(triton, address, key):
    """What one client says, and what stands in the region that it named for the answer."""
    client = triton.InferenceServerClient(address)
    client.unregister_system_shared_memory()
    client.unregister_cuda_shared_memory()
    given = shm.create_shared_memory_region("given", f"/{key}-given", ROWS.nbytes)
    answer = shm.create_shared_memory_region("answer", f"/{key}-answer", 16)
    try:
        shm.set_shared_memory_region(given, [ROWS])
        client.register_system_shared_memory("given", f"/{key}-given", ROWS.nbytes)
        client.register_system_shared_memory("answer", f"/{key}-answer", 16)
        rows = triton.InferInput("input", ROWS.shape, "FP64")
        rows.set_shared_memory("given", ROWS.nbytes)
        output = triton.InferRequestedOutput("output")
        output.set_shared_memory("answer", 16)
        plain = client.infer("sums", [rows]).as_numpy("output")
        client.infer("sums", [rows], outputs=[output])
        shared = shm.get_contents_as_numpy(answer, np.float64, [2])
        client.unregister_system_shared_memory("given")
        return {"plain": plain.tolist(), "shared": shared.tolist(), "refused": late(client, rows)}
    finally:
        client.unregister_system_shared_memory()
        shm.destroy_shared_memory_region(given)
        shm.destroy_shared_memory_region(answer)


def late(client, rows):
    """What is said of a region that is registered no longer."""
    try:
        client.infer("sums", [rows])
    except tritonclient.utils.InferenceServerException as error:
        return error.message()
    return None


http, grpc, key = sys.argv[1:]
print(json.dumps(ask(tritonclient.http, http, f"{key}-h")))
print(json.dumps(ask(tritonclient.grpc, grpc, f"{key}-g")))
