"""A temporary server is awaited, whatever answers where it will be."""

import socket
import threading

import pytest

from modelbundle.cli.serving.temporary_server import is_ready


@pytest.fixture
def babbler():
    """The address of a program that does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble():
            line, _ = listener.accept()
            with line:
                line.recv(1 << 16)
                line.sendall(b"220 mail.example.com\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_what_does_not_speak_http_is_not_ready(babbler):
    assert not is_ready(babbler)


def test_nobody_is_not_ready():
    assert not is_ready("http://127.0.0.1:1")
