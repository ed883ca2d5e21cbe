"""Workspaces, processes and the counter: whose is what, without a lock."""

import os
import subprocess
import sys
import threading

import pytest

from modelbundle.bundler.store.files.counter import Counter
from modelbundle.bundler.store.files.process import Process
from modelbundle.bundler.store.files.workspace import Workspace, all_held


def test_a_process_is_known_and_told_from_a_later_one_with_its_number():
    me = Process.current()
    assert Process.parse(str(me)) == me
    assert me.is_near
    assert me.is_alive
    assert not Process(me.pid, me.started + 1, me.place).is_alive
    assert not Process(me.pid, me.started, "elsewhere").is_near


def test_a_killed_process_is_dead_even_before_its_parent_looks():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not Process(child.pid, 0, Process.current().place).is_alive


@pytest.mark.parametrize("text", ["", "1", "1.2", "x.y.z", "1.2.3.4"])
def test_other_names_are_no_process(text):
    with pytest.raises(ValueError, match=r"unpack|invalid literal"):
        Process.parse(text)


def test_a_hold_counts(tmp_path):
    workspace = Workspace(tmp_path)
    with workspace.holding(["sha256:aa", "sha256:bb"]):
        workspace.hold("sha256:aa")
        assert all_held(tmp_path) == {"sha256:aa", "sha256:bb"}
    assert all_held(tmp_path) == {"sha256:aa"}
    workspace.release(["sha256:aa", "sha256:never"])
    assert all_held(tmp_path) == set()


def test_a_fork_gets_a_workspace_of_its_own(tmp_path):
    workspace = Workspace(tmp_path)
    mine = workspace.path
    child = os.fork()
    if child == 0:
        os._exit(workspace.path == mine)
    assert os.waitpid(child, 0)[1] == 0
    assert mine.exists()


def test_a_workspace_leaves_with_its_owner(tmp_path):
    workspace = Workspace(tmp_path)
    path = workspace.path
    del workspace
    assert not path.exists()


@pytest.mark.parametrize("_", range(20))
def test_numbers_are_given_out_once_to_threads_and_instances(tmp_path, _):
    """Also in the first moment, when each of them finds that there is no counter yet."""
    numbers = []
    together = threading.Barrier(8)

    def take():
        counter = Counter(tmp_path / "counter", lambda: 0)
        together.wait()
        numbers.extend(counter.next() for _ in range(5))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 40
    assert Counter(tmp_path / "counter", lambda: 0).value() == max(numbers)
    assert [path.name for path in tmp_path.iterdir()] == ["counter"]


def test_a_lost_counter_goes_on_from_the_highest_number_in_use(tmp_path):
    assert Counter(tmp_path / "counter", lambda: 41).next() == 42
