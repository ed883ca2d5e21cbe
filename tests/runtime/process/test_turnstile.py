"""How many may come in."""

import resource
import subprocess
import sys

import pytest

from modelbundle.runtime.process.turnstile import BACKLOG, RESERVE, Turnstile


@pytest.fixture
def limited():
    """A turnstile of a process that may have so many descriptors beside those it has."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def limit(free):
        turnstile = Turnstile()
        resource.setrlimit(resource.RLIMIT_NOFILE, (turnstile.used + free, before[1]))
        return turnstile

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("free", [4, 10, 25, 100, 1000, 4000])
def test_a_full_house_and_a_whole_queue_have_room_together(limited, free):
    turnstile = limited(free)
    most = next(count for count in range(free + 1) if turnstile.is_full(count))
    assert most + turnstile.backlog <= free
    assert free - most - turnstile.backlog >= min(RESERVE, free // 4)
    assert 1 <= turnstile.backlog <= BACKLOG
    assert most >= free // 4


def test_where_nothing_is_free_one_comes_in_at_a_time(limited):
    turnstile = limited(0)
    assert not turnstile.is_full(0)
    assert turnstile.is_full(1)
    assert turnstile.backlog == 1


def test_a_process_takes_what_it_may_have():
    program = (
        "import resource\n"
        "from modelbundle.runtime.process.turnstile import allow_all\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))\n"
        "allow_all()\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"(200, 200)\n"
