"""A service's code knows which trace it is part of, wherever it runs."""

import pytest

from .test_service_http import bundle

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SOURCE = """
import modelbundle as mb


@mb.service
class Adder:
    def __init__(self):
        self.net = mb.model("sums")

    @mb.api
    def in_a_thread(self, n: int) -> dict:
        return mb.trace_headers()

    @mb.api
    async def on_the_loop(self, n: int) -> dict:
        return mb.trace_headers()
"""


@pytest.fixture(params=["process", "thread"])
def server(request, tmp_path, servers):
    return servers.start(bundle(tmp_path, SOURCE), f"--isolation={request.param}", "--workers=1")


def test_code_passes_on_the_trace_of_its_own_request(server):
    said = {"traceparent": PARENT, "tracestate": "a=1, b=2"}
    with server.client() as client:
        for path in ("/in_a_thread", "/on_the_loop"):
            for headers in (said, {"traceparent": "nonsense"}, said):
                answer = client.post(path, json={"n": 1}, headers=headers)
                expected = said if headers is said else {}
                assert answer.json() == expected
