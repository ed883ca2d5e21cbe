"""TensorFlow Serving's REST API and KServe's V1, on real servers."""

import json
import math

import pytest


@pytest.fixture(scope="module")
def v1(server):
    """A client of the server."""
    with server.client() as client:
        yield client


def predict(client, body, path="/v1/models/sums:predict", **headers):
    """Post a body that may be text already."""
    content = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return client.post(path, content=content, headers=headers)


def test_rows_and_columns(v1):
    """Each form is answered in its own."""
    rows = predict(v1, {"instances": [[1, 2], [3, 4]]})
    assert rows.json() == {"predictions": [3.0, 7.0]}
    assert predict(v1, {"instances": [{"input": [1, 2]}]}).json() == {"predictions": [3.0]}
    assert predict(v1, {"inputs": [[1, 2]]}).json() == {"outputs": [3.0]}
    assert predict(v1, {"inputs": {"input": [[1, 2]]}}).json() == {"outputs": [3.0]}
    assert rows.headers["content-type"] == "application/json"
