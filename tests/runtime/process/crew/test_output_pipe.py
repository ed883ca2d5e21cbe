"""A worker's pipe to its supervisor."""

import os

from modelbundle.runtime.process.crew.output_pipe import OutputPipe


def test_what_still_writes_to_the_pipe_of_a_dead_worker_holds_nobody_up():
    """Such as a child of it that writes for ever, and ignores signals."""
    heard = []
    pipe = OutputPipe(lambda data: heard.append(os.write(writer, data)))
    writer = os.dup(pipe.writer)
    pipe.listen()
    try:
        os.write(writer, b"a word")
        pipe.finish()
        assert heard
        assert pipe.is_closed
    finally:
        os.close(writer)
