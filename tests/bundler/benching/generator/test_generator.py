"""The generator's process: orders in, tallies out, nothing left behind."""

import _thread
import os
import time
from pathlib import Path

import pytest

from modelbundle.bundler.benching.generator.generator import Cut, Generator
from modelbundle.bundler.benching.generator.load import Load
from modelbundle.runtime.errors import BundleError


def test_one_process_runs_round_after_round(peer, say, bench_request):
    with peer(lambda *_: say()) as server, Generator() as generator:
        generator.aim(("127.0.0.1", server.port), "/predict", [bench_request])
        for count in (3, 5):
            tally = generator.run(Load(clients=2, seconds=60, warm=0.0, count=count))
            assert tally.statuses == {200: count}
            assert tally.wall > 0


def test_a_ctrl_c_ends_the_round_and_keeps_what_came(peer, say, bench_request):
    def behave(number, _):
        if number == 10:
            _thread.interrupt_main()
        return say()

    with peer(behave) as server, Generator() as generator:
        generator.aim(("127.0.0.1", server.port), "/predict", [bench_request])
        with pytest.raises(Cut) as cut:
            generator.run(Load(clients=2, seconds=60, warm=0.0))
        assert cut.value.tally.is_cut
        assert cut.value.tally.finished > 0
        again = generator.run(Load(clients=1, seconds=60, warm=0.0, count=2))
    assert again.statuses == {200: 2}


def test_a_generator_that_dies_is_an_error():
    with Generator() as generator:
        generator._process.kill()
        generator._process.wait()
        with pytest.raises(BundleError, match="load generator"):
            generator.run(Load())


def test_the_end_of_its_parent_ends_it():
    generator = Generator()
    pid = generator._process.pid
    assert Path(f"/proc/{pid}").exists()

    generator.close()

    assert generator._process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_bar_is_told_of_the_time(peer, say, bench_request):
    told = []
    with peer(lambda *_: say()) as server, Generator() as generator:
        generator.aim(("127.0.0.1", server.port), "/predict", [bench_request])
        start = time.monotonic()
        generator.run(Load(seconds=0.8, warm=0.0), told.append)
        assert 0 < sum(told) <= time.monotonic() - start
