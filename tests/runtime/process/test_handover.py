"""What a server is given by whoever starts it, and what it tells."""

import json
import os
import socket

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.handover import VARIABLE, Handover


def test_nothing_is_given_by_default():
    found = Handover.taken({})
    assert found == Handover()
    assert found.socket() is None
    assert found.descriptors == ()
    found.ready()  # and nobody hears it


def test_a_socket_and_a_pipe_travel_through_the_environment_once():
    listener = socket.create_server(("127.0.0.1", 0))
    told, tells = os.pipe()
    environment = Handover(listener.fileno(), tells, is_successor=True).variables()
    found = Handover.taken(environment)
    assert VARIABLE not in environment
    assert found.is_successor
    assert found.descriptors == (listener.fileno(), tells)
    taken = found.socket()
    assert taken.getsockname() == listener.getsockname()
    assert not taken.getblocking()
    found.ready()
    found.failed(BundleError("No.", hint="Yes."))
    events = [json.loads(line) for line in os.read(told, 1000).splitlines()]
    assert events == [
        {"event": "ready"},
        {"event": "failed", "message": "No.", "hint": "Yes.", "code": 1},
    ]
    taken.detach()
    listener.close()
    os.close(told)
    found.ready()  # nobody is there to hear it
    os.close(tells)
