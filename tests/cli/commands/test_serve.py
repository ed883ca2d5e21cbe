"""`bundle serve`: every kind of target, answered over a socket."""

import os
import pickle
import signal
import socket
import urllib.error
from pathlib import Path

import pytest

ROWS = {"instances": [[1.0, 2.0]]}
TWICE = {"predictions": [[2.0, 4.0]]}


@pytest.mark.parametrize("target", ["bundle:twice", "model:double", ".", "bundlefile.yaml"])
def test_a_tag_a_model_a_project_and_a_bundlefile_are_served(target, shop):
    with shop.serving(target, "--env", "current") as server:
        assert server.post("/predict", ROWS) == TWICE
        assert server.stop() == 0


def test_an_unpacked_bundle_is_served_from_any_directory(shop, tmp_path):
    with shop.serving(shop.built["path"], "--env", "current") as server:
        assert server.ready["digest"] == shop.built["digest"]
        assert server.post("/predict", ROWS) == TWICE


def test_json_says_one_object_when_the_server_is_ready_and_ctrl_c_ends_it_with_130(shop):
    with shop.serving("twice", "--env", "current") as server:
        assert list(server.ready)[:2] == ["tag", "digest"]
        assert server.ready["tag"] == shop.tag
        assert server.ready["routes"] == ["/predict"]
        server.post("/predict", ROWS)
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.post("/predict", {"rows": 1})
        assert refused.value.code in {400, 422}
        refused.value.close()
        assert server.stop(signal.SIGINT) == 130
        assert server.process.stdout.read() == "", "the access log is on stderr"
    assert any('"path":"/predict"' in line for line in server.talk)


def test_a_taken_port_is_told_at_once(shop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused = shop("serve", "twice", "--env=current", f"--port={port}", code=1)

    assert f"Cannot listen on 127.0.0.1 port {port}" in refused.err
    assert "--port" in refused.err


def test_gpu_without_a_gpu_is_exit_8_before_anything_is_loaded(shop):
    refused = shop("serve", "twice", "--env=current", "--gpu", code=8, CUDA_VISIBLE_DEVICES="")

    assert refused.err.splitlines()[-1].startswith(("error: ", "hint: "))
    assert "needs an NVIDIA driver" in refused.err or "hides every GPU" in refused.err


def test_a_model_that_cannot_be_loaded_ends_the_server_with_one_error(bundle, plain):
    (plain / "train.py").write_text(
        "class Breaks:\n"
        "    def predict(self, rows):\n        return rows\n"
        "    def __setstate__(self, state):\n        raise ValueError('too old')\n"
        "model = Breaks()\nmodel.size = 1\n"
    )
    bundle("save", "breaks", "train:model")

    failed = bundle("serve", "model:breaks", "--port=0", code=1)

    assert failed.err.count("error: ") == 1
    assert "too old" in failed.err


@pytest.mark.parametrize("target", ["nowhere", "./nowhere", "model:nowhere", "nowhere.yaml"])
def test_a_target_that_is_nothing_is_named(target, bundle):
    missing = bundle("serve", target, code=1)

    assert "nowhere" in missing.err.splitlines()[0]
    assert "hint: " in missing.err


def test_an_untrusted_model_is_refused_once_and_served_with_trust(bundle, plain, serving):
    (plain / "doubled.pkl").write_bytes(pickle.dumps(len))
    bundle("save", "length", "doubled.pkl")

    refused = bundle("serve", "model:length", "--port=0", code=5)
    assert "--trust" in refused.err

    with serving("model:length", "--trust"):
        pass
    with serving("model:length") as server:
        assert server.ready["tag"].startswith("length:")


def test_without_json_stderr_says_where_it_serves_and_what_killed_the_server(shop, eventually):
    with shop.started("serve", "twice", "--env=current", "--port=0") as (process, talk):
        eventually(lambda: any("Serving `twice` on http://127.0.0.1:" in line for line in talk))
        path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        os.kill(int(path.read_text()), signal.SIGKILL)
        assert process.wait(90) == 137
        eventually(lambda: any("The server was killed by SIGKILL." in line for line in talk))


def test_a_model_that_writes_where_it_should_not_ends_nobody_else(bundle, plain, serving):
    """Into each pipe that it finds open, and then it ends: nobody takes that for a message."""
    (plain / "train.py").write_text(
        "import os, stat\n"
        "def model(rows):\n"
        "    if rows[0, 0] < 0:\n"
        "        for number in range(3, 64):\n"
        "            try:\n"
        "                if stat.S_ISFIFO(os.fstat(number).st_mode):\n"
        "                    os.write(number, b'1\\n')\n"
        "            except OSError:\n"
        "                pass\n"
        "        os._exit(3)\n"
        "    return rows * 2\n"
    )
    bundle("save", "scribbles", "train:model", "--sample", "sample.json")
    with serving("model:scribbles") as server:
        for _ in range(2):
            with pytest.raises(urllib.error.HTTPError) as refused:
                server.post("/predict", {"instances": [[-1.0, 0.0]]})
            assert refused.value.code == 503
            refused.value.close()
            assert server.post("/predict", ROWS) == TWICE
        assert server.stop() == 0, "".join(server.talk)
