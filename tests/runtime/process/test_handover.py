"""What a server is given by whoever starts it, and what it tells."""

import json
import os
import socket
from pathlib import Path

from modelbundle.runtime.errors import BundleError
from modelbundle.runtime.process.handover import VARIABLE, Handover
from modelbundle.runtime.process.supervising.resolver import Resolver


def test_nothing_is_given_by_default():
    found = Handover.taken({})
    assert found == Handover()
    assert found.socket() is None
    assert found.descriptors == ()
    found.ready()  # and nobody hears it


def test_a_socket_may_come_without_a_pipe():
    """And the other way round; whoever has neither tells nobody."""
    assert Handover(listener=5).descriptors == (5,)
    assert Handover(told=0).descriptors == (0,)
    for given in (Handover(listener=5, is_successor=True), Handover(told=6)):
        environment = given.variables()
        told = json.loads(environment[VARIABLE])
        assert (told["listener"], told["told"]) == (given.listener, given.told)


def test_how_the_store_is_asked_travels_along():
    resolver = Resolver(("/bin/bundle", "resolve"), Path("/somewhere"), {"A": None, "B": "1"})
    assert Handover.taken(Handover(resolver=resolver).variables()) == Handover(resolver=resolver)


def test_a_socket_and_a_pipe_travel_through_the_environment_once():
    listener = socket.create_server(("127.0.0.1", 0))
    told, tells = os.pipe()
    environment = Handover(listener.fileno(), tells, is_successor=True).variables()
    for each in (listener.fileno(), tells):
        os.set_inheritable(each, True)  # as whoever starts a process does
    found = Handover.taken(environment)
    assert VARIABLE not in environment
    assert not os.get_inheritable(listener.fileno())
    assert not os.get_inheritable(tells)
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
