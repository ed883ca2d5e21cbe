"""MLServer's codecs write requests and read answers: `mlserver_codecs.py KINDS ZOO`.

Prints one JSON line for each codec that went well; anything else raises.
"""

import json
import sys
import urllib.request
from datetime import datetime

import numpy as np
import pandas as pd
from mlserver.codecs import (
    Base64Codec,
    DatetimeCodec,
    NumpyCodec,
    NumpyRequestCodec,
    PandasCodec,
    StringCodec,
    StringRequestCodec,
)
from mlserver.types import InferenceRequest, InferenceResponse

KINDS, ZOO = sys.argv[1:]
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def ask(server, model, request):
    """The answer to a request as pydantic writes it, with every `null` and without."""
    answers = []
    for is_short in (True, False):
        body = request.model_dump_json(exclude_none=is_short).encode()
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{server}/v2/models/{model}/infer", body, headers)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            answers.append(InferenceResponse.model_validate_json(answer.read()))
    assert answers[0] == answers[1]
    return answers[0]


def tell(codec, said):
    print(json.dumps([codec, said]))


def main():
    answer = ask(KINDS, "sums", NumpyRequestCodec.encode_request(ROWS))
    tell("np", NumpyRequestCodec.decode_response(answer).tolist())
    one = InferenceRequest(inputs=[NumpyCodec.encode_input("input", ROWS)])
    tell("np of an input", NumpyCodec.decode_output(ask(KINDS, "sums", one).outputs[0]).tolist())
    frame = pd.DataFrame({"age": [3.0, 4.0], "city": ["Bern", "Genf"]}).astype({"city": object})
    for is_bytes in (True, False):
        answer = ask(KINDS, "people", PandasCodec.encode_request(frame, use_bytes=is_bytes))
        tell("pd", StringCodec.decode_output(answer.outputs[0]))
        text = StringRequestCodec.encode_request(["ab", "ä"], use_bytes=is_bytes)
        tell("str", StringRequestCodec.decode_response(ask(KINDS, "shout", text)))
        blobs = Base64Codec.encode_input("blob", [b"\xff\xd8", b"abc"], use_bytes=is_bytes)
        answer = ask(ZOO, "weigh", InferenceRequest(inputs=[blobs]))
        tell("base64", NumpyCodec.decode_output(answer.outputs[0]).tolist())
        times = DatetimeCodec.encode_input("text", [datetime(2020, 1, 2)], use_bytes=is_bytes)  # noqa: DTZ001
        answer = ask(KINDS, "shout", InferenceRequest(inputs=[times]))
        tell("datetime", DatetimeCodec.decode_output(answer.outputs[0])[0].isoformat())
    pair = [
        NumpyCodec.encode_input("a", ROWS.astype("float32")),
        NumpyCodec.encode_input("n", np.array([1, 2])),
    ]
    answer = ask(ZOO, "pair", InferenceRequest(inputs=pair))
    tell("pd of an answer", PandasCodec.decode_response(answer).to_dict("list"))


main()
