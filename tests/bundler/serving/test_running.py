"""How running servers are found."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from modelbundle.bundler.serving.running import RunningServer
from modelbundle.runtime.errors import BundleError


def server(target="model:iris", name="iris", port=8080, **more):
    url = f"http://127.0.0.1:{port}"
    return replace(RunningServer.of(target, name, url, port), tag=f"{name}:1", **more)


def test_what_is_written_is_found_until_it_is_removed(tmp_path):
    here = server()
    here.write(tmp_path)
    assert RunningServer.all(tmp_path) == [here]
    assert here.again(tmp_path) == here
    changed = replace(here, attempts=1, state="serving")
    changed.write(tmp_path)
    assert here.again(tmp_path) == changed
    here.remove(tmp_path)
    here.remove(tmp_path)
    assert RunningServer.all(tmp_path) == []
    assert here.again(tmp_path) is None


@pytest.mark.parametrize(
    "name", ["8080", "iris", "model:iris", "iris:1", pytest.param(str(os.getpid()), id="pid")]
)
def test_it_answers_to(name):
    assert server().answers_to(name)


@pytest.mark.parametrize("name", ["80", "iri", "iris:2", "", "0"])
def test_it_does_not_answer_to(name):
    assert not server().answers_to(name)


def test_a_process_that_has_ended_is_forgotten(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    own, started, place = server().process.split(".")
    for number, process in enumerate(
        [f"{gone.pid}.1.{place}", f"{own}.{int(started) + 1}.{place}"]
    ):
        replace(server(), process=process).write(tmp_path)
        assert len(list((tmp_path / "run").iterdir())) == 1, number
        with pytest.raises(BundleError, match="No `bundle serve` of yours is running"):
            RunningServer.find(tmp_path, None)
        assert list((tmp_path / "run").iterdir()) == []


def test_another_machines_server_on_a_shared_disk_is_left_alone(tmp_path):
    replace(server(), process="1.1.elsewhere").write(tmp_path)
    assert RunningServer.all(tmp_path) == []
    assert len(list((tmp_path / "run").iterdir())) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1}', "{"])
def test_a_file_that_is_none_of_ours_is_no_server(tmp_path, text):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "1.json").write_text(text)
    assert RunningServer.all(tmp_path) == []


def test_where_nothing_can_be_written_it_serves_all_the_same(tmp_path):
    (tmp_path / "run").write_text("a file")
    server().write(tmp_path)
    server().remove(tmp_path)
