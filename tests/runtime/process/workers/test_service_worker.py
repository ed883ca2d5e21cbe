"""The life of a service process: whose end it shares."""

import os
import signal
import threading

from ...conftest import wait_until
from ..unstable_service import ask, processes
from ..watched import alive, children, metric


def test_who_waits_when_the_supervisor_is_killed_is_told_at_once(unstable, servers):
    server = servers.start(unstable())
    everybody, statuses = children(server.process.pid), []
    os.kill(processes(server)[1], signal.SIGSTOP)
    asked = (("/again", {"how": "", "n": 1}), ("/later", {"how": "", "n": 1}))
    threads = [
        threading.Thread(target=lambda p=path, b=body: statuses.append(ask(server, p, **b)))
        for path, body in asked
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: metric(server, "bundle_in_flight_requests") >= 3)
    server.process.kill()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in statuses] == [503, 503]
    wait_until(lambda: not any(alive(pid) for pid in everybody))
