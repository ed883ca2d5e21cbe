"""How many may come in."""

import resource
import subprocess
import sys

import pytest

from modelbundle.runtime.process.machine.descriptor_limit import BACKLOG, RESERVE, DescriptorLimit


@pytest.fixture
def limited():
    """A limit of a process that may have so many descriptors beside those it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit(free):
        made = DescriptorLimit()
        resource.setrlimit(resource.RLIMIT_NOFILE, (made.used + free, before[1]))
        return made

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def most(limit, free, **how):
    return next(count for count in range(free + 1) if limit.is_full(count, **how))


@pytest.mark.parametrize("free", [4, 10, 25, 100, 1000, 4000, 4 * BACKLOG])
def test_all_but_a_reserve_are_for_connections(limited, free):
    limit = limited(free)
    reserve = min(RESERVE, free // 4)
    assert limit.is_scarce == (free < 4 * BACKLOG)
    assert most(limit, free, one_by_one=True) == free - reserve
    queue = min(BACKLOG, free // 4)
    assert most(limit, free, one_by_one=False) == free - reserve - queue


def test_where_nothing_is_free_one_comes_in_at_a_time(limited):
    limit = limited(0)
    assert not limit.is_full(0, one_by_one=True)
    assert limit.is_full(1, one_by_one=True)


def test_a_process_takes_what_it_may_have():
    program = (
        "import resource\n"
        "from modelbundle.runtime.process.machine.descriptor_limit import allow_all\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))\n"
        "allow_all()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"(200, 200)\n"
