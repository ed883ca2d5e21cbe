"""The CloudEvents SDK sends predictions as events: `python cloud_events.py URL`; JSON a part."""

import json
import sys
import urllib.request

from cloudevents.http import CloudEvent, from_http, to_binary, to_structured

URL = sys.argv[1] + "/v1/models/sums:predict"


def main():
    """In both modes: what comes back is an event of the same mode."""
    attributes = {"type": "org.example.request", "source": "https://example.org/client"}
    event = CloudEvent(attributes, {"instances": [[1, 2], [3, 4]]})
    for write, mode in ((to_binary, "binary"), (to_structured, "structured")):
        headers, body = write(event)
        headers = {"content-type": "application/json"} | dict(headers)
        with urllib.request.urlopen(urllib.request.Request(URL, body, headers)) as answer:
            kind = answer.headers["content-type"]
            told = from_http(dict(answer.headers.items()), answer.read())
        assert kind.startswith("application/cloudevents") == (mode == "structured"), kind
        assert told.data == {"predictions": [3.0, 7.0]}, told.data
        assert told["type"] == "io.kserve.inference.response"
        assert told["source"] == "io.kserve.inference.sums"
        assert told["id"] != event["id"]
        print(json.dumps({"part": mode}))


main()
