"""What a model forks keeps no client waiting, in a server that has the model in a thread."""

import subprocess
import sys

SCRIPT = """
import os, socket
from modelbundle.runtime.process.sockets.forked_copies import close_in_forks

listener, other = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
address = listener.getsockname()
close_in_forks([address[1]])
client = socket.create_connection(address, timeout=30)
connection, _ = listener.accept()
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    os.close(writer)
    os.read(reader, 1)
    os._exit(other.getsockname() == address)
connection.close()
assert client.recv(1) == b"", "it has ended"
listener.close()
try:
    socket.create_connection(address, timeout=30)
except ConnectionRefusedError:
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0, "sockets of its own are still there"
    print("all is well")
"""


def test_a_connection_ends_though_what_was_forked_while_it_was_open_lives_on():
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=90, check=False
    )
    assert (said.stdout, said.stderr) == ("all is well\n", "")
