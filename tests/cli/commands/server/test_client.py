"""`bundle client`: a file that somebody else can run without us."""

import subprocess
import sys

CURRENT = ("--env", "current")
USE = """
import sys
from twice_client import Twice, ServerError

assert "modelbundle" not in sys.modules
with Twice(sys.argv[1]) as client:
    print(client.predict([[1, 2]]))
    try:
        client.predict([["a", 2]])
    except (ServerError, ValueError) as error:
        print("refused")
"""


def test_the_client_of_a_bundle_asks_its_server_without_us(shop, tmp_path):
    path = tmp_path / "twice_client.py"
    said = shop("client", "twice", "-o", path)
    assert said.out == f"Wrote the client of `twice` to `{path}`.\n"
    (tmp_path / "use.py").write_text(USE)
    with shop.serving("twice", *CURRENT) as server:
        command = [sys.executable, "use.py", server.url]
        used = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert used.stdout.splitlines()[1:] == ["refused"], used.stderr
        assert shop("client", server.url).out == path.read_text()


def test_a_model_and_a_bundle_have_clients_and_nothing_is_run(shop):
    made = shop("client", "model:double", "--json")
    assert made.json["tag"] == shop.model
    assert made.json["routes"] == ["predict"]
    assert "class Double(Server):" in made.json["source"]
    assert made.err == ""
    assert shop("client", "model:double").out == made.json["source"]


def test_what_is_not_there_is_said(shop, tmp_path):
    assert "twicee" in shop("client", "twicee", code=1).err
    silent = shop("client", "http://127.0.0.1:1", code=1).err
    assert "does not answer" in silent
    assert "bundle serve TAG" in silent
    gone = tmp_path / "gone" / "client.py"
    assert "cannot be written" in shop("client", "twice", "-o", gone, code=1).err
