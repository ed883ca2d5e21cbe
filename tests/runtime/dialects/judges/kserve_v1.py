"""KServe's own client, in its V1 protocol: `python kserve_v1.py URL`; a line of JSON a part."""

import asyncio
import json
import sys

import httpx
from kserve.inference_client import InferenceRESTClient, RESTConfig


async def refused(what):
    """The status with which the server refuses."""
    try:
        await what
    except httpx.HTTPStatusError as error:
        return error.response.status_code, str(error)
    return 200, ""


async def main(url):
    """Ask for everything that the client can ask for."""
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    assert await client.is_server_live(url)
    assert await client.is_model_ready(url, "sums")
    told = await client.infer(url, {"instances": [[1, 2], [3, 4]]}, model_name="sums")
    assert told == {"predictions": [3.0, 7.0]}, told
    person = {"age": 3, "city": "Oslo"}
    told = await client.infer(url, {"instances": [person]}, model_name="people")
    assert told == {"predictions": ["Oslo 3"]}, told
    told = await client.explain(url, "scores", {"instances": [[1, 2]]})
    assert told == {"explanations": [{"because": 1.0}]}, told
    status, words = await refused(client.infer(url, {"instances": [[1]]}, model_name="sums"))
    assert status == 400, status
    assert "expected 2 numbers" in words, words  # it reads `error` of JSON, and nothing else
    assert (await refused(client.is_model_ready(url, "nothing")))[0] in {200, 404}
    print(json.dumps({"part": "kserve v1"}))


asyncio.run(main(sys.argv[1]))
