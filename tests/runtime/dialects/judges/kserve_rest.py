"""KServe's own REST client asks a server of `kinds` over protocol v2.

Prints one JSON line for each part that went well; anything else raises.
"""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

BASE = sys.argv[1]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def done(part, count=1):
    print(json.dumps({"part": part, "count": count}))


def request(array=ROWS, *, binary, outputs=None, **more):
    tensor = InferInput(name="input", shape=list(array.shape), datatype="FP64")
    tensor.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model_name="sums", infer_inputs=[tensor], request_outputs=outputs, **more)


async def health(client):
    assert await client.is_server_ready(BASE) is True
    assert await client.is_server_live(BASE) is True
    assert await client.is_model_ready(BASE, "sums") is True
    done("health", 3)


async def predictions(client):
    """JSON and binary, each way."""
    for binary in (True, False):
        for out in (None, True, False):
            wanted = None
            if out is not None:
                wanted = [RequestedOutput(name="output", parameters={"binary_data": out})]
            asked = request(binary=binary, outputs=wanted, request_id="7")
            answer = await client.infer(BASE, asked, model_name="sums")
            np.testing.assert_array_equal(answer.outputs[0].as_numpy(), [3.0, 7.0])
            assert (answer.id, answer.model_name) == ("7", "sums")
    done("predictions", 6)


async def halves(client):
    """Half precision, which has no JSON."""
    array = ROWS.astype(np.float16)
    tensor = InferInput(name="input", shape=[2, 2], datatype="FP16")
    tensor.set_data_from_numpy(array, binary_data=True)
    asked = InferRequest(model_name="sums", infer_inputs=[tensor])
    answer = await client.infer(BASE, asked, model_name="sums")
    assert answer.outputs[0].data == [3.0, 7.0]
    done("halves")


async def strings(client):
    """Text in and out."""
    tensor = InferInput(name="text", shape=[2], datatype="BYTES", data=["ab", "ö"])
    asked = InferRequest(model_name="shout", infer_inputs=[tensor])
    answer = await client.infer(BASE, asked, model_name="shout")
    assert answer.outputs[0].data == ["AB", "Ö"]
    done("strings")


async def errors(client):
    """In words that it finds."""
    for name, array, said in (
        ("nothing", ROWS, "unknown model"),
        ("sums", np.ones((1, 3)), "shape"),
        ("sums", np.array([[-1.0, 0.0]]), "failed on this input"),
    ):
        try:
            await client.infer(BASE, request(array, binary=True), model_name=name)
        except Exception as error:  # noqa: BLE001  whatever it raises has to have our words
            assert said in str(error), str(error)
        else:
            raise AssertionError(name)
    done("errors", 3)


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=30))
    for part in (health, predictions, halves, strings, errors):
        await part(client)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main())
