"""What there is, and who may change it."""

import pytest

from modelbundle.runtime.grpc.messages.pool import pool

from ..conftest import Client

LOAD = "RepositoryModelLoad"


def asked(name):
    """A request to load a model."""
    return pool()["inference.RepositoryModelLoadRequest"](model_name=name)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("", "INVALID_ARGUMENT", "Model name cannot be empty."),
        ("\t \n", "INVALID_ARGUMENT", "Model name cannot be empty."),
        ("a/../b", "INVALID_ARGUMENT", "must not contain path traversal characters"),
        (" ..", "INVALID_ARGUMENT", "must not contain path traversal characters"),
        ("sums", "UNIMPLEMENTED", "`serve.model_control` is not `explicit`"),
    ],
)
def test_what_cannot_be_loaded_is_named(server, name, code, said):
    """In the words that clients of Triton look for."""
    with server.channel() as channel:
        got, words = Client(channel).refused(LOAD, asked(name))
    assert got == code
    assert said in words


def test_a_model_is_loaded_as_the_bundle_has_it(server):
    """Whoever sends another configuration is told that it is not heeded."""
    request = asked("sums")
    request.parameters["config"].string_param = '{"max_batch_size": 16}'
    with server.channel() as channel:
        code, words = Client(channel).refused(LOAD, request)
    assert code == "UNIMPLEMENTED"
    assert words.startswith("failed to load 'sums', for parameters")
