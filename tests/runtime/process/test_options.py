"""What the command line of a server says."""

from dataclasses import replace
from pathlib import Path

import pytest

from modelbundle.runtime.process.options import Options


def test_a_container_may_be_told_to_serve():
    """SageMaker runs `docker run IMAGE serve`; any other word is a mistake."""
    told = Options.parse(["serve", "--port=1"], Path("bundle"))
    assert told == Options.parse(["--port=1"], Path("bundle"))
    assert Options.parse(["bundle", "serve", "--port=1"], None) == told  # an image's entry point
    for wrong in (["train"], ["serve", "serve"]):
        with pytest.raises(SystemExit):
            Options.parse(wrong, Path("bundle"))


def test_elsewhere_the_word_is_a_directory():
    """As `python -m modelbundle.runtime DIR` has it."""
    assert Options.parse(["serve"], None).directory == Path("serve")


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("--port=0", "port", 0),
        ("--port=65535", "port", 65535),
        ("--grpc-port=65535", "grpc_port", 65535),
        ("--workers=auto", "workers", "auto"),
        ("--workers=1", "workers", 1),
        ("--workers=1024", "workers", 1024),
        ("--gpu", "gpus", ()),
        ("--gpu=all", "gpus", ()),
        ("--gpu=", "gpus", ()),
        ("--gpu=1,0,1", "gpus", (1, 0)),
        ("--trust", "trust", True),
        ("--explain", "explain", True),
        ("--host=::1", "host", "::1"),
        ("--isolation=thread", "isolation", "thread"),
        ("--http=asgi", "http", "asgi"),
    ],
)
def test_what_is_asked_for(given, name, value):
    """Of each option, and nothing of the others."""
    told = Options.parse([given], Path("bundle"))
    assert told == replace(Options(Path("bundle")), **{name: value})
    assert Options.parse([], Path("bundle")) == Options(Path("bundle"))


@pytest.mark.parametrize(
    "wrong",
    [
        "--port=65536", "--port=-1", "--port=x", "--port=", "--port=1.5", "--grpc-port=65536",
        "--workers=0", "--workers=1025", "--workers=-1", "--workers=many", "--gpu=x", "--gpu=0,",
        "--isolation=x", "--http=x", "--port=" + "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_line(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        Options.parse([wrong], Path("bundle"))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument {wrong.partition('=')[0]}" in said
    assert said.startswith("usage: server.py")
