"""A server that ends: what is still asked for is answered as far as there is time."""

import signal

import pytest


@pytest.mark.parametrize(("http", "isolation"), [("fast", "thread"), ("asgi", "process")])
def test_who_asked_for_what_takes_too_long_is_told_to_ask_again(sums, servers, http, isolation):
    bundle = sums(http=http, drain_timeout=0.2, timeout=60)
    server = servers.start(bundle, f"--isolation={isolation}", "--workers=1")
    with server.holding(2) as answers:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(90) == 0
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"error": "The server is shutting down."}
    assert "2 requests were still running after 0.2 s." in server.log()
    assert "Traceback" not in server.log()
