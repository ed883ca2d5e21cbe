"""What the kernel lets a process have: both versions of its files."""

import pytest

from modelbundle.runtime.process.machine.cgroup import Cgroup, available_memory, usable_cores

MIB = 1 << 20


def write(root, files):
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


@pytest.fixture
def two(tmp_path):
    """Version 2, in a group of its own."""
    write(
        tmp_path,
        {
            "self": "0::/app/web\n",
            "app/web/cgroup.controllers": "cpu memory\n",
            "app/web/cpu.max": "150000 100000\n",
            "app/web/memory.max": str(512 * MIB),
            "app/web/memory.current": str(200 * MIB),
            "app/web/memory.stat": f"anon 1\ninactive_file {50 * MIB}\n",
            "app/web/memory.events": "low 0\noom 3\noom_kill 2\n",
        },
    )
    return Cgroup.current(tmp_path, tmp_path / "self")


@pytest.fixture
def one(tmp_path):
    """Version 1, as a container sees it: its own group is the root."""
    write(
        tmp_path,
        {
            "self": "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
            "cpu/cpu.cfs_quota_us": "50000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": str(256 * MIB),
            "memory/memory.usage_in_bytes": str(100 * MIB),
            "memory/memory.stat": "cache 7\ninactive_file 0\n",
            "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
        },
    )
    return Cgroup.current(tmp_path, tmp_path / "self")


def test_version_two(two):
    assert two.cores() == 1.5
    assert two.memory_left() == 362 * MIB


def test_version_one(one):
    assert one.cores() == 0.5
    assert one.memory_left() == 156 * MIB


def test_victims_of_the_group_are_counted_with_those_of_the_machine(two, tmp_path):
    before = two.oom_kills()
    (tmp_path / "app/web/memory.events").write_text("oom_kill 4\n")
    assert two.oom_kills() == before + 2


@pytest.mark.parametrize("quota", ["max 100000", "-1", "", "nonsense"])
def test_without_a_quota_all_cores_are_there(two, tmp_path, quota):
    (tmp_path / "app/web/cpu.max").write_text(quota)
    assert two.cores() is None


def test_without_a_limit_none_is_told(two, tmp_path):
    (tmp_path / "app/web/memory.max").write_text("max\n")
    assert two.memory_left() is None


def test_what_cannot_be_seen_limits_nothing(tmp_path):
    nothing = Cgroup.current(tmp_path, tmp_path / "none")
    assert (nothing.cores(), nothing.memory_left()) == (None, None)
    assert nothing.oom_kills() >= 0


def test_this_machine_has_a_core_and_some_memory():
    assert usable_cores() >= 1
    assert available_memory() > MIB
