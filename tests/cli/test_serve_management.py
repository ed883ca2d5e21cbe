"""`bundle serve` of a bundle with a management port, and whoever takes over from it."""

import signal

import httpx

from modelbundle.cli.passing_server import free_port

TOKEN = "a-token-of-some-length"


def test_who_takes_over_manages_at_the_same_port_and_begins_with_its_bundle(shop, copy, eventually):
    own, port = copy(shop), free_port()
    path = own.project / "bundlefile.yaml"
    path.write_text(path.read_text() + f"serve: {{management: {{port: {port}}}}}\n")

    def ask(method, path, **query):
        headers = {"authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{port}{path}"
        return httpx.request(method, url, params=query, headers=headers, timeout=30)

    def pids():
        found = ask("GET", "/models/double").json()
        return {each["pid"] for each in found[0]["workers"]} if isinstance(found, list) else set()

    serving = own.serving(".", "--env", "current", BUNDLE_MANAGEMENT_TOKEN=TOKEN)
    with serving as server:
        old = pids()
        assert old
        assert ask("DELETE", "/models/double").status_code == 200
        assert pids() == set()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: pids() - old)
        assert ask("GET", "/models").json()["models"][0]["modelName"] == "double"
        assert server.stop() == 0
