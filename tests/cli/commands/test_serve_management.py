"""`bundle serve` of a bundle with a management port, and whoever takes over from it."""

import signal
import threading
import time
from pathlib import Path

import httpx

from modelbundle.cli.serving.temporary_server import free_port

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


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Askers:
    """Ask without end, each time on a connection of its own; whatever is no answer is a failure."""

    def __init__(self, url, count):
        self.url = url
        self.seen, self.failures = [], []
        self._is_over = False
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def _ask(self):
        headers = {"authorization": f"Bearer {TOKEN}"}
        while not self._is_over:
            try:
                found = httpx.get(self.url, headers=headers, timeout=30).raise_for_status().json()
                self.seen.append({each["pid"] for each in found[0]["workers"]})
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            time.sleep(0.01)


def test_nobody_who_manages_is_lost_when_another_server_takes_over(shop, copy, eventually):
    """Each of the two has a queue of its own at the port."""
    own, port = copy(shop), free_port()
    path = own.project / "bundlefile.yaml"
    path.write_text(path.read_text() + f"serve: {{management: {{port: {port}}}}}\n")
    serving = own.serving(".", "--env", "current", BUNDLE_MANAGEMENT_TOKEN=TOKEN)
    with serving as server, Askers(f"http://127.0.0.1:{port}/models/double", 4) as asked:
        eventually(lambda: any(asked.seen))
        old = next(filter(None, asked.seen))
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: any(asked.seen[-1:]) and not old & asked.seen[-1])
        eventually(lambda: len(children(server.process.pid)) == 1)
        enough = len(asked.seen) + 20
        eventually(lambda: len(asked.seen) > enough)
    assert asked.failures == []
